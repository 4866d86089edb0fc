"""What the rollup adds up, beside a recount of the same rows in Python."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from integrations.models import Connection
from monitoring.models import CallLog, DailyAnalytics, HealthCheck, HourlyMetrics
from monitoring.rollup import rollup
from tests.factories import ConnectionFactory, OrganizationFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
HOURS = 30


@pytest.fixture
def connections() -> list[Connection]:
    dubai, auckland = OrganizationFactory(), OrganizationFactory(timezone="Pacific/Auckland")
    return [ConnectionFactory(organization=organization) for organization in (dubai, dubai, auckland)]


def call(connection: Connection, at: datetime, **fields: object) -> CallLog:
    return CallLog(
        organization_id=connection.organization_id,
        connection=connection,
        log_type=CallLog.Type.API_RESPONSE,
        created_at=at,
        **fields,
    )


@pytest.fixture
def rows(connections: list[Connection]) -> list[CallLog]:
    chance = random.Random(20261118)
    made = []
    for _ in range(1500):
        answered = chance.random() > 0.05
        made.append(
            call(
                chance.choice(connections),
                START + timedelta(seconds=chance.uniform(0, HOURS * 3600)),
                response_status=chance.choice([200, 201, 200, 404, 500]) if answered else None,
                response_time_ms=round(chance.lognormvariate(5, 1)),
                bytes_sent=chance.randrange(2000),
                bytes_received=chance.randrange(5000),
                cost_aed=Decimal(chance.randrange(100_000)) / 1_000_000,
            )
        )
    return CallLog.objects.bulk_create(made)


def everything(since: datetime = START) -> None:
    rollup(since, START + timedelta(days=3))


def nearest_rank(values: list[int], share: float) -> int:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def test_hours_are_a_recount_of_their_calls(rows: list[CallLog]) -> None:
    everything()
    by_hour = defaultdict(list)
    for row in rows:
        by_hour[row.connection_id, row.created_at.replace(minute=0, second=0, microsecond=0)].append(row)
    assert HourlyMetrics.objects.count() == len(by_hour)
    for metrics in HourlyMetrics.objects.all():
        calls = by_hour[metrics.connection_id, metrics.hour]
        times = [one.response_time_ms for one in calls]
        good = [one for one in calls if one.response_status and one.response_status < 400]
        assert (metrics.requests, metrics.successes, metrics.failures) == (
            len(calls),
            len(good),
            len(calls) - len(good),
        )
        assert (metrics.response_time_sum_ms, sum(metrics.response_time_histogram)) == (sum(times), len(times))
        assert [metrics.p50_ms, metrics.p95_ms, metrics.p99_ms] == [nearest_rank(times, s) for s in (0.5, 0.95, 0.99)]
        assert metrics.bytes == sum(one.bytes_sent + one.bytes_received for one in calls)
        assert metrics.cost_aed == sum(one.cost_aed for one in calls)


def test_days_follow_each_organizations_calendar(rows: list[CallLog], connections: list[Connection]) -> None:
    everything()
    zones = {connection.pk: ZoneInfo(connection.organization.timezone) for connection in connections}
    by_day = defaultdict(list)
    for row in rows:
        by_day[row.connection_id, row.created_at.astimezone(zones[row.connection_id]).date()].append(row)
    assert DailyAnalytics.objects.count() == len(by_day)
    for day in DailyAnalytics.objects.all():
        calls = by_day[day.connection_id, day.date]
        times = [one.response_time_ms for one in calls]
        assert (day.total_requests, day.total_cost_aed) == (len(calls), sum(one.cost_aed for one in calls))
        assert float(day.avg_response_time_ms) == pytest.approx(sum(times) / len(times), abs=0.01)
        assert day.p95_response_time_ms == pytest.approx(nearest_rank(times, 0.95), rel=0.05, abs=1)


def figures() -> list[tuple[object, ...]]:
    daily = DailyAnalytics.objects.order_by("connection", "date")
    return list(daily.values_list("connection", "date", "total_requests", "failed_requests", "p95_response_time_ms"))


def test_to_roll_up_again_changes_nothing(rows: list[CallLog]) -> None:
    everything()
    before = figures()
    everything()
    everything(START + timedelta(hours=20))
    assert figures() == before


def test_a_late_row_is_counted_once(connections: list[Connection], rows: list[CallLog]) -> None:
    rollup()
    before = HourlyMetrics.objects.get(connection=connections[0], hour=START).requests
    call(connections[0], START + timedelta(minutes=5), response_status=200, response_time_ms=10).save()
    everything()
    everything()
    assert HourlyMetrics.objects.get(connection=connections[0], hour=START).requests == before + 1


def test_uptime_is_by_time_not_by_count(connections: list[Connection]) -> None:
    one = connections[0]
    call(one, START, response_status=200, response_time_ms=5).save()
    for minutes, status in ((0, "healthy"), (60, "down"), (75, "healthy"), (120, "healthy")):
        HealthCheck.objects.create(
            organization_id=one.organization_id,
            connection=one,
            check_timestamp=START + timedelta(minutes=minutes),
            status=status,
        )
    everything()
    # From 15:00 UTC to midnight in Dubai are five hours, of which a quarter was down.
    day = DailyAnalytics.objects.get(connection=one)
    assert float(day.uptime_percent) == pytest.approx(100 * (1 - 0.25 / 5), abs=0.01)
