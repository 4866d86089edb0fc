"""Taking events up: evenly from all organizations that have due ones, in each subject's order, and for a time.

A worker holds an event by a lease (`next_attempt_at` while processing). One that dies loses it, and whoever comes next
takes the event up; one that was only slow finds its lease gone and completes nothing.

A claim costs what the organizations with waiting events and the events it takes cost, however long a queue is: the
index webhook_events_waiting is looked at once an organization, and from there on read in its order.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from django.db import connection, transaction

from .ordering import Waiting, in_turn

LEASE_SECONDS = 120
# Beyond an organization's share: some of what is due may have to wait for another event of the same subject.
_SPARE = 10

# `waiting` walks from one organization to the next, and has the event of each that is due first. With more of them than
# events to be taken, chance decides. SKIP LOCKED: two workers never wait for each other and never take the same event.
_CANDIDATES = """
WITH RECURSIVE waiting AS (
    (SELECT organization_id, next_attempt_at FROM webhook_events
     WHERE processing_status IN ('pending', 'processing', 'retrying') AND next_attempt_at IS NOT NULL
     ORDER BY organization_id, next_attempt_at LIMIT 1)
    UNION ALL
    SELECT following.organization_id, following.next_attempt_at FROM waiting, LATERAL (
        SELECT organization_id, next_attempt_at FROM webhook_events
        WHERE processing_status IN ('pending', 'processing', 'retrying') AND next_attempt_at IS NOT NULL
            AND organization_id > waiting.organization_id
        ORDER BY organization_id, next_attempt_at LIMIT 1
    ) AS following
), taken_from AS (
    SELECT organization_id FROM waiting
    WHERE next_attempt_at <= now() AND organization_id <> ALL (%(without)s::uuid[])
    ORDER BY random() LIMIT %(limit)s
)
SELECT event.organization_id, event.id, event.webhook_endpoint_id, event.subject, event.moment, endpoint.is_paused
FROM taken_from CROSS JOIN LATERAL (
    SELECT *, coalesce(occurred_at, received_at) AS moment FROM webhook_events
    WHERE processing_status IN ('pending', 'processing', 'retrying') AND next_attempt_at IS NOT NULL
        AND organization_id = taken_from.organization_id AND next_attempt_at <= now()
    ORDER BY next_attempt_at
    LIMIT (SELECT ceil(%(limit)s / greatest(count(*), 1)::numeric) + %(spare)s FROM taken_from)
    FOR UPDATE SKIP LOCKED
) AS event JOIN webhook_endpoints AS endpoint ON endpoint.id = event.webhook_endpoint_id
"""

# Of each subject, its first events in the provider's order that are not among the candidates. What merely waits for a
# retry holds nobody back. Served by webhook_events_in_order.
_BEFORE = """
SELECT event.organization_id, event.id, event.webhook_endpoint_id, event.subject, event.moment,
    event.processing_status = 'pending' AND event.next_attempt_at <= now() AS is_due
FROM unnest(%s::uuid[], %s::text[]) AS given (endpoint_id, subject) CROSS JOIN LATERAL (
    SELECT *, coalesce(occurred_at, received_at) AS moment FROM webhook_events
    WHERE webhook_endpoint_id = given.endpoint_id AND webhook_events.subject = given.subject
        AND webhook_events.subject <> '' AND processing_status IN ('pending', 'processing')
        AND next_attempt_at IS NOT NULL AND id <> ALL (%s::uuid[])
    ORDER BY coalesce(occurred_at, received_at), id LIMIT %s
) AS event
"""

_LOCK = """
SELECT id FROM webhook_events
WHERE id = ANY (%s::uuid[]) AND processing_status = 'pending' AND next_attempt_at <= now() FOR UPDATE SKIP LOCKED
"""

# Whoever ends a pause changes the endpoint first and releases its events then: FOR SHARE lets neither miss the other.
_SET_ASIDE = """
WITH paused AS MATERIALIZED (
    SELECT id FROM webhook_endpoints WHERE id = ANY (%s::uuid[]) AND is_paused FOR SHARE
)
UPDATE webhook_events AS event SET processing_status = 'pending', next_attempt_at = NULL
FROM paused WHERE event.webhook_endpoint_id = paused.id AND event.id = ANY (%s::uuid[])
"""

# One found in processing cost a worker its life, or its lease: that counts as a try, or it could kill workers for ever.
_TAKE = """
UPDATE webhook_events
SET processing_status = 'processing', next_attempt_at = now() + make_interval(secs => %s),
    retry_count = retry_count + (processing_status = 'processing')::int
