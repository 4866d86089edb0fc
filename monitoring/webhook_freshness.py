"""Webhooks that used to come and come no more: it takes no call to find that out, and nothing else would tell.

A provider whose address of ours was taken out of its dashboard, or that has disabled it after failures, goes on taking
calls as if nothing were. What is usual follows from the hours in which events came in the last four weeks.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from integrations.models import Connection
from integrations.providers.probes import Freshness
from integrations.providers.registry import get_provider

LOOKED_BACK = timedelta(days=28)
EVERY = timedelta(minutes=15)
_HOUR = timedelta(hours=1)

# From the unique index (connection, hour) of the hours, and the few endpoints of each connection.
_RHYTHMS = """
SELECT wanted.id, past.busy_hours, past.longest_pause, greatest(past.last_hour, door.last_event)
FROM unnest(%(connections)s::uuid[]) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT max(e.last_triggered) AS last_event, count(*) AS endpoints FROM webhook_endpoints e
    WHERE e.connection_id = wanted.id AND e.is_active AND NOT e.is_paused
) AS door
CROSS JOIN LATERAL (
    SELECT count(*) AS busy_hours, max(hour) AS last_hour, max(hour - earlier) AS longest_pause
    FROM (
        SELECT m.hour, lag(m.hour) OVER (ORDER BY m.hour) AS earlier FROM integration_metrics_hourly m
        WHERE m.connection_id = wanted.id AND m.hour >= %(since)s AND m.webhooks_received > 0
    ) AS hours
) AS past
WHERE door.endpoints > 0
"""


@dataclass(frozen=True)
class Rhythm:
    """When a connection's events came: in how many different hours, the longest pause between two, the last one."""

    busy_hours: int
    longest_pause: timedelta | None
    last_event: datetime | None


def patience_with(rhythm: Rhythm, freshness: Freshness) -> timedelta | None:
    """For how long the connection may be silent; None for one that has had too few events to tell."""
    if rhythm.busy_hours < freshness.busy_hours or rhythm.longest_pause is None:
        return None
    return max(freshness.at_least, rhythm.longest_pause * freshness.times)


def is_silent(rhythm: Rhythm, freshness: Freshness, now: datetime) -> bool:
    patience = patience_with(rhythm, freshness)
    return patience is not None and rhythm.last_event is not None and now - rhythm.last_event > patience


def rhythms(connections: Sequence[Connection], now: datetime) -> Mapping[uuid.UUID, Rhythm]:
    """Of those connections that have an address for webhooks which is not paused; one statement."""
    able = [one.pk for one in connections if get_provider(one.provider.slug).signature is not None]
    if not able:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_RHYTHMS, {"connections": able, "since": now - LOOKED_BACK})
        return {key: Rhythm(busy, pause, last) for key, busy, pause, last in cursor.fetchall()}
