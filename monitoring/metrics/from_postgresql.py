"""What PostgreSQL tells, each figure by one statement that an index serves and a time-out ends.

None of them costs more as history grows. Queues are walked from one organization (or destination) to the next, as who
takes from them does; what waits is counted as far as COUNTED_AT_MOST.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from psycopg.errors import QueryCanceled

from integrations.models import Connection
from monitoring.log_months import TABLE
from monitoring.models import Alert

from .calls import label_of

logger = logging.getLogger(__name__)

COUNTED_AT_MOST = 100_000
_SECONDS = 2

# Served by webhook_events_waiting, webhook_deliveries_due, alert_notifications_due: an index-only scan of what waits,
# in its order so that it ends at the limit, and one look at the index for each `owner` that has something waiting.
_QUEUE = """
WITH RECURSIVE first AS (
    (SELECT {owner} AS owner, next_attempt_at FROM {table} WHERE {waits} ORDER BY {owner}, next_attempt_at LIMIT 1)
    UNION ALL
    SELECT following.owner, following.next_attempt_at FROM first, LATERAL (
        SELECT {owner} AS owner, next_attempt_at FROM {table} WHERE {waits} AND {owner} > first.owner
        ORDER BY {owner}, next_attempt_at LIMIT 1
    ) AS following
)
SELECT count(*) FILTER (WHERE next_attempt_at <= now()), count(*) FILTER (WHERE next_attempt_at > now()),
    (SELECT greatest(extract(epoch FROM now() - min(next_attempt_at)), 0) FROM first)
FROM (SELECT next_attempt_at FROM {table} WHERE {waits} ORDER BY {owner}, next_attempt_at LIMIT %s) AS waiting
"""
_INBOX = _QUEUE.format(
    table="webhook_events",
    owner="organization_id",
    waits="processing_status IN ('pending', 'processing', 'retrying') AND next_attempt_at IS NOT NULL",
)
_DELIVERIES = _QUEUE.format(
    table="webhook_deliveries",
    owner="destination_id",
    waits="status IN ('pending', 'sending', 'retrying') AND next_attempt_at IS NOT NULL",
)
_NOTIFICATIONS = _QUEUE.format(
    table="alert_notifications",
    owner="channel_id",
    waits="status IN ('pending', 'sending', 'retrying') AND next_attempt_at IS NOT NULL",
)

_CONNECTIONS = """
SELECT connection.id, provider.slug, provider.organization_id IS NOT NULL, connection.health_status
FROM integration_connections AS connection
JOIN integration_providers AS provider ON provider.id = connection.provider_id
WHERE connection.status = 'active'
"""

_EXCEEDED = """
SELECT provider.slug, provider.organization_id IS NOT NULL, count(*)
FROM rate_limits AS exceeded JOIN integration_connections AS connection ON connection.id = exceeded.connection_id
JOIN integration_providers AS provider ON provider.id = connection.provider_id
WHERE exceeded.is_exceeded AND exceeded.window_end > now() GROUP BY 1, 2
"""

_LAG = "SELECT level, greatest(extract(epoch FROM now() - read_until), 0) FROM rollup_watermarks"

# Months after this one, without a gap. Only what is attached counts: a row could go nowhere else.
_PARTITIONS = """
SELECT count(*) FROM (
    SELECT name, row_number() OVER (ORDER BY name) AS place FROM (
        SELECT child.relname AS name FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = to_regclass(%s) AND child.relname ~ '_[0-9]{4}_[0-9]{2}$'
    ) AS partition
    WHERE right(name, 7) > to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')
) AS ahead
WHERE right(name, 7) = to_char((now() AT TIME ZONE 'UTC') + place * interval '1 month', 'YYYY_MM')
"""

_SESSIONS = """
SELECT coalesce(state, 'unknown'), count(*), current_setting('max_connections')::int FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'hub' GROUP BY 1
"""


def read(connections: dict[UUID, str]) -> Iterator[Metric]:
    """Fills `connections` with the active ones and their provider's label. Raises DatabaseError where none answers."""
    yield from _within_time(lambda: _health(connections))
    for reading in (_inbox, _deliveries, _notifications, _exceeded, _alerts, _rollup, _partitions, _sessions):
        yield from _within_time(reading)


