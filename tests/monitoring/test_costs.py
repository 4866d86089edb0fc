"""What a month costs, what it will have cost, and what it was allowed to: beside sums that were made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from integrations.models import Connection, Membership, Organization
from monitoring.costs import budgets
from monitoring.days import month_of, today_of
from monitoring.models import Alert, AlertRule
from monitoring.pages.costs import figures
from monitoring.tasks import watch_budgets
from tests.clients import signed_in
from tests.factories import ConnectionFactory, OrganizationFactory, UserFactory

from .measured import measured_day

pytestmark = pytest.mark.django_db

PAGE = "/integrations/costs/"
TODAY = date(2026, 3, 18)  # a Wednesday


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory(name="Ours")


@pytest.fixture
def client(organization: Organization) -> Client:
    return signed_in(organization, Membership.Role.VIEWER)


@pytest.fixture
def stripe(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Cards")


@pytest.fixture
def tap(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Local", slug="tap")


def cost_days(connection: Connection, first: date, last: date, *, weekday: str, weekend: str) -> None:
    """From day to day the same, but for Saturdays and Sundays."""
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        measured_day(connection, day, times=[5], cost=weekend if day.weekday() >= 5 else weekday)


def forecast(organization: Organization) -> Decimal:
    expected: Decimal = figures(organization, month_of(TODAY), TODAY)["forecast"]
    return expected


def test_the_forecast_takes_each_day_that_is_left_for_what_its_weekday_costs(stripe: Connection) -> None:
    cost_days(stripe, date(2026, 2, 18), date(2026, 3, 17), weekday="10", weekend="2")
    measured_day(stripe, TODAY, times=[5], cost="4")
    # In March 17 days were 12 weekdays and 5 at the weekend; from today on there are 10 and 4.
    found = figures(stripe.organization, month_of(TODAY), TODAY)
    assert found["spent"] == 12 * 10 + 5 * 2 + 4
    assert found["forecast"] == (12 + 10) * 10 + (5 + 4) * 2
    AlertRule.objects.create(organization=stripe.organization, kind="budget", threshold=1, connection=stripe)
    (budget,) = budgets(stripe.organization, month_of(TODAY), TODAY)
    assert (budget.spent, budget.forecast) == (found["spent"], found["forecast"])


def test_a_day_that_cost_more_than_usual_is_not_expected_to_cost_less(stripe: Connection) -> None:
    cost_days(stripe, date(2026, 3, 4), date(2026, 3, 17), weekday="1", weekend="1")
    measured_day(stripe, TODAY, times=[5], cost="100")
    assert forecast(stripe.organization) == 14 + 100 + 13


def test_a_young_connection_is_forecast_from_its_first_day_on(stripe: Connection) -> None:
    measured_day(stripe, date(2026, 3, 16), times=[5], cost="3")
    measured_day(stripe, date(2026, 3, 17), times=[5], cost="5")
    # Mondays cost 3, Tuesdays 5, and other days the average of 4: today, 4 Mondays and Tuesdays, and 9 others.
    assert forecast(stripe.organization) == 8 + 4 + 2 * 3 + 2 * 5 + 9 * 4


def test_without_a_past_nothing_is_expected(stripe: Connection) -> None:
    assert forecast(stripe.organization) == 0
    measured_day(stripe, TODAY, times=[5], cost="7")
    assert forecast(stripe.organization) == 7


def test_budgets_are_kept_endangered_or_exceeded(stripe: Connection, tap: Connection) -> None:
    cost_days(stripe, date(2026, 3, 1), date(2026, 3, 17), weekday="1", weekend="1")
    measured_day(tap, date(2026, 3, 2), times=[5], cost="9")
    own = {"organization": stripe.organization, "kind": "budget"}
    AlertRule.objects.create(**own, threshold=1000)
    AlertRule.objects.create(**own, threshold=20, connection=stripe)
    AlertRule.objects.create(**own, threshold=8, connection=tap)
    AlertRule.objects.create(**own, threshold=1, is_active=False)
    AlertRule.objects.create(organization=OrganizationFactory(), kind="budget", threshold=1)
    found = budgets(stripe.organization, month_of(TODAY), TODAY)
    assert [(one.rule.connection, one.spent, one.state) for one in found] == [
        (None, 26, "kept"),
        (stripe, 17, "endangered"),
        (tap, 9, "exceeded"),
    ]
    assert found[1].forecast == 31
    assert (found[1].used_percent, found[2].used_percent) == (85, Decimal("112.5"))


def test_a_month_ends_when_it_does_where_the_organization_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """At nine in the evening by UTC it is April in Dubai, and still March in New York."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 3, 31, 21, tzinfo=UTC))
    told = {}
    for zone in ("Asia/Dubai", "America/New_York"):
        shop = ConnectionFactory(organization=OrganizationFactory(timezone=zone))
        measured_day(shop, date(2026, 3, 31), times=[5], cost="9")
        measured_day(shop, date(2026, 4, 1), times=[5], cost="1")
        AlertRule.objects.create(organization=shop.organization, kind="budget", threshold=10)
        today = today_of(shop.organization)
        (budget,) = budgets(shop.organization, month_of(today), today)
        told[zone] = (today, budget.spent, budget.forecast)
    assert told["America/New_York"] == (date(2026, 3, 31), 9, 9)
    assert told["Asia/Dubai"] == (date(2026, 4, 1), 1, 9 + 29 * 9)
    assert watch_budgets() == (1, 0)
    assert Alert.objects.get().told == "90 per cent of the month's budget is spent: AED 9.00 of AED 10.00."


