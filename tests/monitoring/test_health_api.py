"""Health by REST: how a connection is, by what it is judged, windows and incidents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection, Organization
from monitoring.models import HealthRule, ProviderIncident, UptimeDay
from tests.api.client import ApiClient, error_of
from tests.factories import ConnectionFactory, OrganizationFactory, token_for
from tests.wire import WireServer

from .health_wire import BROKEN, WELL, check, connect, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def api(organization: Organization) -> ApiClient:
    return ApiClient(token_for(organization))


def test_the_state_of_a_connection_with_its_uptime(
    api: ApiClient, organization: Organization, provider: WireServer
) -> None:
    connection = connect(provider, organization=organization)
    check(connection, WELL, BROKEN, BROKEN, provider=provider)
    today = timezone.now().astimezone(timezone.zoneinfo.ZoneInfo(organization.timezone)).date()
    for back, (up, down) in {0: (90, 10), 10: (300, 0)}.items():
        UptimeDay.objects.create(
            organization=organization, connection=connection, date=today - timedelta(days=back), up_seconds=up,
            down_seconds=down,
        )  # fmt: skip
    told = api.get(f"connections/{connection.pk}/health/").json()
    assert (told["status"], told["health_status"], told["in_maintenance"]) == ("active", "down", False)
    assert told["since"] == told["last_check"]
    assert "something broke" in told["error_message"]
    assert told["uptime"]["last_7_days"] == "90.00"
    assert told["uptime"]["last_30_days"] == "97.50"
    assert told["provider_incident_since"] is None


def test_a_check_here_and_now(api: ApiClient, organization: Organization, provider: WireServer) -> None:
    connection = connect(provider, organization=organization)
    answer = api.post(f"connections/{connection.pk}/health/check/")
    assert (answer.status_code, answer.json()["status"], answer.json()["check_type"]) == (
        200,
        "healthy",
        "authentication",
    )
    assert fresh(connection).health_status == "healthy"
    reader = ApiClient(token_for(organization, "read"))
    assert reader.post(f"connections/{connection.pk}/health/check/").status_code == 403
    assert reader.get(f"connections/{connection.pk}/health/").status_code == 200


def test_the_rule_is_the_defaults_until_it_is_changed_and_after_it_is_reset(
    api: ApiClient, organization: Organization
) -> None:
    address = f"connections/{ConnectionFactory(organization=organization).pk}/health-rule/"
    defaults = api.get(address).json()
    assert (defaults["interval_seconds"], defaults["failures_until_down"]) == (300, 2)
    changed = api.patch(address, {"failures_until_down": 5, "slow_times": "2.5", "baseline_ms": 120}).json()
    assert (changed["failures_until_down"], changed["slow_times"], changed["baseline_ms"]) == (5, "2.5", 120)
    assert changed["interval_seconds"] == 300
    assert api.delete(address).status_code == 204
    assert api.get(address).json() == defaults


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"interval_seconds": 29}, "interval_seconds"),
        ({"interval_seconds": 86_401}, "interval_seconds"),
        ({"failures_until_down": 0}, "failures_until_down"),
        ({"successes_until_recovery": 21}, "successes_until_recovery"),
        ({"slow_ms": 10_001}, "slow_ms"),
        ({"slow_times": "1"}, "slow_times"),
        ({"slow_ms": 100, "baseline_ms": 101}, "baseline_ms"),
        ({"intervall_seconds": 60}, "intervall_seconds"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_field(
    given: dict[str, Any], field: str, api: ApiClient, organization: Organization
) -> None:
    answer = api.patch(f"connections/{ConnectionFactory(organization=organization).pk}/health-rule/", given)
    assert answer.status_code == 400
    assert field in str(error_of(answer))
    assert not HealthRule.objects.exists()


def test_a_shorter_interval_counts_at_once(api: ApiClient, organization: Organization) -> None:
    far = timezone.now() + timedelta(hours=20)
    connection = ConnectionFactory(organization=organization, next_health_check=far)
    api.patch(f"connections/{connection.pk}/health-rule/", {"interval_seconds": 60})
    assert fresh(connection).next_health_check < timezone.now() + timedelta(seconds=61)


def test_windows_are_announced_changed_and_ended(api: ApiClient, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    ends = timezone.now() + timedelta(hours=1)
    body = {"connection": str(connection.pk), "ends_at": ends.isoformat(), "reason": "New keys"}
    made = api.post("maintenance-windows/", body)
    assert made.status_code == 201, made.json()
    key = made.json()["id"]
    assert api.get(f"connections/{connection.pk}/health/").json()["in_maintenance"] is True
    assert api.patch(f"maintenance-windows/{key}/", {"reason": "Newer keys"}).json()["reason"] == "Newer keys"
    assert [row["id"] for row in api.get("maintenance-windows/?is_over=false").json()["results"]] == [key]
    assert api.post(f"maintenance-windows/{key}/end/").status_code == 204
    assert api.get(f"connections/{connection.pk}/health/").json()["in_maintenance"] is False
    assert error_of(api.patch(f"maintenance-windows/{key}/", {"reason": "Late"}))["code"] == "conflict"
    wrong = api.post("maintenance-windows/", {**body, "ends_at": "2020-01-01T00:00:00Z"})
    assert "ends_at" in str(error_of(wrong))


def test_an_incident_is_told_to_those_who_use_the_provider_without_numbers(
    api: ApiClient, organization: Organization
) -> None:
    row = ConnectionFactory().provider
    ProviderIncident.objects.create(
        provider=row, opened_at=timezone.now(), failing_connections=7, worst_connections=7, all_connections=9,
        failing_organizations=4,
    )  # fmt: skip
    assert api.get("provider-incidents/").json()["results"] == []
    own = ConnectionFactory(organization=organization)
    [told] = api.get("provider-incidents/?is_open=true").json()["results"]
    assert set(told) == {"id", "provider", "opened_at", "resolved_at"}
    assert told["provider"] == row.slug
    assert api.get(f"provider-incidents/{told['id']}/").status_code == 200
    assert api.get(f"connections/{own.pk}/health/").json()["provider_incident_since"] == told["opened_at"]


def test_checks_are_filtered_by_type_and_window(api: ApiClient, organization: Organization) -> None:
    from monitoring.models import HealthCheck

    connection = ConnectionFactory(organization=organization)
    own = {"organization": organization, "connection": connection, "status": "healthy"}
    for kind, paused in (("ping", False), ("authentication", True)):
        HealthCheck.objects.create(**own, check_timestamp=timezone.now(), check_type=kind, in_maintenance=paused)
    assert len(api.get("health-checks/?check_type=ping").json()["results"]) == 1
    [paused] = api.get("health-checks/?in_maintenance=true").json()["results"]
    assert paused["check_type"] == "authentication"


def test_another_organizations_connection_is_not_found(api: ApiClient) -> None:
    connection: Connection = ConnectionFactory()
    for address in ("health/", "health-rule/"):
        assert api.get(f"connections/{connection.pk}/{address}").status_code == 404
