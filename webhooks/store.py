"""Where a verified event becomes a row: once, and durable before its provider is answered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from integrations.models.base import uuid7
from integrations.providers.events import EventIdentity

_MAX_SIGNATURE = 4096

# The unique (endpoint, event id) is what makes a redelivery, or two at once, one row.
_INSERT = """
INSERT INTO webhook_events (
    id, organization_id, webhook_endpoint_id, event_id, event_type, normalized_type, raw_body, headers, signature,
    signature_verified, processing_status, retry_count, error_message
) VALUES (%s, %s, %s, %s, %s, '', %s, %s, %s, true, 'pending', 0, '')
ON CONFLICT (webhook_endpoint_id, event_id) DO NOTHING
"""


@dataclass(frozen=True)
class ReceivedEvent:
    organization_id: uuid.UUID
    endpoint_id: uuid.UUID
    identity: EventIdentity
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    signature: str = field(repr=False)

    def row(self) -> list[Any]:
        headers = {name: value.replace("\x00", "") for name, value in self.headers.items()}
        signature = self.signature.replace("\x00", "")[:_MAX_SIGNATURE]
        key = [uuid7(), self.organization_id, self.endpoint_id, self.identity.event_id, self.identity.event_type]
        return [*key, self.body, json.dumps(headers), signature]


def store_event(event: ReceivedEvent) -> None:
    """Insert the event, or do nothing where its id is stored already. Raises DatabaseError."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, event.row())
