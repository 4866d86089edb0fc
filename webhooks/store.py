"""Where a verified event becomes a row: once, and durable before its provider is answered.

Events that come while an INSERT is under way are stored together by the next one: in a burst many share a statement and
a flush to disk. The first thread to come leads; when it is done it wakes those that it stored, and the oldest of those
that came meanwhile leads next. Alone, an event waits for nobody.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, connection

from integrations.models.base import uuid7
from integrations.providers.events import EventIdentity

_MAX_SIGNATURE = 4096
_MAX_ROWS = 64
_MAX_BYTES = 4_194_304

# The unique (endpoint, event id) is what makes a redelivery, or two at once, one row.
_INSERT = """
INSERT INTO webhook_events (
    id, organization_id, webhook_endpoint_id, event_id, event_type, normalized_type, raw_body, headers, signature,
    signature_verified, processing_status, retry_count, error_message
) VALUES {rows}
ON CONFLICT (webhook_endpoint_id, event_id) DO NOTHING
"""
_ROW = "(%s, %s, %s, %s, %s, '', %s, %s, %s, true, 'pending', 0, '')"


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

    @property
    def order(self) -> tuple[uuid.UUID, str]:
        """All insert in this order, so that two processes with the same events never wait for each other."""
        return self.endpoint_id, self.identity.event_id


class _Waiting:
    """An event on its way into the table, and the lock that its thread waits on for its turn."""

    def __init__(self, event: ReceivedEvent) -> None:
        self.event = event
        self.is_over = False
        self.error: DatabaseError | None = None
        self._turn = threading.Lock()
        self._turn.acquire()

    def wait(self) -> None:
        """Until the event is stored, or it is on this thread to store it and others."""
        self._turn.acquire()

    def wake(self) -> None:
        self._turn.release()


_lock = threading.Lock()  # guards the two below
_queue: list[_Waiting] = []
_is_led = False


def store_event(event: ReceivedEvent) -> None:
    """Insert the event, or do nothing where its id is stored already. Raises DatabaseError."""
    global _is_led
    mine = _Waiting(event)
    with _lock:
        _queue.append(mine)
        leads, _is_led = not _is_led, True
    if not leads:
        mine.wait()
    if not mine.is_over:
        _lead()
    if mine.error is not None:
        raise mine.error


def _lead() -> None:
    """Store what waits, of which our own event is the oldest, and hand on to the next."""
    global _is_led
    with _lock:
        group = _take_group()
    failure: DatabaseError | None = DatabaseError("The thread that led was ended.")
    try:
        failure = _insert_group(group)
    finally:
        with _lock:
            if failure is not None:
                # The database is away: those that waited behind it need not find that out one after the other.
                group += _queue
                _queue.clear()
            heir = _queue[0] if _queue else None
            _is_led = heir is not None
        for waiting in group:
            waiting.is_over, waiting.error = True, waiting.error or failure
            waiting.wake()
        if heir is not None:
            heir.wake()


def _take_group() -> list[_Waiting]:
    size = count = 0
    for waiting in _queue[:_MAX_ROWS]:
        size += len(waiting.event.body)
        if count and size > _MAX_BYTES:
            break
        count += 1
    group = _queue[:count]
    del _queue[:count]
    return group


def _insert_group(group: Sequence[_Waiting]) -> DatabaseError | None:
    """Insert all; where one of them cannot be stored, each by itself, so that it alone bears the error.

    Returns what went wrong for all of them: the database is away, say.
    """
    try:
        _insert([waiting.event for waiting in group])
    except (DataError, IntegrityError) as error:
        if len(group) == 1:
            return error
    except DatabaseError as error:
        return error
    else:
        return None
    for waiting in group:
        waiting.error = _insert_group([waiting])
    return None


def _insert(events: Sequence[ReceivedEvent]) -> None:
    rows = [event.row() for event in sorted(events, key=lambda event: event.order)]
    statement = _INSERT.format(rows=", ".join([_ROW] * len(rows)))
    with connection.cursor() as cursor:
        cursor.execute(statement, [value for row in rows for value in row])
