"""Hours added up to days, by the calendar of each organization, and the uptime of the day by its checks.

A day is always the sum of its hours, which begin when the hours of its calendar do: of whichever days are asked for,
all are made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from .daily_totals import add_up_days
from .histograms import MIDDLES, SHARES
from .rollup_hours import Hour
from .row_keys import UUID7
from .uptime import write_days

# Where the clocks are put back at midnight, a date has an hour outside of its own midnights.
_HOURS_OF_THE_DAY = """m.hour >= d.date::timestamp AT TIME ZONE d.timezone - interval '2 hours'
         AND m.hour < (d.date + 1)::timestamp AT TIME ZONE d.timezone + interval '2 hours'
         AND (m.hour AT TIME ZONE d.timezone)::date = d.date"""

_SUM_UP = f"""
WITH days AS MATERIALIZED ({{days}}), sums AS MATERIALIZED (
    SELECT d.*, hours.* FROM days d CROSS JOIN LATERAL (
        SELECT count(*) AS hours, coalesce(sum(requests), 0) AS requests, coalesce(sum(successes), 0) AS successes,
               coalesce(sum(failures), 0) AS failures, coalesce(sum(response_time_sum_ms), 0) AS time_sum,
               coalesce(sum(response_time_count), 0) AS time_count, histogram_sum(response_time_histogram) AS histogram,
               coalesce(sum(bytes), 0) AS bytes, coalesce(sum(cost_aed), 0) AS cost,
               coalesce(sum(webhooks_received), 0) AS received, coalesce(sum(webhooks_verified), 0) AS verified,
               coalesce(sum(webhooks_failed), 0) AS events_failed, coalesce(sum(rate_limited), 0) AS limited,
               tally_sum(errors) AS errors
        FROM integration_metrics_hourly m WHERE m.connection_id = d.connection_id AND {_HOURS_OF_THE_DAY}
    ) AS hours
), uptime AS (
    SELECT u.connection_id, u.date, 100 * u.up_seconds::numeric / nullif(u.up_seconds + u.down_seconds, 0) AS percent
    FROM integration_uptime u JOIN days USING (connection_id, date)
)
INSERT INTO integration_analytics (
    id, organization_id, connection_id, date, total_requests, successful_requests, failed_requests,
    avg_response_time_ms, p50_response_time_ms, p95_response_time_ms, p99_response_time_ms, response_time_sum_ms,
    response_time_count, response_time_histogram, total_data_transferred_mb, total_cost_aed, error_rate_percent,
    uptime_percent, metadata, created_at
)
SELECT {UUID7.format(moment="s.date")}, s.organization_id, s.connection_id, s.date, requests, successes, failures,
       round(time_sum::numeric / nullif(time_count, 0), 2), percentiles.ms[1], percentiles.ms[2], percentiles.ms[3],
       time_sum, time_count, histogram, round(bytes::numeric / 1048576, 6), cost,
       coalesce(round(100 * failures::numeric / nullif(requests, 0), 3), 0), round(percent::numeric, 3),
       jsonb_build_object('webhooks_received', received, 'webhooks_verified', verified,
           'webhooks_failed', events_failed, 'rate_limited', limited, 'errors', errors),
       now()
FROM sums s LEFT JOIN uptime USING (connection_id, date) CROSS JOIN LATERAL (
    SELECT histogram_percentiles(s.histogram, %(shares)s::float8[], %(middles)s::int[]) AS ms OFFSET 0
) AS percentiles
WHERE s.hours > 0 OR uptime.connection_id IS NOT NULL
ON CONFLICT (connection_id, date) DO UPDATE SET
    total_requests = excluded.total_requests, successful_requests = excluded.successful_requests,
    failed_requests = excluded.failed_requests, avg_response_time_ms = excluded.avg_response_time_ms,
    p50_response_time_ms = excluded.p50_response_time_ms, p95_response_time_ms = excluded.p95_response_time_ms,
    p99_response_time_ms = excluded.p99_response_time_ms, response_time_sum_ms = excluded.response_time_sum_ms,
    response_time_count = excluded.response_time_count, response_time_histogram = excluded.response_time_histogram,
    total_data_transferred_mb = excluded.total_data_transferred_mb, total_cost_aed = excluded.total_cost_aed,
    error_rate_percent = excluded.error_rate_percent, uptime_percent = excluded.uptime_percent,
    metadata = excluded.metadata
