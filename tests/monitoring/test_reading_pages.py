"""The dashboard, the logs and the analytics, as somebody of the organization sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations import circuit
from integrations.models import Connection, Credential, Membership, Organization
from monitoring.models import CallLog, HourlyMetrics
from monitoring.pages.dashboard import figures
from monitoring.rollup import rollup
from tests.clients import signed_in
from tests.factories import ConnectionFactory, CredentialFactory, OrganizationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def client(organization: Organization) -> Client:
    return signed_in(organization, Membership.Role.VIEWER)


def log(connection: Connection, endpoint: str, *, minutes_ago: float = 5, status: int | None = 200) -> CallLog:
    return CallLog.objects.create(
        organization_id=connection.organization_id,
        connection=connection,
        log_type=CallLog.Type.API_RESPONSE if status else CallLog.Type.ERROR,
        method="GET",
        endpoint=endpoint,
        response_status=status,
        response_time_ms=12,
        request_id="request-1",
        created_at=timezone.now() - timedelta(minutes=minutes_ago),
    )


@pytest.mark.parametrize("path", ["/integrations/", "/integrations/logs/", "/integrations/analytics/"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_page_shows_its_own_organizations_calls_only(
    path: str, language: str, client: Client, organization: Organization,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    own = ConnectionFactory(organization=organization, connection_name="Ours")
    log(own, "https://api.stripe.com/v1/ours", status=None)
    log(ConnectionFactory(connection_name="Theirs"), "https://api.stripe.com/v1/theirs", status=None)
    rollup(timezone.now() - timedelta(hours=2))
    client.cookies["django_language"] = language
    with django_assert_max_num_queries(25):
        response = client.get(path)
    text = response.content.decode()
    assert response.status_code == 200
    assert "Ours" in text
    assert "heirs" not in text
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in text


def test_logs_are_paged_by_place(client: Client, organization: Organization) -> None:
    own = ConnectionFactory(organization=organization)
    for number in range(60):
        log(own, f"https://api.stripe.com/v1/call-{number:02}", minutes_ago=number / 10)
    first = client.get("/integrations/logs/")
    assert [call.endpoint[-2:] for call in first.context["calls"]] == [f"{n:02}" for n in range(50)]
    older = client.get(f"/integrations/logs/?before={first.context['older']}")
    assert [call.endpoint[-2:] for call in older.context["calls"]] == [f"{n:02}" for n in range(50, 60)]


def test_a_refresh_fetches_what_is_newer_alone(client: Client, organization: Organization) -> None:
    own = ConnectionFactory(organization=organization)
    log(own, "https://api.stripe.com/v1/before")
    place = client.get("/integrations/logs/").context["newest"]
    log(own, "https://api.stripe.com/v1/since", minutes_ago=1)
    text = client.get(f"/integrations/logs/?after={place}", headers={"HX-Request": "true"}).content.decode()
    assert "/v1/since" in text
    assert "/v1/before" not in text
    assert "<html" not in text


def test_the_last_hours_are_told_across_a_change_of_clocks(organization: Organization) -> None:
    """In London of 25/10/2026 the hour from one o'clock comes twice."""
    Organization.objects.update(timezone="Europe/London")
    organization.refresh_from_db()
    own = ConnectionFactory(organization=organization)
    now = datetime(2026, 10, 25, 12, 30, tzinfo=UTC)
    for back in range(24):
        HourlyMetrics.objects.create(
            organization=organization, connection=own, successes=back + 1,
            hour=now.replace(minute=0) - timedelta(hours=back),
        )  # fmt: skip
    volume = figures(organization, now)["volume"]
    assert volume["series"][0]["values"] == list(range(24, 0, -1))
    assert volume["labels"][10:16] == ["00:00", "01:00", "01:00", "02:00", "03:00", "04:00"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [("q=charge", {"charge"}), ("status=5xx", {"broken"}), ("status=none", {"lost"}), ("method=POST", set())],
)
def test_logs_are_filtered(query: str, shown: set[str], client: Client, organization: Organization) -> None:
    own = ConnectionFactory(organization=organization)
    for name, status in (("charge", 200), ("broken", 500), ("lost", None)):
        log(own, f"https://api.stripe.com/v1/{name}", status=status)
    calls = client.get(f"/integrations/logs/?period=24h&{query}").context["calls"]
    assert {call.endpoint.rpartition("/")[2] for call in calls} == shown


