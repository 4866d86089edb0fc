"""Where a verified event becomes a row: once, and durable before its provider is answered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.group_writer import Cursor, GroupWriter
from integrations.models.base import uuid7
from integrations.providers.events import EventIdentity

_MAX_SIGNATURE = 4096

# The unique (endpoint, event id) is what makes a redelivery, or two at once, one row.
_INSERT = """
INSERT INTO webhook_events (
    id, organization_id, webhook_endpoint_id, event_id, event_type, subject, occurred_at, normalized_type, raw_body,
    headers, signature, signature_verified, processing_status, retry_count, error_message
) VALUES {rows}
ON CONFLICT (webhook_endpoint_id, event_id) DO NOTHING
"""
_ROW = "(%s, %s, %s, %s, %s, %s, %s, '', %s, %s, %s, true, 'pending', 0, '')"


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
        return [*key, self.identity.subject, self.identity.occurred_at, self.body, json.dumps(headers), signature]

    @property
    def order(self) -> tuple[uuid.UUID, str]:
        """All insert in this order, so that two processes with the same events never wait for each other."""
        return self.endpoint_id, self.identity.event_id


def store_event(event: ReceivedEvent) -> None:
    """Insert the event, or do nothing where its id is stored already. Raises DatabaseError."""
    _writer.write(event)


def _insert(cursor: Cursor, events: Sequence[ReceivedEvent]) -> None:
    rows = [event.row() for event in sorted(events, key=lambda event: event.order)]
    statement = _INSERT.format(rows=", ".join([_ROW] * len(rows)))
    cursor.execute(statement, [value for row in rows for value in row])


_writer = GroupWriter(_insert, size_of=lambda event: len(event.body))
