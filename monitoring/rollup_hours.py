"""Calls and webhook events added to the hours of their connections, each level by one set-based statement.

Rows are grouped once, as they are read, into few groups: the hours of connections. Times and errors of a group are kept
as arrays and folded into its histogram and tally afterwards, which takes less than to hash every row by its bucket.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from integrations.models.base import first_uuid7

from .histograms import BOUNDS, MIDDLES, SHARES
from .row_keys import FIRST_UUID7, UUID7
from .transactions import Params

Hour = tuple[uuid.UUID, datetime]  # a connection's

# An event has its key from a web server and its time from the database, whose clocks may differ.
CLOCKS_DIFFER = timedelta(hours=1)

# Organizations whose clocks differ from UTC by other than whole hours, at either end of a time in which clocks are
# changed once at most. Of theirs, rows are grouped by quarters of an hour; a join for each row would cost more.
_ODD = """
SELECT coalesce(array_agg(id), '{}') FROM organizations
WHERE extract(minute FROM %(first)s::timestamptz AT TIME ZONE timezone)
      <> extract(minute FROM %(first)s::timestamptz AT TIME ZONE 'UTC')
   OR extract(minute FROM %(last)s::timestamptz AT TIME ZONE timezone)
      <> extract(minute FROM %(last)s::timestamptz AT TIME ZONE 'UTC')
"""
_SLOT = """date_bin(CASE WHEN {row}.organization_id = ANY (%(odd)s::uuid[]) THEN interval '15 minutes'
                ELSE interval '1 hour' END, {time}, '2000-01-01 00:00Z')"""

_CALLS = f"""
WITH slots AS MATERIALIZED (
    SELECT l.organization_id, l.connection_id, {_SLOT.format(row="l", time="l.created_at")} AS slot,
           count(*) AS requests, count(*) FILTER (WHERE l.response_status < 400) AS successes,
           sum(l.response_time_ms) AS time_sum, count(l.response_time_ms) AS time_count,
           sum(l.bytes_sent + l.bytes_received) AS bytes, sum(l.cost_aed) AS cost,
           count(*) FILTER (WHERE l.error_code = 'rate_limited') AS limited,
           array_agg(width_bucket(l.response_time_ms, %(bounds)s::int[]))
               FILTER (WHERE l.response_time_ms IS NOT NULL) AS buckets,
           array_agg(CASE WHEN l.error_code <> '' THEN l.error_code WHEN l.response_status IS NULL THEN 'no_answer'
                          ELSE l.response_status / 100 || 'xx' END)
               FILTER (WHERE l.error_code <> '' OR l.response_status IS NULL OR l.response_status >= 400) AS errors
    FROM integration_logs l {{within}}
    WHERE l.created_at >= %(first)s AND l.created_at < %(last)s AND l.connection_id IS NOT NULL
      AND l.log_type IN ('api_response', 'error') AND {{rows}}
    GROUP BY 1, 2, 3
), placed AS MATERIALIZED (
    SELECT s.*, date_trunc('hour', s.slot, o.timezone) AS hour
    FROM slots s JOIN organizations o ON o.id = s.organization_id
), sums AS (
    SELECT organization_id, connection_id, hour, sum(requests) AS requests, sum(successes) AS successes,
           coalesce(sum(time_sum), 0) AS time_sum, sum(time_count) AS time_count, sum(bytes) AS bytes,
           sum(cost) AS cost, sum(limited) AS limited, histogram_sum(histogram_of(buckets)) AS histogram
    FROM placed GROUP BY 1, 2, 3
), errors AS (
    SELECT connection_id, hour, jsonb_object_agg(error, n) AS errors
    FROM (SELECT connection_id, hour, error, count(*) AS n
          FROM placed, unnest(errors) AS error GROUP BY 1, 2, 3) AS told
    GROUP BY connection_id, hour
)
INSERT INTO integration_metrics_hourly AS hourly (
    id, organization_id, connection_id, hour, requests, successes, failures, response_time_sum_ms, response_time_count,
    response_time_histogram, p50_ms, p95_ms, p99_ms, bytes, cost_aed, rate_limited, errors, webhooks_received,
    webhooks_verified, webhooks_failed, created_at
)
SELECT {UUID7.format(moment="s.hour")}, s.organization_id, s.connection_id, s.hour, s.requests, s.successes,
       s.requests - s.successes, s.time_sum, s.time_count, merged.histogram, percentiles.ms[1],
       percentiles.ms[2], percentiles.ms[3], s.bytes, s.cost, s.limited, coalesce(e.errors, '{{{{}}}}'), 0, 0, 0, now()
FROM sums s LEFT JOIN errors e USING (connection_id, hour)
CROSS JOIN LATERAL (
    SELECT histogram_plus(s.histogram, coalesce((
        SELECT m.response_time_histogram FROM integration_metrics_hourly m
        WHERE m.connection_id = s.connection_id AND m.hour = s.hour
    ), '{{{{}}}}')) AS histogram OFFSET 0
) AS merged
CROSS JOIN LATERAL (
    SELECT histogram_percentiles(merged.histogram, %(shares)s::float8[], %(middles)s::int[]) AS ms OFFSET 0
) AS percentiles
ON CONFLICT (connection_id, hour) DO UPDATE SET
    requests = hourly.requests + excluded.requests, successes = hourly.successes + excluded.successes,
    failures = hourly.failures + excluded.failures,
    response_time_sum_ms = hourly.response_time_sum_ms + excluded.response_time_sum_ms,
    response_time_count = hourly.response_time_count + excluded.response_time_count,
    response_time_histogram = excluded.response_time_histogram, p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms,
    p99_ms = excluded.p99_ms, bytes = hourly.bytes + excluded.bytes, cost_aed = hourly.cost_aed + excluded.cost_aed,
    rate_limited = hourly.rate_limited + excluded.rate_limited, errors = tally_plus(hourly.errors, excluded.errors)
