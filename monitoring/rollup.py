"""Calls add up to hours, hours to days: one set-based statement a level, from a watermark, with the same result however
often it runs.

An hour is always recomputed whole from its rows, so rows that come late are counted once, and so are all others.
Percentiles of an hour are exact. Hours are added up by histograms whose buckets grow by a tenth, so a day's percentile
is off by 5 % at the most. Health probes count as calls, for they are; uptime is told by the checks themselves, by time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from integrations.models.base import first_uuid7
from integrations.operations.locks import AdvisoryLock

from .log_archive import oldest_call
from .models import RollupWatermark

BUCKETS = 128  # up to 1.1 ** 128 ms, which is more than three minutes
GROWTH = 1.1
LATENESS = timedelta(minutes=2)
_HOUR = timedelta(hours=1)

# A version 7 UUID of the hour in question: PostgreSQL makes none itself before version 18.
_UUID7 = """(lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0') || '7'
             || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"""

_HOURLY = f"""
WITH calls AS MATERIALIZED (
    SELECT organization_id, connection_id, date_trunc('hour', created_at, 'UTC') AS hour, response_status,
           response_time_ms, bytes_sent + bytes_received AS bytes, cost_aed, error_code
    FROM integration_logs
    WHERE created_at >= %(since)s AND created_at < %(until)s AND connection_id IS NOT NULL
      AND log_type IN ('api_response', 'error')
), sums AS (
    SELECT organization_id, connection_id, hour, count(*) AS requests,
           count(*) FILTER (WHERE response_status < 400) AS successes,
           coalesce(sum(response_time_ms), 0) AS time_sum, count(response_time_ms) AS time_count,
           percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY response_time_ms) AS percentiles,
           sum(bytes) AS bytes, sum(cost_aed) AS cost, count(*) FILTER (WHERE error_code = 'rate_limited') AS limited
    FROM calls GROUP BY organization_id, connection_id, hour
), buckets AS (
    SELECT connection_id, hour, count(*) AS n,
           least({BUCKETS - 1}, floor(ln(greatest(response_time_ms, 1)) / ln({GROWTH})))::int AS bucket
    FROM calls WHERE response_time_ms IS NOT NULL GROUP BY connection_id, hour, bucket
), histograms AS (
    SELECT s.connection_id, s.hour, array_agg(coalesce(b.n, 0) ORDER BY g.bucket) AS histogram
    FROM sums s CROSS JOIN generate_series(0, {BUCKETS - 1}) AS g(bucket)
    LEFT JOIN buckets b ON b.connection_id = s.connection_id AND b.hour = s.hour AND b.bucket = g.bucket
    GROUP BY s.connection_id, s.hour
), events AS (
    SELECT e.organization_id, p.connection_id, date_trunc('hour', e.received_at, 'UTC') AS hour, count(*) AS received,
           count(*) FILTER (WHERE e.signature_verified) AS verified,
           count(*) FILTER (WHERE e.processing_status = 'failed') AS failed
    FROM webhook_events e JOIN webhook_endpoints p ON p.id = e.webhook_endpoint_id
    WHERE e.id >= %(first_id)s AND e.received_at >= %(since)s AND e.received_at < %(until)s
    GROUP BY e.organization_id, p.connection_id, date_trunc('hour', e.received_at, 'UTC')
)
INSERT INTO integration_metrics_hourly (
    id, organization_id, connection_id, hour, requests, successes, failures, response_time_sum_ms, response_time_count,
    response_time_histogram, p50_ms, p95_ms, p99_ms, bytes, cost_aed, rate_limited, webhooks_received,
    webhooks_verified, webhooks_failed, created_at
)
SELECT {_UUID7.format(moment="hour")}, organization_id, connection_id, hour, coalesce(requests, 0),
       coalesce(successes, 0), coalesce(requests - successes, 0), coalesce(time_sum, 0), coalesce(time_count, 0),
       coalesce(histogram, '{{}}'), percentiles[1], percentiles[2], percentiles[3], coalesce(bytes, 0),
       coalesce(cost, 0), coalesce(limited, 0), coalesce(received, 0), coalesce(verified, 0), coalesce(failed, 0), now()
FROM sums JOIN histograms USING (connection_id, hour) FULL JOIN events USING (organization_id, connection_id, hour)
ON CONFLICT (connection_id, hour) DO UPDATE SET
    requests = excluded.requests, successes = excluded.successes, failures = excluded.failures,
    response_time_sum_ms = excluded.response_time_sum_ms, response_time_count = excluded.response_time_count,
    response_time_histogram = excluded.response_time_histogram, p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms,
    p99_ms = excluded.p99_ms, bytes = excluded.bytes, cost_aed = excluded.cost_aed,
    rate_limited = excluded.rate_limited, webhooks_received = excluded.webhooks_received,
    webhooks_verified = excluded.webhooks_verified, webhooks_failed = excluded.webhooks_failed