RETURNING organization_id, date
"""  # noqa: S608 - our own constants

# Days that have been added to, and those of which there are checks.
_TOUCHED = """
    SELECT m.organization_id, m.connection_id, (m.hour AT TIME ZONE o.timezone)::date AS date, o.timezone
    FROM unnest(%(connections)s::uuid[], %(hours)s::timestamptz[]) AS wanted (connection_id, hour)
    JOIN integration_metrics_hourly m USING (connection_id, hour) JOIN organizations o ON o.id = m.organization_id
    UNION
    SELECT c.organization_id, c.connection_id, (c.check_timestamp AT TIME ZONE o.timezone)::date, o.timezone
    FROM integration_health c JOIN organizations o ON o.id = c.organization_id WHERE c.check_timestamp >= %(checked)s
"""

# All days of which a part lies between two moments. Hours of a day before and after come from no other day.
_BETWEEN = """
    SELECT m.organization_id, m.connection_id, (m.hour AT TIME ZONE o.timezone)::date AS date, o.timezone
    FROM integration_metrics_hourly m JOIN organizations o ON o.id = m.organization_id
    WHERE m.hour >= %(first)s - interval '1 day' AND m.hour < %(last)s + interval '1 day'
    UNION
    SELECT a.organization_id, a.connection_id, a.date, o.timezone
    FROM integration_analytics a JOIN organizations o ON o.id = a.organization_id
    WHERE a.date BETWEEN (%(first)s AT TIME ZONE o.timezone)::date - 1 AND (%(last)s AT TIME ZONE o.timezone)::date + 1
    UNION
    SELECT c.organization_id, c.connection_id, (c.check_timestamp AT TIME ZONE o.timezone)::date, o.timezone
    FROM integration_health c JOIN organizations o ON o.id = c.organization_id
    WHERE c.check_timestamp >= %(first)s AND c.check_timestamp < %(last)s
"""

_DROP_EMPTY = f"""
DELETE FROM integration_analytics AS d USING organizations o
WHERE o.id = d.organization_id
  AND d.date BETWEEN (%(first)s AT TIME ZONE o.timezone)::date - 1 AND (%(last)s AT TIME ZONE o.timezone)::date + 1
  AND NOT EXISTS (SELECT FROM integration_metrics_hourly m
       WHERE m.connection_id = d.connection_id AND {_HOURS_OF_THE_DAY.replace("d.timezone", "o.timezone")})
  AND NOT EXISTS (SELECT FROM integration_uptime u WHERE u.connection_id = d.connection_id AND u.date = d.date)
RETURNING d.organization_id, d.date
"""  # noqa: S608 - our own constants


def sum_up(hours: Sequence[Hour], checked_since: datetime, now: datetime) -> int:
    """Make the days of those hours, and those of the checks since then. Returns how many."""
    write_days(checked_since, now, now)
    connections, moments = ([hour[place] for hour in hours] for place in (0, 1))
    return _sum_up(_TOUCHED, now, connections=connections, hours=moments, checked=checked_since)


def sum_up_between(first: datetime, last: datetime, now: datetime) -> int:
    """Make all days between, and take out those that have come to have nothing. Returns how many there are."""
    write_days(first, last, now)
    with connection.cursor() as cursor:
        cursor.execute(_DROP_EMPTY, {"first": first, "last": last})
        add_up_days(cursor.fetchall())
    return _sum_up(_BETWEEN, now, first=first, last=last)


def _sum_up(days: str, now: datetime, **params: Any) -> int:
    arrays = {"middles": list(MIDDLES), "shares": list(SHARES)}
    with connection.cursor() as cursor:
        params = {"now": now, **arrays, **params}
        cursor.execute(_SUM_UP.format(days=days), params)
        made = cursor.fetchall()
    add_up_days(made)
    return len(made)
