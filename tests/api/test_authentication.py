from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import ApiToken, Connection, Membership, Organization
from integrations.tenancy import current_organization_id
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, MembershipFactory, PaymentFactory, UserFactory, token_for

from .client import ApiClient, error_of

HOUR = timedelta(hours=1)


def test_without_a_token_nothing_is_told(organization: Organization) -> None:
    response = ApiClient().get("connections/")
    assert response.status_code == 401
    assert error_of(response)["code"] == "not_authenticated"
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("text", ["hub_wrong", "", "hub_" + "a" * 43, "hub_\u00ff", "hub_ with spaces", "x" * 5000])
def test_a_wrong_token_is_refused(text: str, organization: Organization) -> None:
    client = ApiClient()
    response = client.get("connections/", Authorization=f"Bearer {text}")
    assert response.status_code == 401
    assert error_of(response)["code"] == "invalid_token"
    assert response["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_is_refused_as_such(organization: Organization) -> None:
    response = ApiClient(token_for(organization, expires_at=timezone.now() - HOUR)).get("connections/")
    assert response.status_code == 401
    assert error_of(response)["code"] == "token_expired"


def test_a_revoked_token_is_no_token(organization: Organization) -> None:
    response = ApiClient(token_for(organization, revoked_at=timezone.now())).get("connections/")
    assert (response.status_code, error_of(response)["code"]) == (401, "invalid_token")


def test_the_tokens_of_a_closed_organization_are_refused(organization: Organization, api: ApiClient) -> None:
    Organization.objects.update(is_active=False)
    assert api.get("connections/").status_code == 401


def test_another_way_to_authorize_is_not_taken_for_a_token(organization: Organization) -> None:
    token = token_for(organization)
    assert ApiClient().get("connections/", Authorization=f"Basic {token}").status_code == 401


def test_use_is_noted_once_a_minute(api: ApiClient) -> None:
    api.get("connections/")
    first = ApiToken.objects.get().last_used_at
    api.get("connections/")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=timezone.now() - 2 * timedelta(minutes=1))
    api.get("connections/")
    assert ApiToken.objects.get().last_used_at > timezone.now() - timedelta(minutes=1)  # type: ignore[operator]


def test_the_wall_is_gone_after_the_call(api: ApiClient) -> None:
    api.get("connections/")
    assert current_organization_id() is None


def test_what_a_program_does_is_written_down_under_its_name(api: ApiClient, connection: Connection) -> None:
    response = api.post(f"connections/{connection.pk}/deactivate/", X_Request_Id="order-4711-abc")
    entry = AuditLog.objects.get(action="connection.deactivated")
    assert (entry.actor, entry.request_id) == ("token:test", "order-4711-abc")
    assert response["X-Request-Id"] == "order-4711-abc"


READS = [
    "providers/", "connections/", "connections/{connection}/", "connections/{connection}/credentials/",
    "connections/{connection}/rate-limits/", "connections/{connection}/rate-limits/check/", "payments/",
    "payments/{payment}/", "webhook-endpoints/", "webhook-events/", "logs/", "health-checks/", "analytics/",
    "metrics-hourly/", "audit-logs/",
]  # fmt: skip
WRITES = {
    "connections": ["connections/", "connections/{connection}/deactivate/", "connections/{connection}/credentials/",
                    "connections/{connection}/rate-limits/"],
    "payments": ["payments/", "payments/{payment}/capture/", "payments/{payment}/void/", "payments/{payment}/refund/",
                 "payments/{payment}/sync/"],
    "webhooks": ["webhook-endpoints/", "webhook-events/replay/"],
    "proxy": ["connections/{connection}/proxy/v1/balance"],
}  # fmt: skip


@pytest.fixture
def ids(connection: Connection) -> dict[str, Any]:
    return {"connection": connection.pk, "payment": PaymentFactory(connection=connection).pk}


def test_the_scope_read_reads_everything_and_writes_nothing(organization: Organization, ids: dict[str, Any]) -> None:
    api = ApiClient(token_for(organization, "read"))
    assert {path: api.get(path.format(**ids)).status_code for path in READS} == dict.fromkeys(READS, 200)
    writes = [path for paths in WRITES.values() for path in paths]
    answers = {path: api.post(path.format(**ids)).status_code for path in writes}
    assert answers == dict.fromkeys(writes, 403)


