"""Which destinations an event goes to, written down with its completion: both are there, or neither."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from django.db import connection, transaction

from integrations.hints import hint
from integrations.models.base import uuid7
from integrations.providers.events import NormalizedEvent

from ..models import WebhookEvent
from .known_destinations import destinations_of

# The unique (event, destination, index) makes a replay, or a second completion, deliver nothing twice. Read from the
# destinations' own rows, because what this process knows of them is some seconds old: one may be off, or gone.
_INSERT = """
INSERT INTO webhook_deliveries (
    id, organization_id, event_id, event_index, event_type, destination_id, status, next_attempt_at,
    attempt, tries, response_body, error
)
SELECT new.id, destination.organization_id, new.event_id, new.event_index, new.event_type, destination.id,
    CASE WHEN destination.is_active THEN 'pending' ELSE 'held' END, CASE WHEN destination.is_active THEN now() END,
    0, 0, '', ''
FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::text[], %s::uuid[])
    AS new (id, event_id, event_index, event_type, destination_id)
JOIN webhook_destinations AS destination ON destination.id = new.destination_id
ON CONFLICT (event_id, destination_id, event_index) DO NOTHING
"""


def fan_out(event: WebhookEvent, normalized: Sequence[NormalizedEvent]) -> None:
    """Make the deliveries of an event that is being completed, in the transaction of its completion.

    An organization without destinations pays nothing. Done again, as by a replay, it adds none but for destinations
    that did not have the event yet.
    """
    fan_out_all([(event, normalized)])


def fan_out_all(completed: Iterable[tuple[WebhookEvent, Sequence[NormalizedEvent]]]) -> None:
    """The same for many events, by one statement."""
    rows = [
        (uuid7(), event.pk, index, event_type, destination.pk)
        for event, normalized in completed
        for destination in destinations_of(event.organization_id)
        for index, event_type in destination.wanted(event, normalized)
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
    transaction.on_commit(partial(hint, "webhooks.tasks.drain_deliveries"))
