"""Where a verified event becomes a row: once, and durable before its provider is answered."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from integrations.group_writer import Cursor, GroupWriter
from integrations.models.base import uuid7
from integrations.providers.events import EventIdentity

_MAX_SIGNATURE = 4096

# One statement whatever the number of rows, so that it is prepared once. The unique (endpoint, event id) is what makes
# a redelivery, or two at once, one row.
_INSERT = """
INSERT INTO webhook_events (
    id, organization_id, webhook_endpoint_id, event_id, event_type, subject, occurred_at, is_test, raw_body, headers,
    signature, signature_verified, normalized_type, processing_status, retry_count, error_message
)
SELECT given.*, '', 'pending', 0, '' FROM unnest(
    %b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::bool[], %b::bytea[],
    %b::jsonb[], %b::text[], %b::bool[]
) AS given
ON CONFLICT (webhook_endpoint_id, event_id) DO NOTHING
"""


@dataclass(frozen=True)
class ReceivedEvent:
    """Only a test, which changes nothing, may be one whose signature was not verified."""

    organization_id: uuid.UUID
    endpoint_id: uuid.UUID
    identity: EventIdentity
    body: bytes = field(repr=False)
    headers: Mapping[str, str]
    signature: str = field(repr=False)
    is_test: bool = False
    signature_verified: bool = True
    pk: uuid.UUID = field(default_factory=uuid7)

    def __post_init__(self) -> None:
        if not (self.signature_verified or self.is_test):
            raise ValueError("What was not verified is stored as a test alone.")

    def row(self) -> list[Any]:
        headers = {name: value.replace("\x00", "") for name, value in self.headers.items()}
        signature = self.signature.replace("\x00", "")[:_MAX_SIGNATURE]
        identity = self.identity
        key = [self.pk, self.organization_id, self.endpoint_id, identity.event_id, identity.event_type]
        told = [identity.subject, identity.occurred_at, self.is_test, self.body, json.dumps(headers), signature]
        return [*key, *told, self.signature_verified]

    @property
    def order(self) -> tuple[uuid.UUID, str]:
        """All insert in this order, so that two processes with the same events never wait for each other."""
        return self.endpoint_id, self.identity.event_id


def store_event(event: ReceivedEvent) -> None:
    """Insert the event, or do nothing where its id is stored already. Raises DatabaseError."""
    _writer.write(event)


def body_digest(payload: Mapping[str, Any]) -> str:
    """The id of an event whose provider gives it none: the same for the same content, however that was wrapped.

    Keyed, as a vault's fingerprint is: what is in a short body must not be guessed from its event's id.
    """
    key = hashlib.sha256(b"hub.event_id:" + settings.SECRET_KEY.encode()).digest()
    return hmac.digest(key, json.dumps(payload, sort_keys=True).encode(), "sha256").hex()


def _insert(cursor: Cursor, events: Sequence[ReceivedEvent]) -> None:
    rows = [event.row() for event in sorted(events, key=lambda event: event.order)]
    cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])


_writer = GroupWriter(_insert, size_of=lambda event: len(event.body))