def test_a_month_that_is_over_has_no_forecast(stripe: Connection, client: Client) -> None:
    measured_day(stripe, date(2026, 2, 10), times=[5], cost="12")
    AlertRule.objects.create(organization=stripe.organization, kind="budget", threshold=10)
    response = client.get(f"{PAGE}?month=02/2026")
    assert (response.context["spent"], response.context["forecast"]) == (12, None)
    assert response.context["budgets"][0].state == "exceeded"
    assert "Exceeded" in response.content.decode()


def test_the_month_is_split_by_provider_and_connection(stripe: Connection, tap: Connection, client: Client) -> None:
    measured_day(stripe, date(2026, 3, 2), times=[5] * 10, cost="30")
    measured_day(tap, date(2026, 3, 3), times=[5] * 5, cost="10")
    measured_day(tap, date(2026, 2, 3), times=[5], cost="20")
    measured_day(ConnectionFactory(), date(2026, 3, 3), times=[5], cost="99")
    context = client.get(f"{PAGE}?month=03/2026").context
    rows = [(row.name, row.requests, row.cost, row.before, row.share) for row in context["providers"]]
    assert rows == [("Stripe", 10, 30, 0, 75), ("Tap Payments", 5, 10, 20, 25)]
    assert [(row.name, row.cost) for row in context["connections"]] == [("Cards", 30), ("Local", 10)]
    assert (context["spent"], context["change"]) == (40, 100)
    assert context["per_thousand"].quantize(Decimal("0.01")) == Decimal("2666.67")
    assert context["organizations"] == []


def test_calls_that_cost_nothing_are_calls(stripe: Connection, tap: Connection, client: Client) -> None:
    measured_day(stripe, date(2026, 3, 2), times=[5] * 100, cost="2")
    measured_day(tap, date(2026, 3, 3), times=[5] * 300)
    context = client.get(f"{PAGE}?month=03/2026").context
    assert (context["requests"], context["per_thousand"]) == (400, 5)


def test_a_running_month_is_compared_with_as_much_of_the_one_before(stripe: Connection) -> None:
    measured_day(stripe, date(2026, 2, 18), times=[5], cost="10")
    measured_day(stripe, date(2026, 2, 19), times=[5], cost="500")
    measured_day(stripe, date(2026, 3, 1), times=[5], cost="15")
    assert figures(stripe.organization, month_of(TODAY), TODAY)["change"] == 50


def test_the_running_month_is_shown_with_its_forecast(stripe: Connection, client: Client) -> None:
    today = today_of(stripe.organization)
    measured_day(stripe, today, times=[5], cost="7")
    response = client.get(PAGE)
    assert (response.context["spent"], response.context["forecast"]) == (7, 7)
    assert response.context["month"] == month_of(today)
    assert "It knows no holidays and no campaigns." in response.content.decode()


def test_super_admins_see_all_organizations_and_others_their_own(
    stripe: Connection, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    measured_day(stripe, date(2026, 3, 2), times=[5], cost="30")
    theirs = ConnectionFactory(organization=OrganizationFactory(name="Theirs"))
    measured_day(theirs, date(2026, 3, 2), times=[5], cost="70")
    assert "Theirs" not in client.get(f"{PAGE}?month=03/2026").content.decode()
    assert client.get(f"{PAGE}organizations.csv").status_code == 404
    client.force_login(UserFactory(is_superuser=True))
    with django_assert_max_num_queries(25):
        found = client.get(f"{PAGE}?month=03/2026").context["organizations"]
    assert [(row.name, row.cost, row.share) for row in found] == [("Theirs", 70, 70), ("Ours", 30, 30)]
    lines = client.get(f"{PAGE}organizations.csv?month=03/2026").content.decode("utf-8-sig").splitlines()
    assert lines[1] == "Theirs,1,70.000000,0,70.0"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("days", "02/03/2026,30.000000"),
        ("providers", "Stripe,1,30.000000,0,100.0"),
        ("connections", "'=Cards,1,30.000000,0,100.0"),
    ],
)
def test_costs_come_as_a_file(what: str, line: str, stripe: Connection, client: Client) -> None:
    Connection.objects.update(connection_name="=Cards")
    measured_day(stripe, date(2026, 3, 2), times=[5], cost="30")
    response = client.get(f"{PAGE}{what}.csv?month=03/2026")
    assert line in response.content.decode("utf-8-sig").splitlines()
    assert f"costs-{what}-2026-03.csv" in response["Content-Disposition"]
    assert client.get(f"{PAGE}{what}.csv?month=13/2026")["Location"] == f"{PAGE}?month=13%2F2026"


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_month_without_costs_says_so(language: str, client: Client) -> None:
    client.cookies["django_language"] = language
    response = client.get(f"{PAGE}?month=01/2020")
    assert response.status_code == 200
    assert response.context["providers"] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("13/2026", "Month: Write the month as MM/YYYY."),
        ("2026-03", "Month: Write the month as MM/YYYY."),
        ("01/1900", "Month: Choose a month between 2000 and 2100."),
    ],
)
def test_a_month_that_there_is_not_is_told(given: str, told: str, client: Client, organization: Organization) -> None:
    response = client.get(PAGE, {"month": given})
    assert told in response.content.decode()
    assert response.context["month"] == month_of(today_of(organization))