@pytest.mark.parametrize("scope", WRITES)
def test_a_scope_writes_what_is_its_own_alone(scope: str, organization: Organization, ids: dict[str, Any]) -> None:
    api = ApiClient(token_for(organization, scope))
    for other, paths in WRITES.items():
        for path in paths:
            refused = api.post(path.format(**ids), {}).status_code == 403
            assert refused == (other != scope), path


def test_calling_the_provider_is_no_reading(organization: Organization, ids: dict[str, Any]) -> None:
    path = f"connections/{ids['connection']}/proxy/v1/balance"
    assert ApiClient(token_for(organization, "read")).get(path).status_code == 403
    assert ApiClient(token_for(organization, "proxy")).get(path).status_code == 200


def _signed_in(organization: Organization, role: str, **options: Any) -> ApiClient:
    django = Client(**options)
    django.force_login(MembershipFactory(organization=organization, role=role).user)
    return ApiClient(django=django)


def test_a_viewer_reads_and_writes_nothing(organization: Organization, ids: dict[str, Any]) -> None:
    api = _signed_in(organization, Membership.Role.VIEWER)
    assert api.get("connections/").status_code == 200
    assert api.get(f"connections/{ids['connection']}/proxy/v1/balance").status_code == 403
    assert api.get(f"connections/{ids['connection']}/credentials/").status_code == 403
    assert api.post("payments/", {}).status_code == 403
    assert api.post("connections/", {}).status_code == 403


def test_staff_work_but_leave_credentials_alone(organization: Organization, ids: dict[str, Any]) -> None:
    api = _signed_in(organization, Membership.Role.STAFF)
    assert api.post("payments/", {}).status_code == 400
    assert api.get(f"connections/{ids['connection']}/proxy/v1/balance").status_code == 200
    assert api.post(f"connections/{ids['connection']}/credentials/", {}).status_code == 403
    assert api.get("audit-logs/").status_code == 403


def test_an_administrator_looks_after_credentials(organization: Organization, ids: dict[str, Any]) -> None:
    api = _signed_in(organization, Membership.Role.ADMIN)
    assert api.get(f"connections/{ids['connection']}/credentials/").status_code == 200
    assert api.post(f"connections/{ids['connection']}/credentials/", {}).status_code == 400
    assert api.get("audit-logs/").status_code == 200


def test_a_person_of_no_organization_sees_nothing(connection: Connection) -> None:
    django = Client()
    django.force_login(UserFactory())
    response = ApiClient(django=django).get("connections/")
    assert response.status_code == 403
    assert error_of(response)["code"] == "permission_denied"


def test_a_super_admin_sees_the_organization_chosen_alone(organization: Organization, other: Organization) -> None:
    ours, _ = ConnectionFactory(organization=organization), ConnectionFactory(organization=other)
    django = Client()
    django.force_login(UserFactory(is_superuser=True))
    session = django.session
    session["hub_organization"] = str(organization.pk)
    session.save()
    rows = ApiClient(django=django).get("connections/").json()["results"]
    assert [row["id"] for row in rows] == [str(ours.pk)]


def test_a_session_cannot_write_without_its_csrf_token(connection: Connection) -> None:
    api = _signed_in(connection.organization, Membership.Role.STAFF, enforce_csrf_checks=True)
    path = f"connections/{connection.pk}/deactivate/"
    response = api.post(path)
    assert (response.status_code, error_of(response)["code"]) == (403, "permission_denied")
    connection.refresh_from_db()
    assert connection.status == Connection.Status.ACTIVE
    api.django.cookies["csrftoken"] = "a" * 32
    assert api.post(path, X_CSRFToken="a" * 32).status_code == 200


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_from_a_session_is_no_internal_error(content_type: str, connection: Connection) -> None:
    api = _signed_in(connection.organization, Membership.Role.STAFF, enforce_csrf_checks=True)
    api.django.cookies["csrftoken"] = "a" * 32
    small = api.send("POST", f"connections/{connection.pk}/proxy/v1/refunds", b"a=1", content_type=content_type)
    assert (small.status_code, error_of(small)["code"]) == (403, "permission_denied")
    for path in ("payments/", f"connections/{connection.pk}/proxy/v1/refunds"):
        response = api.send("POST", path, b"a=1" * 500_000, content_type=content_type, X_CSRFToken="a" * 32)
        assert error_of(response)["code"] != "internal_error", (path, response.content)
