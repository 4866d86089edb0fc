"""For how long connections were up: by time, not by how often they were asked.

What a check found holds until the next one of its kind, for a day at the most; a connection is down while any kind of
check finds it down. Maintenance windows count neither as up nor as down, nor does time of which nothing is known.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Q, Sum

from .models import UptimeDay
from .row_keys import UUID7

# `ranges`: connections, each with ranges of time that do not overlap. Of each: what is up and what is down of it, as
# sets of ranges. Checks are read by the index (connection, check_type, -check_timestamp): those within the range, and
# for each kind the last one before it.
_STATES = """
checks AS (
    SELECT r.connection_id, r.range, c.check_type, c.check_timestamp AS at, c.status
    FROM ranges r JOIN integration_health c ON c.connection_id = r.connection_id
         AND c.check_timestamp >= lower(r.range) AND c.check_timestamp < upper(r.range)
    UNION ALL
    SELECT r.connection_id, r.range, last.check_type, last.check_timestamp, last.status
    FROM ranges r CROSS JOIN unnest(ARRAY['ping', 'authentication', 'api_call']) AS kind(name)
    CROSS JOIN LATERAL (
        SELECT check_type, check_timestamp, status FROM integration_health h
        WHERE h.connection_id = r.connection_id AND h.check_type = kind.name
          AND h.check_timestamp < lower(r.range) AND h.check_timestamp >= lower(r.range) - interval '1 day'
        ORDER BY check_timestamp DESC LIMIT 1
    ) AS last
), spans AS (
    SELECT connection_id, range, status, tstzrange(at, least(
        lead(at) OVER (PARTITION BY connection_id, range, check_type ORDER BY at), at + interval '1 day', %(now)s
    )) * range AS span
    FROM checks WHERE check_type <> 'webhook' AND at <= %(now)s
), known AS (
    SELECT connection_id, range, range_agg(span) AS told, range_agg(span) FILTER (WHERE status = 'down') AS down
    FROM spans GROUP BY connection_id, range
), states AS (
    SELECT k.connection_id, k.range, k.told - coalesce(k.down, '{}') - coalesce(w.windows, '{}') AS up,
           coalesce(k.down, '{}') - coalesce(w.windows, '{}') AS down
    FROM known k JOIN integration_connections c ON c.id = k.connection_id
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(starts_at, ends_at)) AS windows FROM maintenance_windows m
        WHERE m.organization_id = c.organization_id AND m.ends_at > lower(k.range) AND m.starts_at < upper(k.range)
          AND coalesce(m.connection_id, c.id) = c.id AND coalesce(m.provider_id, c.provider_id) = c.provider_id
    ) AS w
)"""
_SECONDS = "(SELECT coalesce(sum(extract(epoch FROM upper(one) - lower(one))), 0) FROM unnest({set}) AS one)"

_BETWEEN = f"""
WITH ranges AS (
    SELECT id AS connection_id, tstzrange(%(since)s, %(until)s) AS range FROM unnest(%(connections)s::uuid[]) AS id
), {_STATES}
SELECT connection_id, {_SECONDS.format(set="up")}, {_SECONDS.format(set="down")} FROM states
"""  # noqa: S608 - our own constants

# The days, by each organization's calendar, of connections that were checked in the range: each is reckoned anew, and
# so are those into which what the check before had found reaches.
_DAYS = f"""
WITH checked AS (
    SELECT c.connection_id, c.organization_id, o.timezone,
           (c.check_timestamp AT TIME ZONE o.timezone)::date AS date,
           ((SELECT max(h.check_timestamp) FROM integration_health h
             WHERE h.connection_id = c.connection_id AND h.check_timestamp < c.check_timestamp
            ) AT TIME ZONE o.timezone)::date AS date_before
    FROM integration_health c JOIN organizations o ON o.id = c.organization_id
    WHERE c.check_timestamp >= %(since)s AND c.check_timestamp < %(until)s
), days AS (
    SELECT connection_id, organization_id, timezone, date FROM checked
    UNION
    SELECT connection_id, organization_id, timezone, date_before FROM checked WHERE date_before < date
    UNION
    SELECT connection_id, organization_id, timezone, date_before + 1 FROM checked WHERE date_before + 1 < date
), ranges AS (
    SELECT connection_id, organization_id, date, tstzrange(
        date::timestamp AT TIME ZONE timezone, (date + 1)::timestamp AT TIME ZONE timezone
    ) AS range
    FROM days
), {_STATES}
INSERT INTO integration_uptime (id, organization_id, connection_id, date, up_seconds, down_seconds, created_at)
SELECT {UUID7.format(moment="now()")}, r.organization_id, connection_id, r.date,
       round({_SECONDS.format(set="up")}), round({_SECONDS.format(set="down")}), now()
FROM states JOIN ranges r USING (connection_id, range)
ON CONFLICT (connection_id, date) DO UPDATE SET
    up_seconds = excluded.up_seconds, down_seconds = excluded.down_seconds
"""  # noqa: S608 - our own constants


@dataclass(frozen=True)
class Uptime:
    """Seconds of which it is known whether the connection was up."""

    up_seconds: float
    down_seconds: float

    @property
    def percent(self) -> Decimal | None:
        """Rounded down, so that 100 means always; None where nothing is known."""
        known = self.up_seconds + self.down_seconds
        if not known:
            return None
        share = Decimal(self.up_seconds) / Decimal(known)
        return (share * 100).quantize(Decimal("0.01"), rounding="ROUND_FLOOR")


NOTHING_KNOWN = Uptime(0, 0)


def uptime_between(
    connection_ids: Sequence[uuid.UUID], since: datetime, until: datetime, now: datetime
) -> dict[uuid.UUID, Uptime]:
    """To the second, from the checks: for a day or so. One statement, however many connections there are."""
    if not connection_ids:
        return {}
    with connection.cursor() as cursor:
        wanted: dict[str, Any] = {"connections": list(connection_ids), "since": since, "until": until, "now": now}
        cursor.execute(_BETWEEN, wanted)
        return {key: Uptime(float(up), float(down)) for key, up, down in cursor.fetchall()}


def uptime_of_days(
    connection_ids: Sequence[uuid.UUID], first_days: Sequence[date], last: date
) -> dict[uuid.UUID, list[Uptime]]:
    """From each of the first days until the last, all in one statement over the days' sums."""
    found = {key: [NOTHING_KNOWN] * len(first_days) for key in connection_ids}
    rows = UptimeDay.objects.filter(connection__in=list(connection_ids), date__gte=min(first_days), date__lte=last)
    sums: dict[str, Any] = {}
    for place, first in enumerate(first_days):
        sums[f"up{place}"] = Sum("up_seconds", filter=Q(date__gte=first), default=0)
        sums[f"down{place}"] = Sum("down_seconds", filter=Q(date__gte=first), default=0)
    added_up: Any = rows.order_by().values("connection_id").annotate(**sums)
    for row in added_up:
        pairs = [Uptime(row[f"up{place}"], row[f"down{place}"]) for place in range(len(first_days))]
        found[row["connection_id"]] = pairs
    return found


def write_days(since: datetime, until: datetime, now: datetime) -> int:
    """Reckon the days of the connections that were checked in the range; returns how many. Safe to repeat.

    What of a day is still to come is not known: its last check brings it up to date.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, {"since": since, "until": until, "now": now})
        return int(cursor.rowcount)