def test_a_call_is_shown_to_its_own_organization_only(client: Client, organization: Organization) -> None:
    ours = log(ConnectionFactory(organization=organization), "https://api.stripe.com/v1/ours")
    theirs = log(ConnectionFactory(), "https://api.stripe.com/v1/theirs")
    assert client.get(f"/integrations/logs/{ours.pk}/").status_code == 200
    assert client.get(f"/integrations/logs/{theirs.pk}/").status_code == 404


def test_the_figures_come_as_csv(client: Client, organization: Organization) -> None:
    own = ConnectionFactory(organization=organization, connection_name="=1+1")
    log(own, "https://api.stripe.com/v1/ours")
    rollup(timezone.now() - timedelta(hours=2))
    lines = client.get("/integrations/analytics/daily.csv").content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("date,connection,provider,total_requests")
    assert f"{timezone.localdate():%d/%m/%Y},'=1+1,Stripe,1," in lines[1]


@pytest.mark.parametrize("query", ["since=01/11/2026", "since=10/11/2026&until=01/11/2026", "days=9999", "since=x"])
def test_a_bad_range_is_told_and_shows_the_usual_one(query: str, client: Client) -> None:
    response = client.get(f"/integrations/analytics/?{query}")
    assert response.status_code == 200
    assert response.context["days"].count == 30
    file = client.get(f"/integrations/analytics/volume.csv?{query}")
    assert (file.status_code, file["Location"]) == (302, f"/integrations/analytics/?{QueryDict(query).urlencode()}")


@pytest.mark.parametrize(("language", "told"), [("en", "calls are held back"), ("ar", "الطلبات موقوفة")])
def test_the_dashboard_shows_a_circuit_that_is_open(
    client: Client, organization: Organization, language: str, told: str
) -> None:
    connection = ConnectionFactory(organization=organization, connection_name="Shaken")
    client.cookies["django_language"] = language
    assert told not in client.get("/integrations/").content.decode()
    for _ in range(circuit.FAILURES_UNTIL_OPEN):
        circuit.record_failure(connection)
    shown = client.get("/integrations/").content.decode()
    assert told in shown
    assert "Shaken" in shown


@pytest.mark.parametrize(("policy", "told"), [("30days", True), ("yearly", False)])
def test_the_dashboard_tells_of_credentials_that_are_due_and_of_those_that_end(
    policy: str, told: bool, client: Client, organization: Organization
) -> None:
    connection = ConnectionFactory(organization=organization)
    credential = CredentialFactory(connection=connection, rotation_policy=policy)
    Credential.objects.filter(pk=credential.pk).update(created_at=timezone.now() - timedelta(days=40))
    assert ("should have been rotated" in client.get("/integrations/").content.decode()) == told
    ending = CredentialFactory(connection=connection, credential_key="webhook_secret")
    Credential.objects.filter(pk=ending.pk).update(expires_at=timezone.now() + timedelta(days=3))
    assert "The credential webhook_secret ends." in client.get("/integrations/").content.decode()
    Credential.objects.filter(pk=ending.pk).update(expires_at=timezone.now() - timedelta(days=3))
    assert "The credential webhook_secret has ended." in client.get("/integrations/").content.decode()
    # One that a rotation has replaced ends as it should.
    CredentialFactory(connection=connection, credential_key="webhook_secret")
    assert "The credential webhook_secret" not in client.get("/integrations/").content.decode()
