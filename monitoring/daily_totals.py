"""A day's connections add up to totals of their organization: one set-based statement over the days that were touched.

Made anew each time, so the result is the same however often it runs, and late rows are in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.backends.utils import CursorWrapper

from .histograms import BUCKETS
from .sql import UUID7

_COLUMNS: Final = (
    "requests", "successes", "failures", "response_time_sum_ms", "response_time_count", "cost_aed",
    "webhooks_received", "webhooks_failed", "uptime_sum", "uptime_count",
)  # fmt: skip
_SUMS = ", ".join(f"coalesce(sum({column}), 0) AS {column}" for column in _COLUMNS)
# To unnest 45,000 histograms and group them takes five times as long.
_HISTOGRAM = f"ARRAY[{', '.join(f'coalesce(sum(histogram[{n}]), 0)' for n in range(1, BUCKETS + 1))}]::bigint[]"
_WRITTEN = (*_COLUMNS, "response_time_histogram", "error_classes")
_KEY = "organization_id, date, level, provider_id, environment"

_TOTALS = f"""
WITH touched AS MATERIALIZED (
    SELECT DISTINCT m.organization_id, (m.hour AT TIME ZONE o.timezone)::date AS date, o.timezone
    FROM integration_metrics_hourly m JOIN organizations o ON o.id = m.organization_id
    WHERE m.hour >= %(since)s AND m.hour < %(until)s
), measured AS (
    SELECT m.organization_id, t.date, m.connection_id, m.requests, m.successes, m.failures, m.response_time_sum_ms,
           m.response_time_count, m.cost_aed, m.webhooks_received, m.webhooks_failed, NULL::numeric AS uptime_sum,
           NULL::int AS uptime_count, m.response_time_histogram AS histogram, '{{}}'::jsonb AS error_classes
    FROM touched t JOIN integration_metrics_hourly m ON m.organization_id = t.organization_id
         AND m.hour >= t.date::timestamp AT TIME ZONE t.timezone
         AND m.hour < (t.date + 1)::timestamp AT TIME ZONE t.timezone
    UNION ALL
    SELECT d.organization_id, d.date, d.connection_id, 0, 0, 0, 0, 0, 0, 0, 0, d.uptime_percent,
           (d.uptime_percent IS NOT NULL)::int, NULL, '{{}}'
    FROM touched t JOIN integration_analytics d USING (organization_id, date)
), placed AS MATERIALIZED (
    SELECT m.*, c.provider_id, coalesce(c.environment, '') AS environment
    FROM measured m LEFT JOIN integration_connections c ON c.id = m.connection_id
), of_providers AS (
    SELECT organization_id, date, provider_id, environment, {_SUMS}, {_HISTOGRAM} AS histogram
    FROM placed GROUP BY organization_id, date, provider_id, environment
), sums AS (
    SELECT organization_id, date, 'provider' AS level, provider_id, environment, {", ".join(_COLUMNS)}, histogram
    FROM of_providers
    UNION ALL
    SELECT organization_id, date, CASE GROUPING(environment) WHEN 1 THEN 'all' ELSE 'environment' END, NULL,
           coalesce(environment, ''), {_SUMS}, {_HISTOGRAM}
    FROM of_providers GROUP BY GROUPING SETS ((organization_id, date), (organization_id, date, environment))
), classes AS (
    SELECT {_KEY}, jsonb_object_agg(class, n) AS error_classes
    FROM (
        SELECT organization_id, date, provider_id, coalesce(environment, '') AS environment, e.class,
               sum(e.n::bigint) AS n, CASE GROUPING(provider_id, environment)
                   WHEN 3 THEN 'all' WHEN 2 THEN 'environment' ELSE 'provider' END AS level
        FROM placed, jsonb_each_text(error_classes) AS e(class, n)
        GROUP BY GROUPING SETS ((organization_id, date, e.class), (organization_id, date, environment, e.class),
                                (organization_id, date, provider_id, environment, e.class))
    ) AS counted GROUP BY {_KEY}
), gone AS (
    DELETE FROM integration_analytics_totals t USING touched
    WHERE t.organization_id = touched.organization_id AND t.date = touched.date AND NOT EXISTS (
        SELECT FROM sums s WHERE s.organization_id = t.organization_id AND s.date = t.date AND s.level = t.level
            AND s.provider_id IS NOT DISTINCT FROM t.provider_id AND s.environment = t.environment)
)
INSERT INTO integration_analytics_totals (id, created_at, {_KEY}, {", ".join(_WRITTEN)})
SELECT {UUID7.format(moment="s.date")}, now(), s.organization_id, s.date, s.level, s.provider_id, s.environment,
       {", ".join(f"s.{column}" for column in _COLUMNS)}, s.histogram, coalesce(c.error_classes, '{{}}')
FROM sums s LEFT JOIN classes c ON c.organization_id = s.organization_id AND c.date = s.date AND c.level = s.level
     AND c.provider_id IS NOT DISTINCT FROM s.provider_id AND c.environment = s.environment
ON CONFLICT ({_KEY}) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in _WRITTEN)}
"""  # noqa: S608 - our own constants


def add_up_days(cursor: CursorWrapper, since: datetime, until: datetime) -> None:
    """The totals of each organization's days that hours in the range belong to, in the caller's transaction.

    What was of a connection that has moved or gone since then loses its row.
    """
    cursor.execute(_TOTALS, {"since": since, "until": until})
