"""Days of connections as the rollup writes them, from figures that a test can add up by hand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from integrations.models import Connection
from monitoring.daily_totals import add_up_days
from monitoring.histograms import BOUNDS
from monitoring.models import DailyAnalytics


def histogram(times: Sequence[int]) -> list[int]:
    buckets = [bisect_right(BOUNDS, time) - 1 for time in times]
    return [buckets.count(bucket) for bucket in range(max(buckets, default=-1) + 1)]


def measured_day(
    connection: Connection,
    day: date,
    *,
    times: Sequence[int] = (),
    errors: Mapping[str, int] | None = None,
    cost: str = "0",
    uptime: str | None = None,
    webhooks: tuple[int, int] = (0, 0),
) -> DailyAnalytics:
    """`times` of all calls in milliseconds, `errors` by class; `webhooks` received and failed. Adds the totals up."""
    failed = sum((errors or {}).values())
    row = DailyAnalytics.objects.create(
        organization_id=connection.organization_id,
        connection=connection,
        date=day,
        total_requests=len(times),
        successful_requests=len(times) - failed,
        failed_requests=failed,
        response_time_sum_ms=sum(times),
        response_time_count=len(times),
        response_time_histogram=histogram(times),
        total_cost_aed=Decimal(cost),
        uptime_percent=uptime and Decimal(uptime),
        metadata={"webhooks_received": webhooks[0], "webhooks_failed": webhooks[1], "errors": dict(errors or {})},
    )
    add_up_days([(connection.organization_id, day)])
    return row