RETURNING connection_id, hour
"""  # noqa: S608 - our own constants

_EVENTS = f"""
WITH slots AS MATERIALIZED (
    SELECT l.organization_id, p.connection_id, {_SLOT.format(row="l", time="l.received_at")} AS slot,
           count(*) AS received, count(*) FILTER (WHERE l.signature_verified) AS verified
    FROM webhook_events l JOIN webhook_endpoints p ON p.id = l.webhook_endpoint_id {{within}}
    WHERE {{rows}}
    GROUP BY 1, 2, 3
), sums AS (
    SELECT s.organization_id, s.connection_id, date_trunc('hour', s.slot, o.timezone) AS hour,
           sum(received) AS received, sum(verified) AS verified
    FROM slots s JOIN organizations o ON o.id = s.organization_id GROUP BY 1, 2, 3
)
INSERT INTO integration_metrics_hourly AS hourly (
    id, organization_id, connection_id, hour, requests, successes, failures, response_time_sum_ms, response_time_count,
    response_time_histogram, bytes, cost_aed, rate_limited, errors, webhooks_received, webhooks_verified,
    webhooks_failed, created_at
)
SELECT {UUID7.format(moment="s.hour")}, s.organization_id, s.connection_id, s.hour, 0, 0, 0, 0, 0, '{{{{}}}}', 0, 0, 0,
       '{{{{}}}}', s.received, s.verified, 0, now()
FROM sums s
ON CONFLICT (connection_id, hour) DO UPDATE SET
    webhooks_received = hourly.webhooks_received + excluded.webhooks_received,
    webhooks_verified = hourly.webhooks_verified + excluded.webhooks_verified
RETURNING connection_id, hour
"""  # noqa: S608 - our own constants

# How many are failed now, whatever they were before: served by the index on (endpoint, id), whose keys carry the time.
_FAILED = f"""
UPDATE integration_metrics_hourly AS hourly SET webhooks_failed = found.failed
FROM unnest(%(connections)s::uuid[], %(hours)s::timestamptz[]) AS wanted (connection_id, hour), LATERAL (
    SELECT count(*) AS failed
    FROM webhook_endpoints p JOIN webhook_events e ON e.webhook_endpoint_id = p.id
    WHERE p.connection_id = wanted.connection_id AND e.processing_status = 'failed'
      AND e.received_at >= wanted.hour AND e.received_at < wanted.hour + interval '1 hour'
      AND e.id >= {FIRST_UUID7.format(moment="wanted.hour - interval '1 hour'")}
      AND e.id < {FIRST_UUID7.format(moment="wanted.hour + interval '2 hours'")}
) AS found
WHERE hourly.connection_id = wanted.connection_id AND hourly.hour = wanted.hour
"""  # noqa: S608 - our own constants

# Read before the count, in a statement of its own: what changes after it leaves a row for the next run.
_TAKE_RESTLESS = """
WITH taken AS (DELETE FROM rollup_restless_events RETURNING webhook_endpoint_id, received_at)
SELECT DISTINCT p.connection_id, date_trunc('hour', t.received_at, o.timezone)
FROM taken t JOIN webhook_endpoints p ON p.id = t.webhook_endpoint_id JOIN organizations o ON o.id = p.organization_id
"""


@dataclass(frozen=True)
class Picked:
    """The rows `l` to add: by a condition (SQL, its parameters) among those from `first` to `last`.

    `within` is SQL that joins what the condition needs beside the rows.
    """

    condition: str
    params: Params
    first: datetime
    last: datetime
    within: str = ""

    def add(self, statement: str, time: str, **params: Any) -> list[Hour]:
        """Returns the hours that were added to."""
        ends = {"first": self.first, "last": self.last}
        with connection.cursor() as cursor:
            cursor.execute(_ODD, ends)
            (odd,) = cursor.fetchone()
            rows = self.condition.format(time=time)
            text = statement.format(within=self.within, rows=rows)
            cursor.execute(text, {**self.params, **ends, "odd": odd, **params})
            return list(cursor.fetchall())


def add_calls(picked: Picked) -> list[Hour]:
    """Returns the hours that were added to."""
    return picked.add(_CALLS, "l.created_at", bounds=list(BOUNDS), middles=list(MIDDLES), shares=list(SHARES))


def add_events(picked: Picked) -> list[Hour]:
    """Returns the hours that were added to. Whether events failed is counted by `count_failed`."""
    return picked.add(_EVENTS, "l.received_at")


def take_restless() -> list[Hour]:
    """The hours of which events have failed, or have been healed, since this was last asked."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_RESTLESS)
        return list(cursor.fetchall())


def count_failed(hours: Collection[Hour]) -> None:
    connections, moments = ([hour[place] for hour in hours] for place in (0, 1))
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, {"connections": connections, "hours": moments})


def keys_between(first: datetime, last: datetime) -> Params:
    """Bounds of the keys of events that were received then."""
    return {"first_id": first_uuid7(first - CLOCKS_DIFFER), "last_id": first_uuid7(last + CLOCKS_DIFFER)}
