"""PostgreSQL as the queue of deliveries: claimed with a lease, given back, concluded.

One worker at a time serves a destination (`sender`, until its own lease ends), so that the order, the number at once
and the rate that a destination wants are kept by that worker alone. A worker that dies loses its leases, and whoever
comes next takes up destination and deliveries.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db import connection

from ..models import WebhookDelivery

LEASE_SECONDS = 120
_SERVED_AT_ONCE = 64
_EACH = 128  # claimed of a destination at once: a flood to one leaves room for the others

_OPEN = "status IN ('pending', 'sending', 'retrying')"
# `waiting` jumps from destination to destination along an index, whatever lies between. Within a destination the
# earliest due come first; where order is asked for, the oldest that are open, up to the first that is not due. Of an
# organization that is off none is claimed: all wait as they are, see `inactive`.
# Both are partial indexes: webhook_deliveries_due and webhook_deliveries_oldest_open.
_CLAIM = f"""
WITH RECURSIVE waiting AS (
    (SELECT destination_id FROM webhook_deliveries WHERE {_OPEN} ORDER BY destination_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT destination_id FROM webhook_deliveries
        WHERE {_OPEN} AND destination_id > waiting.destination_id ORDER BY destination_id LIMIT 1
    ) FROM waiting WHERE waiting.destination_id IS NOT NULL
), served AS MATERIALIZED (
    SELECT destination.id, destination.is_ordered FROM webhook_destinations AS destination
    JOIN waiting ON waiting.destination_id = destination.id
    JOIN organizations AS organization ON organization.id = destination.organization_id
    CROSS JOIN LATERAL (
        SELECT next_attempt_at FROM webhook_deliveries WHERE destination_id = destination.id AND {_OPEN}
        ORDER BY next_attempt_at LIMIT 1
    ) AS earliest
    WHERE destination.is_active AND organization.is_active AND NOT destination.id = ANY(%(full)s)
        AND (destination.sender IS NULL OR destination.sender = %(me)s OR destination.sender_until <= now())
        AND (destination.next_send_at IS NULL OR destination.next_send_at <= now() + interval '1 second')
        AND earliest.next_attempt_at <= now()
        AND (NOT destination.is_ordered OR now() >= (
            SELECT next_attempt_at FROM webhook_deliveries WHERE destination_id = destination.id AND {_OPEN}
            ORDER BY id LIMIT 1
        ))
    ORDER BY earliest.next_attempt_at LIMIT {_SERVED_AT_ONCE}
    FOR NO KEY UPDATE OF destination SKIP LOCKED
), due AS MATERIALIZED (
    SELECT chosen.id FROM served CROSS JOIN LATERAL (
        SELECT id FROM webhook_deliveries WHERE destination_id = served.id AND {_OPEN} AND next_attempt_at <= now()
        ORDER BY next_attempt_at LIMIT {_EACH}
    ) AS chosen WHERE NOT served.is_ordered
    UNION ALL
    SELECT chosen.id FROM served CROSS JOIN LATERAL (
        SELECT id, bool_and(next_attempt_at <= now()) OVER (ORDER BY id) AS all_due FROM (
            SELECT id, next_attempt_at FROM webhook_deliveries WHERE destination_id = served.id AND {_OPEN}
            ORDER BY id LIMIT {_EACH}
        ) AS oldest
    ) AS chosen WHERE served.is_ordered AND chosen.all_due
), taken AS (
    UPDATE webhook_destinations AS destination
    SET sender = %(me)s, sender_until = now() + make_interval(secs => %(lease)s)
    FROM served WHERE destination.id = served.id
)
UPDATE webhook_deliveries AS delivery
SET status = 'sending', next_attempt_at = now() + make_interval(secs => %(lease)s)
FROM due WHERE delivery.id = due.id AND delivery.{_OPEN}
RETURNING delivery.id, delivery.organization_id, delivery.destination_id, delivery.event_id, delivery.event_index,
    delivery.event_type, delivery.attempt, delivery.tries, delivery.next_attempt_at
"""  # noqa: S608 - our own words

_GIVE_BACK = """
UPDATE webhook_deliveries AS delivery
SET status = CASE WHEN NOT destination.is_active THEN 'held' WHEN tries > 0 THEN 'retrying' ELSE 'pending' END,
    next_attempt_at = CASE WHEN destination.is_active THEN now() END
FROM webhook_destinations AS destination, unnest(%s::uuid[], %s::timestamptz[]) AS held (id, lease_ends)
WHERE delivery.id = held.id AND delivery.status = 'sending' AND delivery.next_attempt_at = held.lease_ends
    AND destination.id = delivery.destination_id
"""

_LEAVE = "UPDATE webhook_destinations SET sender = NULL, sender_until = NULL WHERE sender = %s AND id = ANY(%s)"


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours until its lease ends."""

    pk: uuid.UUID
    organization_id: uuid.UUID
    destination_id: uuid.UUID
    event_id: uuid.UUID | None
    event_index: int
    event_type: str
    attempt: int
    tries: int
    lease_ends: datetime

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        """`next_attempt_at` is the lease's end where it is being sent."""
        ends = delivery.next_attempt_at or delivery.created_at
        return cls(
            delivery.pk, delivery.organization_id, delivery.destination_id, delivery.event_id, delivery.event_index,
            delivery.event_type, delivery.attempt, delivery.tries, ends,
        )  # fmt: skip


def claim(me: uuid.UUID, full: Collection[uuid.UUID] = ()) -> list[Claimed]:
    """Lease what is due, of destinations that no other worker serves and that are not `full`; in order within each."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"me": me, "full": list(full), "lease": LEASE_SECONDS})
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda one: one.pk)


def give_back(claimed: Collection[Claimed]) -> None:
    """Make them due again, unsent."""
    if claimed:
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK, [[one.pk for one in claimed], [one.lease_ends for one in claimed]])


def leave(me: uuid.UUID, destinations: Collection[uuid.UUID]) -> None:
    """Let other workers serve these destinations."""
    if destinations:
        with connection.cursor() as cursor:
            cursor.execute(_LEAVE, [me, list(destinations)])