"""  # noqa: S608 - our own constants

# Days by each organization's own calendar. The hours are read from a day before to a day after, for its time zone.
_DAILY = f"""
WITH hours AS MATERIALIZED (
    SELECT m.*, (m.hour AT TIME ZONE o.timezone)::date AS date, o.timezone
    FROM integration_metrics_hourly m JOIN organizations o ON o.id = m.organization_id
    WHERE m.hour >= %(since)s - interval '1 day' AND m.hour < %(until)s + interval '1 day'
), days AS (
    SELECT DISTINCT connection_id, date FROM hours WHERE hour >= %(since)s AND hour < %(until)s
), sums AS (
    SELECT h.organization_id, h.connection_id, h.date, h.timezone, sum(requests) AS requests,
           sum(successes) AS successes, sum(failures) AS failures, sum(response_time_sum_ms) AS time_sum,
           sum(response_time_count) AS time_count, sum(bytes) AS bytes, sum(cost_aed) AS cost,
           sum(webhooks_received) AS received, sum(webhooks_failed) AS events_failed, sum(rate_limited) AS limited
    FROM hours h JOIN days USING (connection_id, date)
    GROUP BY h.organization_id, h.connection_id, h.date, h.timezone
), running AS (
    SELECT connection_id, date, bucket, sum(n) OVER day_so_far AS n, sum(n) OVER whole_day AS total
    FROM (
        SELECT h.connection_id, h.date, t.bucket, sum(t.n) AS n
        FROM hours h JOIN days USING (connection_id, date),
             unnest(h.response_time_histogram) WITH ORDINALITY AS t(n, bucket)
        GROUP BY h.connection_id, h.date, t.bucket
    ) AS merged
    WINDOW whole_day AS (PARTITION BY connection_id, date),
           day_so_far AS (PARTITION BY connection_id, date ORDER BY bucket)
), slow AS (
    SELECT connection_id, date, round({GROWTH} ^ (min(bucket) - 0.5))::int AS p95
    FROM running WHERE total > 0 AND n >= ceil(0.95 * total) GROUP BY connection_id, date
), checks AS (
    SELECT s.connection_id, s.date, c.status, extract(epoch FROM least(
               lead(c.check_timestamp) OVER (PARTITION BY s.connection_id, s.date ORDER BY c.check_timestamp),
               ((s.date + 1)::timestamp AT TIME ZONE s.timezone), %(now)s
           ) - c.check_timestamp) AS seconds
    FROM sums s JOIN integration_health c ON c.connection_id = s.connection_id
         AND c.check_timestamp >= s.date::timestamp AT TIME ZONE s.timezone
         AND c.check_timestamp < (s.date + 1)::timestamp AT TIME ZONE s.timezone
), uptime AS (
    SELECT connection_id, date,
           100 * coalesce(sum(seconds) FILTER (WHERE status <> 'down'), 0) / nullif(sum(seconds), 0) AS percent
    FROM checks GROUP BY connection_id, date
)
INSERT INTO integration_analytics (
    id, organization_id, connection_id, date, total_requests, successful_requests, failed_requests,
    avg_response_time_ms, p95_response_time_ms, total_data_transferred_mb, total_cost_aed, error_rate_percent,
    uptime_percent, metadata, created_at
)
SELECT {_UUID7.format(moment="s.date")}, s.organization_id, s.connection_id, s.date, requests, successes, failures,
       round(time_sum::numeric / nullif(time_count, 0), 2), p95, round(bytes::numeric / 1048576, 6), cost,
       coalesce(round(100 * failures::numeric / nullif(requests, 0), 3), 0), round(percent::numeric, 3),
       jsonb_build_object('webhooks_received', received, 'webhooks_failed', events_failed, 'rate_limited', limited),
       now()
FROM sums s LEFT JOIN slow USING (connection_id, date) LEFT JOIN uptime USING (connection_id, date)
ON CONFLICT (connection_id, date) DO UPDATE SET
    total_requests = excluded.total_requests, successful_requests = excluded.successful_requests,
    failed_requests = excluded.failed_requests, avg_response_time_ms = excluded.avg_response_time_ms,
    p95_response_time_ms = excluded.p95_response_time_ms,
    total_data_transferred_mb = excluded.total_data_transferred_mb, total_cost_aed = excluded.total_cost_aed,
    error_rate_percent = excluded.error_rate_percent, uptime_percent = excluded.uptime_percent,
    metadata = excluded.metadata
"""  # noqa: S608 - our own constants


@dataclass(frozen=True)
class RolledUp:
    """What a run wrote. `hours` and `days` count rows: one a connection."""

    since: datetime
    until: datetime
    hours: int
    days: int


def rollup(since: datetime | None = None, until: datetime | None = None) -> RolledUp:
    """Add up what has come since the last run, or the given range; two at once take turns.

    With `since`, the hours from there on are recomputed and the watermark stays where it is.
    """
    now = timezone.now()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AdvisoryLock.ROLLUP])
        first = _hour_of(since) if since else _unread_since(now)
        last = until or now
        range_of: dict[str, Any] = {"since": first, "until": last, "first_id": first_uuid7(first), "now": now}
        cursor.execute(_HOURLY, range_of)
        hours = cursor.rowcount
        cursor.execute(_DAILY, range_of)
        days = cursor.rowcount
        if since is None:
            RollupWatermark.objects.update_or_create(level="hourly", defaults={"read_until": last})
    return RolledUp(first, last, hours, days)


def _unread_since(now: datetime) -> datetime:
    """The hour of the watermark, less what may still come late; without one, the first row there is."""
    watermark = RollupWatermark.objects.filter(level="hourly").first()
    if watermark:
        return _hour_of(watermark.read_until - LATENESS)
    return _hour_of(oldest_call() or now - _HOUR)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