WHERE id = ANY (%s::uuid[])
RETURNING id, next_attempt_at
"""

_GIVE_BACK = """
UPDATE webhook_events AS event
SET processing_status = 'pending', next_attempt_at = now() + make_interval(secs => %s)
FROM unnest(%s::uuid[], %s::timestamptz[]) AS held (id, lease_ends)
WHERE event.id = held.id AND event.processing_status = 'processing' AND event.next_attempt_at = held.lease_ends
"""


class Claimed(NamedTuple):
    id: uuid.UUID
    lease_ends: datetime


def claim(limit: int, *, without: Collection[uuid.UUID] = ()) -> list[Claimed]:
    """Lease up to `limit` due events, none of the organizations in `without`. Events of paused endpoints are set aside:
    they are held until somebody makes them due again."""
    while True:
        with transaction.atomic():
            candidates, paused = _candidates(limit, without)
            if paused:
                _run(_SET_ASIDE, [[one.endpoint_id for one in paused], [one.id for one in paused]])
            ready = in_turn(candidates, _locked(_before(candidates, limit)))
            chosen = _evenly(ready, limit)
            claimed = [Claimed(*row) for row in _rows(_TAKE, [LEASE_SECONDS, chosen])] if chosen else []
        if claimed or not paused:
            return claimed


def give_back(claimed: Sequence[Claimed], *, seconds: float) -> None:
    """Let go of events that nobody tried: they are due again in `seconds`."""
    _run(_GIVE_BACK, [seconds, [one.id for one in claimed], [one.lease_ends for one in claimed]])


def _candidates(limit: int, without: Collection[uuid.UUID]) -> tuple[list[Waiting], list[Waiting]]:
    """Those that are due first, of each organization at least its share, locked; and those whose endpoint is paused."""
    rows = _rows(_CANDIDATES, {"limit": limit, "without": list(without), "spare": _SPARE})
    found = [(Waiting(*row[:-1]), row[-1]) for row in rows]
    return [one for one, is_paused in found if not is_paused], [one for one, is_paused in found if is_paused]


def _before(candidates: Sequence[Waiting], limit: int) -> list[Waiting]:
    subjects = {(one.endpoint_id, one.subject) for one in candidates if one.subject}
    if not subjects:
        return []
    endpoints, names = zip(*subjects, strict=True)
    rows = _rows(_BEFORE, [list(endpoints), list(names), [one.id for one in candidates], limit])
    return [Waiting(*row) for row in rows]


def _locked(others: Sequence[Waiting]) -> list[Waiting]:
    """The same; ready to be taken are only those that could be locked."""
    due = [one.id for one in others if one.is_ready]
    locked = {row[0] for row in _rows(_LOCK, [due])} if due else set()
    return [one._replace(is_ready=one.id in locked) for one in others]


def _evenly(ready: Sequence[Waiting], limit: int) -> list[uuid.UUID]:
    """One of each organization after the other, until there are enough."""
    queues: dict[uuid.UUID, list[uuid.UUID]] = {}
    for one in ready:
        queues.setdefault(one.organization_id, []).append(one.id)
    turns = chain.from_iterable(zip_longest(*queues.values()))
    return [key for key in turns if key is not None][:limit]


def _rows(statement: str, values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _run(statement: str, values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
