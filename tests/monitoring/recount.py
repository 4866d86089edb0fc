"""What the rollup should come to, counted in Python from the rows themselves, one by one."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from integrations.models import Connection
from monitoring.histograms import ERROR_PERCENT, EXACT_UP_TO_MS
from monitoring.models import CallLog, DailyAnalytics, HourlyMetrics
from webhooks.models import WebhookEvent


@dataclass
class Sums:
    requests: int = 0
    successes: int = 0
    bytes: int = 0
    cost: Decimal = Decimal(0)
    errors: Counter[str] = field(default_factory=Counter)
    times: list[int] = field(default_factory=list)
    received: int = 0
    verified: int = 0
    failed: int = 0

    def add_call(self, call: CallLog) -> None:
        good = call.response_status is not None and call.response_status < 400
        self.requests += 1
        self.successes += good
        self.bytes += call.bytes_sent + call.bytes_received
        self.cost += call.cost_aed
        if call.error_code or not good:
            status_class = f"{call.response_status // 100}xx" if call.response_status else "no_answer"
            self.errors[call.error_code or status_class] += 1
        if call.response_time_ms is not None:
            self.times.append(call.response_time_ms)

    def add_event(self, event: WebhookEvent) -> None:
        self.received += 1
        self.verified += event.signature_verified
        self.failed += event.processing_status == WebhookEvent.Status.FAILED


def hour_of(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def date_of(moment: datetime, zone: ZoneInfo) -> Any:
    return moment.astimezone(zone).date()


def check_sums(connections: Iterable[Connection]) -> None:
    """Hours and days of these connections are what their calls and events come to, no more and no less."""
    for connection in connections:
        hours = recounted(connection, hour_of)
        found = {row.hour: row for row in HourlyMetrics.objects.filter(connection=connection)}
        assert set(found) == set(hours)
        for hour, sums in hours.items():
            check_hour(found[hour], sums)
        days = recounted(connection, date_of)
        dates = {row.date: row for row in DailyAnalytics.objects.filter(connection=connection)}
        assert set(dates) == set(days)
        for date, sums in days.items():
            check_day(dates[date], sums)


def recounted(connection: Connection, key: Callable[[datetime, ZoneInfo], Any]) -> dict[Any, Sums]:
    zone = ZoneInfo(connection.organization.timezone)
    counted: dict[Any, Sums] = defaultdict(Sums)
    for call in CallLog.objects.filter(connection=connection):
        counted[key(call.created_at, zone)].add_call(call)
    for event in WebhookEvent.objects.filter(webhook_endpoint__connection=connection):
        counted[key(event.received_at, zone)].add_event(event)
    return counted


def check_hour(row: HourlyMetrics, sums: Sums) -> None:
    assert (row.requests, row.successes) == (sums.requests, sums.successes)
    assert (row.failures, row.bytes, row.cost_aed) == (sums.requests - sums.successes, sums.bytes, sums.cost)
    assert (row.errors, row.rate_limited) == (sums.errors, sums.errors["rate_limited"])
    assert (row.response_time_sum_ms, row.response_time_count) == (sum(sums.times), len(sums.times))
    assert sum(row.response_time_histogram) == len(sums.times)
    check_percentiles((row.p50_ms, row.p95_ms, row.p99_ms), sums.times)
    assert (row.webhooks_received, row.webhooks_verified) == (sums.received, sums.verified)
    assert row.webhooks_failed == sums.failed


def check_day(row: DailyAnalytics, sums: Sums) -> None:
    failures = sums.requests - sums.successes
    assert (row.total_requests, row.successful_requests) == (sums.requests, sums.successes)
    assert (row.failed_requests, row.total_cost_aed) == (failures, sums.cost)
    assert row.total_data_transferred_mb == round(Decimal(sums.bytes) / 1_048_576, 6)
    assert (row.response_time_sum_ms, row.response_time_count) == (sum(sums.times), len(sums.times))
    assert sum(row.response_time_histogram) == len(sums.times)
    check_percentiles((row.p50_response_time_ms, row.p95_response_time_ms, row.p99_response_time_ms), sums.times)
    told = {"received": sums.received, "verified": sums.verified, "failed": sums.failed}
    events = {f"webhooks_{name}": count for name, count in told.items()}
    assert row.metadata == {**events, "rate_limited": sums.errors["rate_limited"], "errors": dict(sums.errors)}


def check_percentiles(told: Iterable[int | None], times: list[int]) -> None:
    for value, share in zip(told, (0.5, 0.95, 0.99), strict=True):
        if not times:
            assert value is None
            continue
        exact = nearest_rank(times, share)
        assert value is not None
        assert abs(value - exact) <= (exact * ERROR_PERCENT / 100 if exact > EXACT_UP_TO_MS else 0)


def nearest_rank(times: list[int], share: float) -> int:
    return sorted(times)[math.ceil(share * len(times)) - 1]
