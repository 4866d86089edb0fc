"""How connections are and have been, as pages and programs are shown it: in so many statements for however many."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection, Organization

from .maintenance import in_maintenance
from .models import HealthCheck, ProviderIncident, UptimeDay
from .uptime import NOTHING_KNOWN, Uptime, uptime_between, uptime_of_days

RANGES = (7, 30, 90)
STRIP_DAYS = 90
SHOWN_CHECKS = 30

# The newest checks of each connection that were timed, by the index (connection, -check_timestamp).
_NEWEST = """
SELECT wanted.id, c.response_time_ms, c.status, c.outcome, c.check_timestamp
FROM unnest(%s::uuid[]) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT * FROM integration_health h
    WHERE h.connection_id = wanted.id AND h.check_type <> 'webhook' AND h.check_timestamp >= %s
    ORDER BY h.check_timestamp DESC LIMIT %s
) AS c
ORDER BY wanted.id, c.check_timestamp
"""


@dataclass(frozen=True)
class Past:
    """One check, for a small chart."""

    took_ms: int | None
    status: str
    outcome: str
    at: datetime


@dataclass(frozen=True)
class Standing:
    """A connection with what is known of its health. `days`: the last 7, 30 and 90, today included."""

    connection: Connection
    last_day: Uptime = NOTHING_KNOWN
    days: Mapping[int, Uptime] = field(default_factory=dict)
    checks: Sequence[Past] = ()
    in_maintenance: bool = False
    incident: ProviderIncident | None = None

    @property
    def latest_ms(self) -> int | None:
        return next((one.took_ms for one in reversed(self.checks) if one.took_ms is not None), None)

    @property
    def figures(self) -> list[tuple[int, int]]:
        """Good and bad answers for a small chart; a bad one, which says nothing by its time, is as tall as any.

        Places for all that would be shown, so that three checks are three thin columns at the newest end.
        """
        good = [one.took_ms or 1 for one in self.checks if one.outcome == HealthCheck.Outcome.ANSWERED]
        tallest = max(good, default=1)
        shown = [
            (one.took_ms or 1, 0) if one.outcome == HealthCheck.Outcome.ANSWERED else (0, tallest)
            for one in self.checks
            if one.outcome != HealthCheck.Outcome.SKIPPED
        ]
        return [(0, 0)] * (SHOWN_CHECKS - len(shown)) + shown if shown else []

    @property
    def is_watched(self) -> bool:
        connection = self.connection
        return connection.status == Connection.Status.ACTIVE or connection.is_stopped_by_health


@dataclass(frozen=True)
class Day:
    """A day of the strip; no percentage where nothing is known of it."""

    date: date
    percent: Decimal | None

    @property
    def tone(self) -> str:
        if self.percent is None:
            return "none"
        return "success" if self.percent >= Decimal("99.5") else "warning" if self.percent >= 95 else "danger"


def standings(organization: Organization, connections: Sequence[Connection]) -> list[Standing]:
    """Of each connection, in six statements."""
    now = timezone.now()
    keys = [one.pk for one in connections]
    today = today_of(organization, now)
    last_day = uptime_between(keys, now - timedelta(days=1), now, now)
    ranges = uptime_of_days(keys, [_first(today, days) for days in RANGES], today)
    checks, paused = _newest(keys, now), in_maintenance(connections, now)
    incidents = {row.provider_id: row for row in open_incidents()}
    return [
        Standing(
            connection=one,
            last_day=last_day.get(one.pk, NOTHING_KNOWN),
            days=dict(zip(RANGES, ranges[one.pk], strict=True)),
            checks=checks.get(one.pk, ()),
            in_maintenance=one.pk in paused,
            incident=incidents.get(one.provider_id),
        )
        for one in connections
    ]


def strip(organization: Organization, connection: Connection) -> list[Day]:
    """The connection's last 90 days, the oldest first."""
    today = today_of(organization, timezone.now())
    first = _first(today, STRIP_DAYS)
    rows = UptimeDay.objects.filter(connection=connection, date__gte=first)
    known = {row.date: Uptime(row.up_seconds, row.down_seconds).percent for row in rows}
    days = [first + timedelta(days=number) for number in range(STRIP_DAYS)]
    return [Day(day, known.get(day)) for day in days]


def open_incidents() -> Any:
    """Of the providers that whoever asks uses; of other organizations they say nothing."""
    return incidents().filter(resolved_at=None)


def incidents() -> Any:
    shown = ProviderIncident.objects.select_related("provider")
    named = ("provider__slug", "provider__provider_name", "provider__provider_name_ar")
    return shown.only(*ProviderIncident.SHOWN_TO_TENANTS, *named)


def today_of(organization: Organization, now: datetime) -> date:
    return now.astimezone(ZoneInfo(organization.timezone)).date()


def _first(today: date, days: int) -> date:
    return today - timedelta(days=days - 1)


def _newest(keys: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[Past]]:
    found: dict[uuid.UUID, list[Past]] = {}
    with database.cursor() as cursor:
        cursor.execute(_NEWEST, [list(keys), now - timedelta(days=7), SHOWN_CHECKS])
        for key, took, status, outcome, at in cursor.fetchall():
            found.setdefault(key, []).append(Past(took, status, outcome, at))
    return found
