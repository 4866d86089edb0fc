"""A credential that somebody has to see to is an alert: once, for everyone who may look, until it is seen to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Credential
from integrations.operations.connections import deactivate_connection, delete_connection
from integrations.operations.credential_upkeep import look_after_credentials
from integrations.operations.credentials import deactivate_credential, rotate_credential
from monitoring.models import Alert
from monitoring.tasks import watch_credentials
from tests.api.client import ApiClient
from tests.factories import ConnectionFactory, CredentialFactory, MembershipFactory, OrganizationFactory, token_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def credential() -> Credential:
    connection = ConnectionFactory(organization=OrganizationFactory(), connection_name="Till")
    return CredentialFactory(connection=connection)


def grow_old(credential: Credential, **fields: Any) -> Credential:
    changes = fields or {"rotation_policy": "30days", "created_at": timezone.now() - timedelta(days=31)}
    Credential.objects.filter(pk=credential.pk).update(**changes)
    credential.refresh_from_db()
    return credential


def go_round() -> None:
    """What beat does, twice: everything that is to be done once is done once."""
    for _ in range(2):
        look_after_credentials()
        watch_credentials()


def open_alerts() -> list[str]:
    return [alert.told for alert in Alert.objects.unresolved()]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "should have been rotated."),
        ({"expires_at": timezone.now() + timedelta(days=29)}, "ends: give it a new value."),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "ends: give it a new value."),
    ],
)
def test_one_alert_is_open_until_the_credential_is_rotated(
    credential: Credential, fields: dict[str, Any], told: str
) -> None:
    grow_old(credential, **fields)
    go_round()
    assert open_alerts() == [f"The credential api_key (…{credential.fingerprint}) {told}"]
    rotate_credential(credential, value="sk_test_new_sample", untested=True)
    assert open_alerts() == []
    go_round()
    assert Alert.objects.get().resolved_at is not None


def test_nobody_is_alarmed_by_what_is_in_order(credential: Credential) -> None:
    grow_old(credential, rotation_policy="yearly", expires_at=timezone.now() + timedelta(days=200))
    go_round()
    assert not Alert.objects.exists()


def test_the_provider_s_failure_to_renew_is_told_with_its_reason(settings: Any) -> None:
    settings.PUBLIC_URL, settings.EGRESS_ALLOW = "http://127.0.0.1:9", ["127.0.0.1"]
    sandbox = ConnectionFactory(slug="sandbox", credentials={"api_key": "sk_sandbox_sample"})
    grow_old(sandbox.credentials.get())
    go_round()
    (told,) = open_alerts()
    assert told.startswith("The provider has not renewed the credential api_key (…")
    assert told.endswith("The connection to the provider was refused.")


def deactivate(credential: Credential) -> None:
    deactivate_credential(credential)


def switch_off(credential: Credential) -> None:
    deactivate_connection(credential.connection)


def delete(credential: Credential) -> None:
    delete_connection(Connection.objects.get(pk=credential.connection_id))


def change_the_policy(credential: Credential) -> None:
    grow_old(credential, rotation_policy="manual")
    watch_credentials()


@pytest.mark.parametrize("end", [deactivate, switch_off, delete, change_the_policy])
def test_whatever_ends_the_need_resolves_the_alert(credential: Credential, end: Any) -> None:
    grow_old(credential)
    go_round()
    assert len(open_alerts()) == 1
    end(credential)
    assert open_alerts() == []


def test_it_opens_again_when_the_need_is_there_again(credential: Credential) -> None:
    grow_old(credential)
    go_round()
    deactivate_connection(credential.connection)
    Connection.objects.update(status=Connection.Status.ACTIVE)
    go_round()
    assert (len(open_alerts()), Alert.objects.count()) == (1, 2)


def test_what_the_provider_may_still_renew_alarms_nobody(settings: Any) -> None:
    sandbox = ConnectionFactory(slug="sandbox", credentials={"api_key": "sk_sandbox_sample"})
    grow_old(sandbox.credentials.get())
    assert watch_credentials() == (0, 0)


@pytest.mark.parametrize("role", ["viewer", "staff", "admin"])
def test_staff_see_it_in_the_sidebar_in_the_list_and_on_the_dashboard(
    client: Client, credential: Credential, role: str
) -> None:
    grow_old(credential)
    client.force_login(MembershipFactory(organization=credential.organization, role=role).user)
    badge = 'class="hub-badge hub-badge--danger">1<'
    assert badge not in client.get("/integrations/").content.decode()
    go_round()
    dashboard = client.get("/integrations/").content.decode()
    assert badge in dashboard
    assert dashboard.count("should have been rotated") == 1
    listed = client.get("/admin/monitoring/alert/").content.decode()
    assert f"The credential api_key (…{credential.fingerprint}) should have been rotated." in listed
    assert "Till" in listed
    assert client.get(f"/admin/monitoring/alert/{Alert.objects.get().pk}/change/").status_code == 200


def test_programs_read_it(credential: Credential) -> None:
    grow_old(credential)
    go_round()
    api = ApiClient(token_for(credential.organization))
    (row,) = api.get("alerts/", {"is_open": "true"}).json()["results"]
    assert (row["kind"], row["connection"]) == ("credential_expiring", str(credential.connection_id))
    assert row["message"].endswith("should have been rotated.")
    rotate_credential(credential, value="sk_test_new_sample", untested=True)
    assert api.get("alerts/", {"is_open": "true"}).json()["results"] == []
    assert api.get(f"alerts/{row['id']}/").json()["resolved_at"]


def test_another_organization_does_not_see_it(credential: Credential, client: Client) -> None:
    grow_old(credential)
    go_round()
    other = OrganizationFactory()
    client.force_login(MembershipFactory(organization=other, role="admin").user)
    assert "should have been rotated" not in client.get("/admin/monitoring/alert/").content.decode()
    assert ApiClient(token_for(other)).get("alerts/").json()["results"] == []


@pytest.mark.parametrize(
    ("language", "is_open", "is_resolved"), [("en", "Open", "Resolved"), ("ar", "مفتوح", "تمت معالجته")]
)
def test_the_list_tells_its_state_in_the_reader_s_language(
    client: Client, credential: Credential, language: str, is_open: str, is_resolved: str
) -> None:
    grow_old(credential)
    go_round()
    client.force_login(MembershipFactory(organization=credential.organization, role="staff").user)
    client.cookies["django_language"] = language
    assert badges(client) == [is_open]
    deactivate_credential(credential)
    assert badges(client) == [is_resolved]


def badges(client: Client) -> list[str]:
    listed = client.get("/admin/monitoring/alert/").content.decode()
    cells = re.findall(r"<td[^>]*field-\w*state[^>]*>(.*?)</td>", listed, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]