def _within_time(reading: Callable[[], Iterator[Metric]]) -> list[Metric]:
    """One that takes too long is left out; the others may do better."""
    try:
        with transaction.atomic():
            _rows("SELECT set_config('statement_timeout', %s, true)", [f"{_SECONDS}s"])
            return list(reading())
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        logger.warning("A figure of /metrics took longer than %s s and is left out.", _SECONDS)
        return []


def _health(connections: dict[UUID, str]) -> Iterator[Metric]:
    found: Counter[tuple[str, str]] = Counter()
    for key, slug, is_private, health in _rows(_CONNECTIONS):
        connections[key] = label_of(slug, is_private=is_private)
        found[connections[key], health] += 1
    told = GaugeMetricFamily("hub_connections", "Active connections by health.", labels=["provider", "health"])
    for provider in sorted(set(connections.values())):
        for health in Connection.Health.values:
            told.add_metric([provider, health], found[provider, health])
    yield told


def _inbox() -> Iterator[Metric]:
    return _queue("hub_webhook_inbox", "events", "Webhook events", _INBOX)


def _deliveries() -> Iterator[Metric]:
    return _queue("hub_webhook_deliveries", "messages", "Messages to destinations", _DELIVERIES)


def _notifications() -> Iterator[Metric]:
    return _queue("hub_alert_notifications", "messages", "Messages of alerts", _NOTIFICATIONS)


def _queue(name: str, unit: str, what: str, statement: str) -> Iterator[Metric]:
    # A bitmap would be made of all that waits before the limit ends it; a table full of new rows invites the planner.
    _rows("SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)")
    [(due, later, age)] = _rows(statement, [COUNTED_AT_MOST])
    told = GaugeMetricFamily(
        f"{name}_{unit}",
        f"{what} that wait: due, or later (being worked on, or for a retry); counted to {COUNTED_AT_MOST}.",
        labels=["state"],
    )
    told.add_metric(["due"], due)
    told.add_metric(["later"], later)
    yield told
    yield GaugeMetricFamily(
        f"{name}_oldest_due_seconds", f"{what}: for how long the one that is due longest has been.", value=age or 0
    )


def _exceeded() -> Iterator[Metric]:
    told = GaugeMetricFamily("hub_rate_limits_exceeded", "Windows of connections used up.", labels=["provider"])
    found: Counter[str] = Counter()
    for slug, is_private, count in _rows(_EXCEEDED):
        found[label_of(slug, is_private=is_private)] += count
    for provider, count in sorted(found.items()):
        told.add_metric([provider], count)
    yield told


def _alerts() -> Iterator[Metric]:
    kinds = Counter(dict(Alert.objects.unresolved().order_by().values_list("kind").annotate(Count("pk"))))
    told = GaugeMetricFamily("hub_alerts_open", "Alerts that are open.", labels=["kind"])
    for kind in sorted({*Alert.Kind.values, *kinds}):
        told.add_metric([kind], kinds[kind])
    yield told


def _rollup() -> Iterator[Metric]:
    told = GaugeMetricFamily(
        "hub_rollup_lag_seconds", "For how long the rollup has not read what came.", labels=["level"]
    )
    for level, seconds in _rows(_LAG):
        told.add_metric([level], seconds)
    yield told


def _partitions() -> Iterator[Metric]:
    [(count,)] = _rows(_PARTITIONS, [TABLE])
    yield GaugeMetricFamily(
        "hub_log_partitions_ahead", "Months after this one for which the log has a partition.", value=count
    )


def _sessions() -> Iterator[Metric]:
    """Of all processes: the pool of the one that is asked would say little."""
    told = GaugeMetricFamily("hub_database_sessions", "Database sessions of all processes.", labels=["state"])
    rows = _rows(_SESSIONS)
    for state, count, _ in rows:
        told.add_metric([state.replace(" ", "_")], count)
    yield told
    yield GaugeMetricFamily("hub_database_sessions_limit", "Sessions that PostgreSQL allows.", value=rows[0][2])


def _rows(statement: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
