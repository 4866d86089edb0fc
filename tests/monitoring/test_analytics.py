"""The analytics page and its files, beside figures that were added up by hand."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations.models import Connection, Membership, Organization
from integrations.models.base import first_uuid7
from integrations.operations.connections import delete_connection
from monitoring.days import Days
from monitoring.models import DailyAnalytics, HourlyMetrics
from monitoring.rollup import rollup
from tests.clients import signed_in
from tests.factories import ConnectionFactory, OrganizationFactory

from .calls import write_call
from .measured import measured_day

pytestmark = pytest.mark.django_db

PAGE = "/integrations/analytics/"
FIRST, SECOND, THIRD = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)
RANGE = "since=01/03/2026&until=03/03/2026"


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def client(organization: Organization) -> Client:
    return signed_in(organization, Membership.Role.VIEWER)


@pytest.fixture
def stripe(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Cards", environment="production")


@pytest.fixture
def tap(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Local", slug="tap", environment="staging")


@pytest.fixture
def figures(stripe: Connection, tap: Connection) -> None:
    """Ten calls of 10 ms but one on the first day, ten of 5 ms on the third; two days before, five of 15 ms."""
    measured_day(stripe, FIRST, times=[10] * 9 + [20], errors={"provider_timeout": 1}, cost="1.50", uptime="100")
    measured_day(stripe, THIRD, times=[5] * 6, cost="0.25", uptime="99.5", webhooks=(7, 2))
    measured_day(tap, THIRD, times=[5] * 4, errors={"4xx": 1, "provider_timeout": 1}, cost="2", uptime="90")
    measured_day(tap, FIRST - timedelta(days=2), times=[15] * 5, cost="5")
    measured_day(ConnectionFactory(connection_name="Theirs"), THIRD, times=[5000] * 100, cost="99")


def chart(client: Client, name: str, query: str = RANGE) -> list[list[Any]]:
    """What the page gives its script to draw: a list a series."""
    text = client.get(f"{PAGE}?{query}").content.decode()
    found = re.search(rf'<script id="{name}-figures" type="application/json">(.*?)</script>', text)
    assert found is not None
    drawn = json.loads(found[1])
    return [drawn["labels"], *(series["values"] for series in drawn["series"])]


@pytest.mark.usefixtures("figures")
def test_cards_hold_the_sums_of_the_range_beside_those_of_as_many_days_before(client: Client) -> None:
    context = client.get(f"{PAGE}?{RANGE}").context
    totals, changes = context["totals"], context["changes"]
    assert (totals.requests, totals.successes, totals.failures) == (20, 17, 3)
    assert totals.success_percent == 85
    assert totals.average_ms == 8  # (9 * 10 + 20 + 10 * 5) / 20
    assert (totals.p95_ms, totals.p99_ms) == (10, 20)
    assert totals.cost == Decimal("3.75")
    assert (totals.webhooks_received, totals.webhooks_failed) == (7, 2)
    assert totals.uptime_percent == Decimal("96.5")  # (100 + 99.5 + 90) / 3
    assert changes == {
        "requests": 300, "average_ms": -47, "p95_ms": -33, "p99_ms": 33, "webhooks_received": None, "cost": -25,
    }  # fmt: skip


@pytest.mark.usefixtures("figures")
def test_charts_draw_every_day_of_the_range(client: Client) -> None:
    days = ["01/03", "02/03", "03/03"]
    assert chart(client, "volume") == [days, [9, 0, 8], [1, 0, 2]]
    assert chart(client, "times") == [days, [11, None, 5], [20, None, 5], [20, None, 5]]
    assert chart(client, "errors") == [days, [1, 0, 1], [0, 0, 1]]
    assert chart(client, "webhooks") == [days, [0, 0, 7], [0, 0, 2]]
    assert chart(client, "split") == [["Stripe", "Tap Payments"], [16, 4]]
    assert chart(client, "costs") == [["Tap Payments", "Stripe"], ["2.000000", "1.750000"]]


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize(
    ("narrowed", "requests", "cost", "split"),
    [
        ("provider=tap", 4, "2", [["Tap Payments"], [4]]),
        ("environment=production", 16, "1.75", [["Stripe"], [16]]),
        ("provider=stripe&environment=production", 16, "1.75", [["Stripe"], [16]]),
        ("connection={tap}", 4, "2", [["Tap Payments"], [4]]),
    ],
)
def test_figures_are_narrowed(
    narrowed: str, requests: int, cost: str, split: list[Any], client: Client, tap: Connection
) -> None:
    query = f"{RANGE}&{narrowed.format(tap=tap.pk)}"
    context = client.get(f"{PAGE}?{query}").context
    assert (context["totals"].requests, context["totals"].cost) == (requests, Decimal(cost))
    assert chart(client, "split", query) == split
    assert [row["requests"] for row in context["connections"]] == [requests]


@pytest.mark.usefixtures("figures")
def test_what_contradicts_itself_finds_nothing(client: Client, tap: Connection) -> None:
    response = client.get(f"{PAGE}?{RANGE}&connection={tap.pk}&provider=stripe")
    assert response.context["totals"].requests == 0
    assert "No calls in this range" in response.content.decode()


@pytest.mark.usefixtures("figures")
def test_the_table_merges_the_times_of_each_connection(client: Client, stripe: Connection) -> None:
    first = client.get(f"{PAGE}?{RANGE}").context["connections"][0]
    assert first["connection"].name == "Cards"
    assert (first["requests"], first["average_ms"], first["p95_ms"], first["p99_ms"]) == (16, 9, 20, 20)
    assert (first["success_percent"], first["uptime"], first["cost"]) == (Decimal("93.7"), Decimal("99.75"), 1.75)


@pytest.mark.usefixtures("figures")
def test_the_heat_map_says_each_days_uptime_in_words_and_figures(client: Client) -> None:
    response = client.get(f"{PAGE}?{RANGE}")
    lines = response.context["uptime"].lines
    assert [line.connection.name for line in lines] == ["Local", "Cards"]
    assert [(cell.text, cell.level) for cell in lines[1].cells] == [("100", "full"), ("", "none"), ("99.5", "fair")]
    assert 'title="Cards, 03/03/2026: 99.5%">99.5</td>' in response.content.decode()


def test_a_connection_that_was_never_quite_up_is_not_shown_as_always_up(client: Client, stripe: Connection) -> None:
    measured_day(stripe, THIRD, times=[5], uptime="99.999")
    cell = client.get(f"{PAGE}?{RANGE}").context["uptime"].lines[0].cells[2]
    assert (cell.text, cell.level) == ("99.9", "high")


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize(
    ("what", "lines"),
    [
        ("volume", ["Date,Succeeded,Failed", "01/03/2026,9,1", "02/03/2026,0,0", "03/03/2026,8,2"]),
        ("times", ["Date,Average,95th percentile,99th percentile", "01/03/2026,11,20,20", "02/03/2026,,,"]),
        ("errors", ["Date,No answer in time,Other 4xx answers", "01/03/2026,1,0"]),
        ("webhooks", ["Date,Received,Failed", "01/03/2026,0,0", "02/03/2026,0,0", "03/03/2026,7,2"]),
        ("split", ["Provider,Calls", "Stripe,16", "Tap Payments,4"]),
        ("costs", ["Provider,Cost (AED)", "Tap Payments,2.000000", "Stripe,1.750000"]),
        ("uptime", ["date,connection,provider,uptime_percent", "01/03/2026,Cards,Stripe,100.000"]),
        ("connections", ["connection,provider,requests,successes,failures", "Cards,Stripe,16,15,1"]),
        ("daily", ["date,connection,provider,total_requests", "01/03/2026,Cards,Stripe,10"]),
    ],
)
def test_each_chart_comes_as_a_file(what: str, lines: list[str], client: Client) -> None:
    response = client.get(f"{PAGE}{what}.csv?{RANGE}")
    found = response.content.decode("utf-8-sig").splitlines()
    assert [line.startswith(wanted) for line, wanted in zip(found, lines, strict=False)] == [True] * len(lines)
    assert f"analytics-{what}-2026-03-01-2026-03-03.csv" in response["Content-Disposition"]


def test_a_chart_s_file_speaks_one_language(client: Client) -> None:
    client.cookies["django_language"] = "ar"
    heading = client.get(f"{PAGE}volume.csv?{RANGE}").content.decode("utf-8-sig").splitlines()[0]
    assert heading == "التاريخ,الناجحة,الفاشلة"


def test_a_file_that_there_is_not_is_not_found(client: Client) -> None:
    assert client.get(f"{PAGE}secrets.csv").status_code == 404


def test_a_deleted_connection_keeps_its_figures_under_its_last_name(client: Client, stripe: Connection) -> None:
    measured_day(stripe, THIRD, times=[5, 5], cost="1")
    delete_connection(stripe)
    response = client.get(f"{PAGE}?{RANGE}")
    assert response.context["totals"].requests == 2
    assert response.context["connections"][0]["connection"].name == "Cards"
    assert "deleted" in response.content.decode()
    assert "Cards,,2,2,0" in client.get(f"{PAGE}connections.csv?{RANGE}").content.decode()


@pytest.mark.parametrize("query", ["", "since=01/01/2020&until=05/01/2020", "since=01/01/2090&until=02/02/2090"])
@pytest.mark.usefixtures("figures")
def test_a_range_without_calls_says_so(query: str, client: Client) -> None:
    response = client.get(f"{PAGE}?{query or 'days=7'}")
    assert response.status_code == 200
    assert "No calls in this range" in response.content.decode()


def test_one_day_is_a_range(client: Client, stripe: Connection) -> None:
    measured_day(stripe, FIRST, times=[5])
    measured_day(stripe, SECOND, times=[5, 5, 5])
    response = client.get(f"{PAGE}?since=02/03/2026&until=02/03/2026")
    assert (response.context["totals"].requests, response.context["changes"]["requests"]) == (3, 200)


def hourly_call(connection: Connection, moment: datetime, **fields: Any) -> None:
    write_call(connection, created_at=moment, id=first_uuid7(moment), **{"response_time_ms": 10, **fields})


def test_a_day_is_drawn_hour_by_hour(client: Client, stripe: Connection, tap: Connection) -> None:
    """By the organization's clocks, and as the cards and the days say."""
    now = timezone.localtime(timezone=ZoneInfo("Asia/Dubai"))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    hourly_call(stripe, midnight - timedelta(minutes=1))
    hourly_call(stripe, midnight)
    hourly_call(stripe, midnight + timedelta(hours=13, minutes=59), status=503, response_time_ms=20)
    hourly_call(tap, midnight + timedelta(hours=23, minutes=59), status=404, error_code="rejected_by_provider")
    rollup()
    day = f"{midnight:%d/%m/%Y}"
    query = f"since={day}&until={day}"
    labels, good, bad = chart(client, "volume", query)
    assert labels == [f"{hour:02}:00" for hour in range(24)]
    assert {hour: pair for hour, pair in enumerate(zip(good, bad, strict=True)) if any(pair)} == {
        0: (1, 0), 13: (0, 1), 23: (0, 1),
    }  # fmt: skip
    assert chart(client, "times", query)[1][13] == 20
    assert [sum(classes) for classes in chart(client, "errors", query)[1:]] == [1, 1]
    context = client.get(f"{PAGE}?{query}").context
    assert (context["totals"].requests, context["changes"]["requests"], context["is_hourly"]) == (3, 200, True)
    assert sum(chart(client, "volume", f"{query}&provider=tap")[2]) == 1
    assert sum(chart(client, "volume", f"{query}&connection={stripe.pk}")[1]) == 1
    assert f"{day} 13:00,0,1" in client.get(f"{PAGE}volume.csv?{query}").content.decode().splitlines()


