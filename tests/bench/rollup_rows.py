"""A year of days and a quarter of hours of one organization's many connections, made by set-based SQL."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

CONNECTIONS = 500
DAYS = 365
HOURS_OF_DAYS = 90

_SHAPE = """
    round((40 + abs(hashtext(c.id::text || {when}::text)) %% 900) * c.busy / {parts})::bigint AS requests,
    abs(hashtext({when}::text || c.id::text)) %% 40 AS slow
"""
# Bell-shaped around a bucket of the connection's own; a few calls in a hundred take ten times as long.
_HISTOGRAM = """
    ARRAY(SELECT CASE WHEN b BETWEEN 30 + slow / 2 AND 60 + slow / 2
                      THEN greatest(0, requests * (16 - abs(b - 45 - slow / 2)) / 256)
                      WHEN b BETWEEN 75 AND 80 THEN requests / 300 ELSE 0 END
          FROM generate_series(1, 100) AS b)::bigint[]
"""
_HOURS = """
INSERT INTO integration_metrics_hourly (id, organization_id, connection_id, hour, requests, successes, failures,
    response_time_sum_ms, response_time_count, response_time_histogram, p50_ms, p95_ms, p99_ms, bytes, cost_aed,
    rate_limited, webhooks_received, webhooks_verified, webhooks_failed, errors, created_at)
SELECT gen_random_uuid(), organization_id, id, hour, requests, requests - failures, failures, requests * (150 + slow),
       requests, histogram, 120, 400, 900, requests * 900, requests * price, 0, requests / 6, requests / 6,
       requests / 300, jsonb_build_object('provider_timeout', failures), now()
FROM (SELECT *, requests * (1 + slow %% 3) / 100 AS failures FROM (
    SELECT c.*, hour, {shape} FROM bench_connections c
    CROSS JOIN generate_series(%(first)s::timestamptz, %(last)s::timestamptz, '1 hour') AS hour
) AS shaped) AS counted
"""
_DAYS = """
INSERT INTO integration_analytics (id, organization_id, connection_id, date, total_requests, successful_requests,
    failed_requests, avg_response_time_ms, p50_response_time_ms, p95_response_time_ms, p99_response_time_ms,
    response_time_sum_ms, response_time_count, response_time_histogram, total_data_transferred_mb, total_cost_aed,
    error_rate_percent, uptime_percent, metadata, created_at)
SELECT gen_random_uuid(), organization_id, id, date, requests, requests - failures, failures, 150 + slow, 120, 400, 900,
       requests * (150 + slow), requests, {histogram}, requests * 0.001, requests * price,
       round(100.0 * failures / greatest(1, requests), 3), 100 - (slow %% 7) * (slow %% 5) * 0.13,
       jsonb_build_object('webhooks_received', requests / 6, 'webhooks_verified', requests / 6,
           'webhooks_failed', requests / 300, 'rate_limited', 0, 'errors', jsonb_build_object(
               'provider_timeout', failures / 2, 'rejected_by_provider', failures / 3,
               'rate_limited', failures - failures / 2 - failures / 3)), now()
FROM (SELECT *, requests * (1 + slow %% 3) / 100 AS failures FROM (
    SELECT c.*, day::date AS date, {shape} FROM bench_connections c
    CROSS JOIN generate_series(%(first)s::date, %(last)s::date, '1 day') AS day
) AS shaped) AS counted
"""
_CONNECTIONS = """
CREATE TEMPORARY TABLE bench_connections ON COMMIT DROP AS
SELECT id, organization_id, 1 + row_number() OVER (ORDER BY id) %% 9 AS busy,
       0.0005 * (row_number() OVER (ORDER BY id) %% 5) AS price, {histogram} AS histogram
FROM integration_connections, (SELECT 400 AS requests, 12 AS slow) AS shape WHERE organization_id = %(organization)s
"""


def organization_with_rows() -> Any:
    """Made once in a run."""
    from integrations.models import Organization
    from monitoring.days import today_of

    organization, is_new = Organization.objects.get_or_create(slug="bench-rollups", defaults={"name": "Rollups"})
    if is_new:
        fill(organization, today_of(organization))
    return organization


def fill(organization: Any, today: date, *, connections: int = CONNECTIONS, days: int = DAYS) -> None:
    """Connections to every provider of the catalogue, and their rows up to now."""
    from django.db import connection, transaction
    from django.utils import timezone

    from integrations.models import Connection, IntegrationProvider
    from monitoring.daily_totals import add_up_days

    providers = list(IntegrationProvider.objects.order_by("slug"))
    health = [*["healthy"] * 17, "degraded", "down", "unknown"]
    Connection.objects.bulk_create(
        Connection(
            organization=organization, provider=provider, provider_type=provider.provider_type, status="active",
            connection_name=f"{provider.provider_name} {number // len(providers) + 1:02}",
            environment=Connection.Environment.values[number % 7 % 3], health_status=health[number % 20],
            next_health_check=timezone.now() + timedelta(days=365),
        )
        for number in range(connections) for provider in [providers[number % len(providers)]]
    )  # fmt: skip
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    first = today - timedelta(days=days - 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS.format(histogram=_HISTOGRAM), {"organization": organization.pk})
        cursor.execute(
            _HOURS.format(shape=_SHAPE.format(when="hour", parts=24)),
            {"first": hour - timedelta(days=min(days, HOURS_OF_DAYS)), "last": hour},
        )
        cursor.execute(
            _DAYS.format(shape=_SHAPE.format(when="day", parts=1), histogram=_HISTOGRAM),
            {"first": first, "last": today},
        )
    every = [(organization.pk, first + timedelta(days=offset)) for offset in range(days)]
    for place in range(0, days, 30):
        add_up_days(every[place : place + 30])
    with connection.cursor() as cursor:
        for table in ("integration_metrics_hourly", "integration_analytics", "integration_analytics_totals"):
            cursor.execute(f"VACUUM ANALYZE {table}")
