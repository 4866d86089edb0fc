"""What the rollup adds up, beside a recount of the same rows in Python."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from integrations.models import Connection, Organization
from integrations.models.base import first_uuid7
from monitoring.models import CallLog, DailyAnalytics, HealthCheck, HourlyMetrics
from monitoring.rollup import rollup
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.monitoring.recount import check_sums
from webhooks.models import WebhookEndpoint, WebhookEvent

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
        created_at=at,
        **{"log_type": CallLog.Type.API_RESPONSE, **fields},
    )


def calls_between(connections: list[Connection], first: datetime, last: datetime, count: int) -> None:
    chance = random.Random(20261118)
    made = []
    for _ in range(count):
        answered = chance.random() > 0.05
        status = chance.choice([200, 201, 200, 404, 429, 500]) if answered else None
        made.append(
            call(
                chance.choice(connections),
                first + chance.random() * (last - first),
                log_type=CallLog.Type.API_RESPONSE if answered else CallLog.Type.ERROR,
                response_status=status,
                error_code="rate_limited" if status == 429 else "" if answered else "provider_timeout",
                response_time_ms=round(chance.lognormvariate(5, 1)),
                bytes_sent=chance.randrange(2000),
                bytes_received=chance.randrange(5000),
                cost_aed=Decimal(chance.randrange(100_000)) / 1_000_000,
            )
        )
    CallLog.objects.bulk_create(made)


@pytest.fixture
def rows(connections: list[Connection]) -> None:
    calls_between(connections, START, START + timedelta(hours=HOURS), 1500)


def everything(since: datetime = START) -> None:
    rollup(since, START + timedelta(days=3))


def figures() -> list[tuple[object, ...]]:
    hourly = HourlyMetrics.objects.order_by("connection", "hour").values_list("pk", "requests", "p95_ms", "cost_aed")
    daily = DailyAnalytics.objects.order_by("connection", "date")
    return [*hourly, *daily.values_list("pk", "date", "total_requests", "failed_requests", "p95_response_time_ms")]


@pytest.mark.usefixtures("rows")
def test_hours_and_days_are_a_recount_of_their_calls(connections: list[Connection]) -> None:
    everything()
    assert HourlyMetrics.objects.count() > 80
    check_sums(connections)


@pytest.mark.usefixtures("rows")
def test_to_roll_up_again_changes_nothing() -> None:
    everything()
    before = figures()
    everything()
    everything(START + timedelta(hours=20))
    assert figures() == before


@pytest.mark.usefixtures("rows")
def test_a_late_row_is_counted_once(connections: list[Connection]) -> None:
    rollup()
    call(connections[0], START + timedelta(minutes=5), response_status=200, response_time_ms=10).save()
    everything()
    everything()
    check_sums(connections)


def test_the_first_run_counts_all_there_is(connections: list[Connection]) -> None:
    calls_between(connections, START - timedelta(days=9), START, 200)
    rollup()
    check_sums(connections)


def test_a_call_without_a_time_counts_as_a_call(connections: list[Connection]) -> None:
    call(connections[0], START, response_status=None, error_code="connection_not_ready", log_type="error").save()
    everything()
    hour, day = HourlyMetrics.objects.get(), DailyAnalytics.objects.get()
    assert (hour.requests, hour.failures, hour.p95_ms, hour.errors) == (1, 1, None, {"connection_not_ready": 1})
    assert (day.avg_response_time_ms, day.p95_response_time_ms, day.error_rate_percent) == (None, None, 100)


def test_an_organization_that_was_deleted_holds_up_nobody(connections: list[Connection]) -> None:
    gone = ConnectionFactory()
    call(gone, START, response_status=200).save()
    call(connections[0], START, response_status=200).save()
    organization = gone.organization
    gone.delete()
    organization.delete()
    everything()
    check_sums(connections)


# Clocks at a half and three quarters of an hour; put back and forward by half an hour; put back at one in the night,
# so that the first hour of the day comes twice; put back at midnight, so that the last does.
CHANGES = [
    ("Asia/Kolkata", datetime(2026, 3, 1, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 3, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 5, 3, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 21, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_days_follow_the_calendar_when_clocks_are_changed(zone: str, change: datetime) -> None:
    connection = ConnectionFactory(organization=OrganizationFactory(timezone=zone))
    calls_between([connection], change - timedelta(hours=40), change + timedelta(hours=40), 500)
    rollup(change - timedelta(days=3), change + timedelta(days=3))
    check_sums([connection])
    rollup(change - timedelta(minutes=20), change + timedelta(hours=7))
    check_sums([connection])


def test_a_zone_with_other_minutes_has_hours_of_its_own() -> None:
    connection = ConnectionFactory(organization=OrganizationFactory(timezone="Asia/Kolkata"))
    for minute in (29, 31):
        call(connection, START.replace(hour=18, minute=minute), response_status=200).save()  # about midnight there
    everything()
    hours = HourlyMetrics.objects.order_by("hour").values_list("hour", flat=True)
    assert [(hour.hour, hour.minute) for hour in hours] == [(17, 30), (18, 30)]
    days = DailyAnalytics.objects.order_by("date").values_list("date", "total_requests")
    assert [(day.day, calls) for day, calls in days] == [(18, 1), (19, 1)]


@pytest.mark.parametrize("zone", ["Asia/Riyadh", "Asia/Kolkata", "America/Los_Angeles"])
@pytest.mark.usefixtures("rows")
def test_a_changed_time_zone_is_followed_by_a_run_over_the_time(zone: str, connections: list[Connection]) -> None:
    everything()
    Organization.objects.filter(pk=connections[0].organization_id).update(timezone=zone)
    for connection in connections:
        connection.organization.refresh_from_db()
    everything(START - timedelta(days=2))
    check_sums(connections)


@pytest.mark.usefixtures("rows")
def test_hours_that_lie_across_the_begin_of_a_recount_are_counted_once(connections: list[Connection]) -> None:
    everything()
    Organization.objects.filter(pk=connections[0].organization_id).update(timezone="Asia/Kolkata")
    middle = START + timedelta(hours=HOURS / 2)
    rollup(middle, middle + timedelta(hours=4, minutes=10))
    rollup(middle + timedelta(hours=2, minutes=40), middle + timedelta(hours=6))
    assert sum(HourlyMetrics.objects.values_list("requests", flat=True)) == 1500
    rollup(START - timedelta(days=2))
    for connection in connections:
        connection.organization.refresh_from_db()
    check_sums(connections)


def test_webhook_events_are_counted_by_what_became_of_them(connections: list[Connection]) -> None:
    one = connections[0]
    endpoint = WebhookEndpoint.objects.create(
        organization_id=one.organization_id, connection=one, webhook_url="https://x/", webhook_secret="whsec_test"
    )
    for number, (status, verified) in enumerate([("failed", True), ("completed", True), ("pending", False)]):
        # The key is made a moment before the hour, the row a moment after.
        WebhookEvent.objects.create(
            pk=first_uuid7(START - timedelta(milliseconds=20 - number)), received_at=START + timedelta(seconds=1),
            organization_id=one.organization_id, webhook_endpoint=endpoint, event_id=f"evt_{number}", event_type="x",
            signature_verified=verified, is_test=True, processing_status=status,
        )  # fmt: skip
    call(one, START, response_status=200).save()
    everything()
    hour = HourlyMetrics.objects.get()
    assert (hour.webhooks_received, hour.webhooks_verified, hour.webhooks_failed) == (3, 2, 1)
    check_sums([one])
    WebhookEvent.objects.update(processing_status="completed")
    rollup()
    assert HourlyMetrics.objects.get().webhooks_failed == 0
    check_sums([one])


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


def test_a_day_of_checks_alone_has_its_uptime(connections: list[Connection]) -> None:
    one = connections[0]
    call(connections[1], START, response_status=200).save()
    HealthCheck.objects.create(
        organization_id=one.organization_id, connection=one, check_timestamp=START, status="healthy"
    )
    everything()
    day = DailyAnalytics.objects.get(connection=one)
    assert (day.total_requests, day.uptime_percent) == (0, 100)


@pytest.mark.usefixtures("rows")
def test_the_command_counts_a_time_anew_and_says_what_it_did(connections: list[Connection]) -> None:
    out = StringIO()
    call_command("rollup", since="2026-11-18", until="2026-11-20", stdout=out, stderr=StringIO())
    assert "days, from 18/11/2026" in out.getvalue()
    check_sums(connections)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "yesterday"}, "--since: 'yesterday' is neither"),
        ({"since": "2026-13-01"}, "--since: '2026-13-01' is neither"),
        ({"until": "2026-11-20"}, "--until needs --since"),
        ({"since": "2026-11-20", "until": "2026-11-20"}, "--since must be before"),
        ({"since": "2999-01-01"}, "--since must be before"),
    ],
)
def test_the_command_refuses_a_time_that_is_none(given: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("rollup", **given)
