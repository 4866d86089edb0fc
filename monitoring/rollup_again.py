"""A stretch of time counted anew: its hours are emptied, filled from the rows that have been read by now, and kept
where there is anything in them.

An organization's stretch begins and ends where its hours do. Where the time zone was changed to one whose hours begin
at another minute, old hours may lie across that; then the stretch is drawn wider, until none does.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from .rollup_hours import Hour, Picked, add_calls, add_events, count_failed, keys_between
from .transactions import Ended, read_rows

_DRAW = """
CREATE TEMPORARY TABLE rollup_zones ON COMMIT DROP AS
WITH RECURSIVE firsts AS (
    SELECT id, timezone, date_trunc('hour', %(first)s, timezone) AS moment FROM organizations
    UNION ALL
    SELECT f.id, f.timezone, m.hour FROM firsts f JOIN integration_metrics_hourly m
      ON m.organization_id = f.id AND m.hour > f.moment - interval '1 hour' AND m.hour < f.moment
), lasts AS (
    SELECT id, date_trunc('hour', %(last)s + interval '59 minutes 59.999999 seconds', timezone) AS moment
    FROM organizations
    UNION ALL
    SELECT l.id, m.hour + interval '1 hour' FROM lasts l JOIN integration_metrics_hourly m
      ON m.organization_id = l.id AND m.hour > l.moment - interval '1 hour' AND m.hour < l.moment
)
SELECT f.id, min(f.moment) AS first, max(l.moment) AS last
FROM firsts f JOIN lasts l ON l.id = f.id GROUP BY f.id
"""

_EMPTY = """
UPDATE integration_metrics_hourly AS hourly SET
    requests = 0, successes = 0, failures = 0, response_time_sum_ms = 0, response_time_count = 0,
    response_time_histogram = '{}', p50_ms = NULL, p95_ms = NULL, p99_ms = NULL, bytes = 0, cost_aed = 0,
    rate_limited = 0, errors = '{}', webhooks_received = 0, webhooks_verified = 0, webhooks_failed = 0
FROM rollup_zones z WHERE hourly.organization_id = z.id AND hourly.hour >= z.first AND hourly.hour < z.last
"""
_DROP_EMPTY = """
DELETE FROM integration_metrics_hourly AS hourly USING rollup_zones z
WHERE hourly.organization_id = z.id AND hourly.hour >= z.first AND hourly.hour < z.last
  AND requests = 0 AND webhooks_received = 0
"""
_ENDS = "SELECT coalesce(min(first), %(first)s), coalesce(max(last), %(last)s) FROM rollup_zones"
_WITHIN = "JOIN rollup_zones z ON z.id = l.organization_id"
_IN_THE_STRETCH = "{time} >= z.first AND {time} < z.last"


def count_again(first: datetime, last: datetime, read: Ended) -> tuple[datetime, datetime, list[Hour]]:
    """Count what was `read` of the time from `first` to `last`. Returns where that began and ended, and its hours."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS rollup_zones")
        cursor.execute(_DRAW, {"first": first, "last": last})
        cursor.execute(_ENDS, {"first": first, "last": last})
        first, last = cursor.fetchone()
        cursor.execute(_EMPTY)
    condition, params = read_rows(read)
    condition = f"{condition} AND {_IN_THE_STRETCH}"
    hours = add_calls(Picked(condition, params, first, last, _WITHIN))
    by_key = f"{condition} AND l.id >= %(first_id)s AND l.id < %(last_id)s"
    events = add_events(Picked(by_key, {**params, **keys_between(first, last)}, first, last, _WITHIN))
    count_failed(events)
    with connection.cursor() as cursor:
        cursor.execute(_DROP_EMPTY)
    return first, last, list({*hours, *events})