def test_hours_that_are_still_to_come_are_not_drawn(client: Client, stripe: Connection) -> None:
    now = timezone.localtime(timezone=ZoneInfo("Asia/Dubai"))
    measured_day(stripe, now.date(), times=[5])
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    HourlyMetrics.objects.create(organization=stripe.organization, connection=stripe, hour=midnight, successes=1)
    labels, *_series = chart(client, "volume", f"since={now:%d/%m/%Y}&until={now:%d/%m/%Y}")
    assert len(labels) - now.hour in (1, 2)  # the hour may turn meanwhile


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Asia/Kolkata", date(2025, 3, 1), 24),
        ("Europe/London", date(2025, 3, 30), 23),
        ("Europe/London", date(2025, 10, 26), 25),
        ("Africa/Cairo", date(2025, 4, 25), 23),  # where midnight is left out
    ],
)
def test_a_day_has_as_many_hours_as_the_clocks_say(
    zone: str, day: date, hours: int, client: Client, stripe: Connection
) -> None:
    Organization.objects.update(timezone=zone)
    measured_day(stripe, day, times=[5])
    first, end = Days(day, day).moments(ZoneInfo(zone))
    for moment in (first, end - timedelta(hours=1)):
        HourlyMetrics.objects.create(
            organization_id=stripe.organization_id, connection=stripe, hour=moment, successes=1
        )
    labels, good, _bad = chart(client, "volume", f"since={day:%d/%m/%Y}&until={day:%d/%m/%Y}")
    assert (len(labels), labels[-1], good[0], good[-1], sum(good)) == (hours, "23:00", 1, 1, 2)


