"""The health page, the section on a connection's page, rules and windows in the browser and in the admin."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Organization
from monitoring.models import HealthCheck, HealthRule, MaintenanceWindow, ProviderIncident
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory, UserFactory
from tests.wire import WireServer

from .health_wire import BROKEN, connect, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory(name="Ours")


@pytest.fixture
def staff(client: Client, organization: Organization) -> Client:
    client.force_login(MembershipFactory(organization=organization, role="staff").user)
    return client


FRAGMENT = {"HX-Request": "true"}


def text_of(client: Client, name: str, *args: object, query: str = "", **headers: str) -> str:
    answer = client.get(reverse(name, args=args) + query, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def incident(connection: Connection) -> ProviderIncident:
    return ProviderIncident.objects.create(
        provider=connection.provider, opened_at=timezone.now(), failing_connections=71, worst_connections=72,
        all_connections=93, failing_organizations=44,
    )  # fmt: skip


def test_all_connections_are_listed_those_first_that_are_not_well(staff: Client, organization: Organization) -> None:
    for name, state in (("Good one", "healthy"), ("Bad one", "down"), ("Odd one", "degraded")):
        ConnectionFactory(organization=organization, connection_name=name, health_status=state)
    ConnectionFactory(organization=organization, connection_name="Closed one", status="inactive")
    ConnectionFactory(connection_name="Theirs")
    page = text_of(staff, "health")
    assert page.index("Bad one") < page.index("Odd one") < page.index("Good one")
    assert "Closed one" not in page
    assert "Theirs" not in page


def test_the_list_is_filtered_and_fetched_alone(staff: Client, organization: Organization) -> None:
    ConnectionFactory(organization=organization, connection_name="Good one", health_status="healthy")
    ConnectionFactory(organization=organization, connection_name="Bad one", health_status="down", slug="sandbox")
    for query in ("?state=down", "?provider=sandbox", "?q=bad"):
        page = text_of(staff, "health", query=query)
        assert "Bad one" in page
        assert "Good one" not in page
    fragment = text_of(staff, "health", query="?state=down", hx_request="true")
    assert "<html" not in fragment
    assert "Bad one" in fragment
    assert "Nothing matches" in text_of(staff, "health", query="?state=%00x")


def test_its_queries_are_no_more_for_many_connections(staff: Client, organization: Organization) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as captured:
            text_of(staff, "health")
        return len(captured)

    ConnectionFactory(organization=organization)
    few = queries()
    for _ in range(20):
        ConnectionFactory(organization=organization)
    assert queries() == few <= 25


def test_a_few_checks_are_a_few_thin_columns_at_the_newest_end(staff: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    for minutes, outcome in ((9, "answered"), (6, "failed"), (3, "answered")):
        HealthCheck.objects.create(
            organization=organization, connection=connection, check_type="api_call", outcome=outcome,
            check_timestamp=timezone.now() - timedelta(minutes=minutes), response_time_ms=40,
        )  # fmt: skip
    columns = re.findall(r'class="hub-sparkline__(\w+)" x="(\d+)"', text_of(staff, "health"))
    assert [place for part, place in columns if part == "ground"] == [str(10 * n) for n in range(30)]
    assert [column for column in columns if column[0] != "ground"] == [("good", "270"), ("bad", "280"), ("good", "290")]


def test_check_now_checks_and_shows_the_row_anew(
    staff: Client, organization: Organization, provider: WireServer
) -> None:
    connection = connect(provider, organization=organization)
    provider.answer = lambda request: BROKEN
    answer = staff.post(reverse("health-check", args=[connection.pk]), headers={"hx-request": "true"})
    assert "something broke" in answer.content.decode()
    assert fresh(connection).health_status == "degraded"
    assert staff.post(reverse("health-check", args=[ConnectionFactory().pk])).status_code == 404
    whole = staff.post(reverse("connection-health-check", args=[connection.pk]), follow=True)
    assert whole.redirect_chain == [(reverse("connection", args=[connection.pk]), 302)]


def test_a_viewer_looks_and_changes_nothing(client: Client, organization: Organization) -> None:
    client.force_login(MembershipFactory(organization=organization, role="viewer").user)
    connection = ConnectionFactory(organization=organization)
    assert "Check now" not in text_of(client, "health")
    text_of(client, "connection-health", connection.pk, **FRAGMENT)
    assert client.post(reverse("health-check", args=[connection.pk])).status_code == 403
    assert client.get(reverse("connection-health-rule", args=[connection.pk])).status_code == 403
    assert client.get(reverse("maintenance-window-new")).status_code == 403


def test_a_connections_page_fetches_its_health(staff: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization, health_status="down", health_changed_at=timezone.now())
    HealthCheck.objects.create(
        organization=organization, connection=connection, check_timestamp=timezone.now(), status="down",
        outcome="failed", error_message="Broken <b>off</b>",
    )  # fmt: skip
    assert reverse("connection-health", args=[connection.pk]) in text_of(staff, "connection", connection.pk)
    section = text_of(staff, "connection-health", connection.pk, **FRAGMENT)
    assert section.count("hub-strip__day--") == 90
    assert "Broken &lt;b&gt;off&lt;/b&gt;" in section


def test_what_a_check_met_is_said_in_the_readers_language(staff: Client, organization: Organization) -> None:
    told = {"error_message": "Stripe refuses the credentials.", "health_status": "down"}
    connection = ConnectionFactory(organization=organization, **told)
    HealthCheck.objects.create(
        organization=organization, connection=connection, check_timestamp=timezone.now(), status="down",
        outcome="failed", error_message="The provider did not answer in time.",
    )  # fmt: skip
    staff.cookies["django_language"] = "ar"
    for page in (text_of(staff, "health"), text_of(staff, "connection", connection.pk)):
        assert "refuses the credentials" not in page
        assert "Stripe" in page
    assert "did not answer" not in text_of(staff, "connection-health", connection.pk, **FRAGMENT)


def test_the_rule_is_changed_refused_and_reset_in_the_browser(staff: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    address = reverse("connection-health-rule", args=[connection.pk])
    given = {
        "interval_seconds": "600", "failures_until_down": "3", "successes_until_recovery": "1", "slow_ms": "1500",
        "slow_times": "4", "baseline_ms": "",
    }  # fmt: skip
    assert staff.get(address).status_code == 200
    assert staff.post(address, given).status_code == 302
    assert HealthRule.objects.get(connection=connection).interval_seconds == 600
    for wrong in ({"interval_seconds": "5"}, {"slow_ms": "x"}, {"baseline_ms": "1501"}):
        refused = staff.post(address, {**given, **wrong})
        assert refused.status_code == 400
        assert "hub-field__error" in refused.content.decode()
    assert HealthRule.objects.get(connection=connection).slow_ms == 1500
    staff.post(reverse("connection-rule-reset", args=[connection.pk]))
    assert not HealthRule.objects.exists()


def test_a_window_is_announced_in_the_organizations_own_time_and_ended(client: Client) -> None:
    organization = OrganizationFactory(timezone="Europe/London")
    client.force_login(MembershipFactory(organization=organization, role="staff").user)
    connection = ConnectionFactory(organization=organization, connection_name="Till")
    address = reverse("maintenance-window-new")
    given = {
        "scope": f"connection:{connection.pk}", "starts_at": "01/07/2098 10:00", "ends_at": "01/07/2098 12:00",
        "reason": "New <keys>",
    }  # fmt: skip
    assert client.get(f"{address}?connection={connection.pk}").status_code == 200
    assert client.post(address, given).status_code == 302
    window = MaintenanceWindow.objects.get()
    assert window.starts_at.isoformat() == "2098-07-01T09:00:00+00:00"  # summer time
    assert (window.connection, window.created_by_id is not None) == (connection, True)
    page = text_of(client, "health")
    assert "New &lt;keys&gt;" in page
    assert "01/07/2098 10:00" in page
    for wrong in (
        {"ends_at": "01/07/2098 09:00"},
        {"starts_at": "tomorrow"},
        {"reason": ""},
        {"scope": "provider:1"},
    ):
        assert client.post(address, {**given, **wrong}).status_code == 400
    client.post(reverse("maintenance-window-end", args=[window.pk]))
    assert not MaintenanceWindow.objects.exists()


def test_staff_see_that_a_provider_fails_for_others_and_not_for_how_many(
    staff: Client, organization: Organization
) -> None:
    connection = ConnectionFactory(organization=organization, connection_name="Till", health_status="down")
    ConnectionFactory(organization=OrganizationFactory(name="Someone else"), connection_name="Theirs")
    incident(connection)
    page = text_of(staff, "health")
    assert "fails for other organizations as well" in page
    assert "Provider-wide" in page
    assert not any(told in page for told in ("Someone else", "Theirs", "of 93", "44 organizations"))
    assert staff.get(reverse("admin:monitoring_providerincident_changelist")).status_code == 403


def test_a_super_admin_sees_how_many_of_how_many(client: Client, organization: Organization) -> None:
    client.force_login(UserFactory(is_superuser=True))
    connection = ConnectionFactory(organization=organization, health_status="down")
    row = incident(connection)
    assert "71 of 93 connections, 72 at worst, of 44 organizations" in text_of(client, "health")
    assert "71 of 93" in text_of(client, "admin:monitoring_providerincident_changelist")
    assert client.get(reverse("admin:monitoring_providerincident_change", args=[row.pk])).status_code == 200


def test_rules_and_windows_are_kept_in_the_admin_by_the_same_operations(
    client: Client, organization: Organization
) -> None:
    client.force_login(MembershipFactory(organization=organization, role="admin").user)
    connection = ConnectionFactory(organization=organization)
    rule = {
        "connection": str(connection.pk), "interval_seconds": "120", "failures_until_down": "2",
        "successes_until_recovery": "2", "slow_ms": "2000", "slow_times": "3", "baseline_ms": "",
    }  # fmt: skip
    add = reverse("admin:monitoring_healthrule_add")
    assert "slow" in client.post(add, {**rule, "baseline_ms": "3000"}).content.decode()
    assert not HealthRule.objects.exists()
    assert client.post(add, rule).status_code == 302
    assert HealthRule.objects.get().interval_seconds == 120
    now = timezone.localtime()
    window = {"connection": str(connection.pk), "provider": "", "reason": "New keys"}
    for name, moment in (("starts_at", now), ("ends_at", now + timedelta(hours=1))):
        window |= {f"{name}_0": f"{moment:%d/%m/%Y}", f"{name}_1": f"{moment:%H:%M:%S}"}
    answer = client.post(reverse("admin:monitoring_maintenancewindow_add"), window)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    made = MaintenanceWindow.objects.get()
    client.post(reverse("admin:monitoring_maintenancewindow_delete", args=[made.pk]), {"post": "yes"})
    made.refresh_from_db()
    assert made.ends_at <= timezone.now()