def test_a_year_is_drawn_by_weeks(client: Client, stripe: Connection) -> None:
    for back in range(10):
        measured_day(stripe, THIRD - timedelta(days=back), times=[5])
    query = f"since={THIRD - timedelta(days=364):%d/%m/%Y}&until=03/03/2026"
    labels, good, _bad = chart(client, "volume", query)
    assert (len(labels), labels[-1], good[-2:]) == (53, "25/02", [3, 7])
    assert client.get(f"{PAGE}?{query}").context["is_weekly"]


def test_huge_numbers_are_shown_whole(client: Client, stripe: Connection) -> None:
    row = measured_day(stripe, THIRD, times=[5], cost="99999999.999999")
    huge = 9_000_000_000_000_000
    DailyAnalytics.objects.filter(pk=row.pk).update(
        total_requests=huge, successful_requests=huge, response_time_sum_ms=huge * 5, response_time_count=huge,
        response_time_histogram=[0, 0, 0, 0, 0, huge],
    )  # fmt: skip
    measured_day(ConnectionFactory(organization=stripe.organization), THIRD, times=[5])
    text = client.get(f"{PAGE}?{RANGE}").content.decode()
    assert "9,000,000,000,000,001" in text
    assert "AED\N{NO-BREAK SPACE}100,000,000.00" in text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=31/02/2026&until=01/03/2026", "From: Write the day as DD/MM/YYYY."),
        ("since=01/03/2026", "A free range needs both days."),
        ("since=03/03/2026&until=01/03/2026", "The last day must come after the first, within a year."),
        ("since=01/01/0001&until=01/01/0001", "From: Choose a day between 2000 and 2100."),
        ("provider=nobody", "Provider: There is no connection to this provider."),
        ("connection=1", "Connection: Enter a valid UUID."),
        ("connection=01a21c55-c82a-778a-8a13-9e573ed6db4b", "Connection: There is no such connection."),
        ("environment=moon", "Environment: Select a valid choice. moon is not one of the available choices."),
    ],
)
def test_what_cannot_be_asked_is_told_and_the_usual_range_is_shown(query: str, told: str, client: Client) -> None:
    response = client.get(f"{PAGE}?{query}")
    assert told in response.content.decode()
    assert response.context["days"].count == 30


@pytest.mark.usefixtures("figures")
def test_the_page_is_arabic_with_the_digits_of_the_product(client: Client) -> None:
    client.cookies["django_language"] = "ar"
    text = client.get(f"{PAGE}?{RANGE}").content.decode()
    assert 'dir="rtl"' in text
    assert "الاستدعاءات" in text
    assert "3.75" in text
    assert not set("٠١٢٣٤٥٦٧٨٩") & set(text)


@pytest.mark.usefixtures("figures")
def test_a_refresh_fetches_the_figures_alone(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for query in (f"{RANGE}&provider=tap", "since=03/03/2026&until=03/03/2026", RANGE):
        with django_assert_max_num_queries(25):
            text = client.get(f"{PAGE}?{query}", headers={"HX-Request": "true"}).content.decode()
    assert text.lstrip().startswith('<div class="hub-stack"')
    assert f'hx-get="{PAGE}?since=01%2F03%2F2026&amp;until=03%2F03%2F2026"' in text
    assert "<select" not in text
