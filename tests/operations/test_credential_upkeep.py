"""Policies come due: the Sandbox's own API renews, people are reminded of the rest, replaced values end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from integrations import circuit
from integrations.errors import NotSupported
from integrations.gateway import client_for
from integrations.models import Connection, Credential, Organization
from integrations.operations.credential_upkeep import due_credentials, look_after_credentials
from integrations.operations.credentials import add_credential, renew_credential, rotate_credential
from integrations.signals import credential_due
from integrations.tasks import look_after_credentials as task
from monitoring.models import AuditLog, CallLog
from tests.factories import ConnectionFactory, catalogue_row

from .stripe_wire import StripeWire

OLD = "sk_sandbox_old_sample"


@pytest.fixture
def sandbox(organization: Organization, live_server: LiveServer, settings: Any) -> Connection:
    settings.PUBLIC_URL = live_server.url
    row = catalogue_row("sandbox")
    return ConnectionFactory(organization=organization, provider=row, credentials={"api_key": OLD})


@pytest.fixture
def reminders() -> Iterator[list[tuple[Any, str]]]:
    heard: list[tuple[Any, str]] = []

    def hear(sender: object, credential: Credential, reason: str, error: str, **kwargs: object) -> None:
        heard.append((credential.pk, reason))

    credential_due.connect(hear)
    yield heard
    credential_due.disconnect(hear)


def aged(connection: Connection, days: float, policy: str = "30days") -> Credential:
    credential = Credential.objects.in_use().get(connection=connection)
    then = timezone.now() - timedelta(days=days)
    Credential.objects.filter(pk=credential.pk).update(rotation_policy=policy, created_at=then)
    credential.refresh_from_db()
    return credential


def account(live_server: LiveServer, key: str) -> Any:
    answer = requests.get(
        f"{live_server.url}/sandbox/v1/account", headers={"Authorization": f"Bearer {key}"}, timeout=5
    )
    return answer.json()["id"] if answer.ok else answer.status_code


@pytest.mark.parametrize(
    ("policy", "days", "due"),
    [
        ("manual", 4000, False), ("30days", 29.9, False), ("30days", 30.1, True), ("90days", 89.9, False),
        ("90days", 90.1, True), ("yearly", 364.9, False), ("yearly", 365.1, True),
    ],
)  # fmt: skip
def test_a_credential_is_due_after_its_policy(sandbox: Connection, policy: str, days: float, due: bool) -> None:
    credential = aged(sandbox, days, policy)
    assert [found.pk for found in due_credentials()] == ([credential.pk] if due else [])
    assert (credential.due_at is not None and credential.due_at <= timezone.now()) == due


def test_the_provider_s_api_renews_what_is_due(sandbox: Connection, live_server: LiveServer) -> None:
    old = aged(sandbox, 31)
    whose = account(live_server, OLD)
    assert look_after_credentials() == {"renewed": 1}
    fresh = Credential.objects.in_use().get(connection=sandbox)
    assert fresh.pk != old.pk
    assert (fresh.rotation_policy, fresh.fingerprint != old.fingerprint) == ("30days", True)
    assert account(live_server, fresh.reveal()) == whose == account(live_server, OLD)
    assert client_for(sandbox, operation="test").get("/v1/account").json()["id"] == whose
    assert look_after_credentials() == {}, "nothing is due any more"
    assert AuditLog.objects.get(action="credential.rotated").changes["tested"] is True


def test_the_value_that_was_replaced_is_revoked_there_after_the_overlap(
    sandbox: Connection, live_server: LiveServer
) -> None:
    old = aged(sandbox, 31)
    look_after_credentials()
    Credential.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert look_after_credentials() == {"ended": 1}
    assert account(live_server, OLD) == 401
    old.refresh_from_db()
    assert not old.is_active
    fresh = Credential.objects.in_use().get(connection=sandbox)
    assert client_for(sandbox, operation="test").get("/v1/account").ok
    assert account(live_server, fresh.reveal()) != 401


def test_one_that_was_revoked_before_ends_all_the_same(sandbox: Connection, live_server: LiveServer) -> None:
    old = aged(sandbox, 31)
    look_after_credentials()
    requests.delete(f"{live_server.url}/sandbox/v1/keys/current", headers={"Authorization": f"Bearer {OLD}"}, timeout=5)
    Credential.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert look_after_credentials() == {"ended": 1}


def test_a_value_that_people_replaced_is_not_revoked_at_the_provider(
    sandbox: Connection, live_server: LiveServer
) -> None:
    """They may use it elsewhere."""
    old = Credential.objects.get(connection=sandbox)
    rotate_credential(old, value="sk_sandbox_new_sample")
    Credential.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert look_after_credentials() == {"ended": 1}
    assert account(live_server, OLD) != 401


def test_a_renewal_that_was_interrupted_gets_the_same_value_again(
    sandbox: Connection, monkeypatch: pytest.MonkeyPatch, live_server: LiveServer
) -> None:
    from integrations.operations import credentials as operations

    credential = aged(sandbox, 31)
    issued: list[str] = []

    def interrupted(credential: Credential, *, value: str) -> Credential:
        issued.append(value)
        raise ConnectionError("the process ends here")

    with monkeypatch.context() as patched:
        patched.setattr(operations, "rotate_credential", interrupted)
        with pytest.raises(ConnectionError):
            renew_credential(credential)
    assert Credential.objects.usable().get(connection=sandbox).reveal() == OLD
    assert renew_credential(credential).reveal() == issued[0]


def test_a_provider_that_is_away_is_reported_once_and_asked_again(
    sandbox: Connection, settings: Any, reminders: list[tuple[Any, str]], live_server: LiveServer
) -> None:
    credential = aged(sandbox, 31)
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    assert look_after_credentials() == {"failed": 1}
    assert look_after_credentials() == {"failed": 1}
    assert reminders == [(credential.pk, "failed")]
    settings.PUBLIC_URL = live_server.url
    circuit.reset(sandbox)
    assert look_after_credentials() == {"renewed": 1}


def test_people_are_reminded_once_of_what_no_api_renews(
    organization: Organization, wire: StripeWire, reminders: list[tuple[Any, str]]
) -> None:
    connection = ConnectionFactory(organization=organization, configuration={"base_url": wire.url})
    add_credential(connection, key="api_key", value="sk_test_sample_old_key")
    credential = aged(connection, 91, "90days")
    assert look_after_credentials()["reminded"] == 1
    assert look_after_credentials()["reminded"] == 0
    assert reminders == [(credential.pk, "policy")]
    entry = AuditLog.objects.get(action="credential.due")
    assert (entry.organization, entry.changes["reason"]) == (organization, "policy")
    with pytest.raises(NotSupported):
        renew_credential(credential)


def test_people_are_reminded_of_what_expires_but_not_of_what_was_replaced(
    sandbox: Connection, reminders: list[tuple[Any, str]]
) -> None:
    old = Credential.objects.get(connection=sandbox)
    rotate_credential(old, value="sk_sandbox_new_sample")
    assert look_after_credentials() == {}
    fresh = Credential.objects.in_use().get(connection=sandbox)
    Credential.objects.filter(pk=fresh.pk).update(expires_at=timezone.now() + timedelta(days=29))
    look_after_credentials()
    assert reminders == [(fresh.pk, "expires")]


def test_a_connection_that_is_switched_off_is_left_alone(sandbox: Connection) -> None:
    aged(sandbox, 31)
    Connection.objects.update(status=Connection.Status.INACTIVE)
    assert look_after_credentials() == {}


def test_neither_value_is_written_down(sandbox: Connection) -> None:
    aged(sandbox, 31)
    look_after_credentials()
    fresh = Credential.objects.in_use().get(connection=sandbox).reveal()
    written = repr(list(CallLog.objects.values())) + repr(list(AuditLog.objects.values()))
    assert CallLog.objects.filter(operation="issue_credential").exists()
    assert OLD not in written
    assert fresh not in written


def test_the_command_says_what_it_did(sandbox: Connection, settings: Any, live_server: LiveServer) -> None:
    credential = aged(sandbox, 31)
    output = io.StringIO()
    call_command("rotate_credentials", "--dry-run", stdout=output)
    assert f"api_key (…{credential.fingerprint}) due since" in output.getvalue()
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    with pytest.raises(SystemExit) as ended:
        call_command("rotate_credentials", stdout=io.StringIO())
    assert ended.value.code == 1
    settings.PUBLIC_URL = live_server.url
    output = io.StringIO()
    call_command("rotate_credentials", stdout=output)
    assert output.getvalue() == "1 renewed, 0 reminded, 0 ended, 0 failed.\n"
    assert AuditLog.objects.get(action="credential.rotated").actor == "rotate_credentials"


def test_beat_does_it(sandbox: Connection) -> None:
    aged(sandbox, 31)
    assert task() == {"renewed": 1}


def test_another_one_s_key_is_not_revoked(live_server: LiveServer) -> None:
    url = f"{live_server.url}/sandbox/v1/keys/current"
    requests.delete(url, headers={"Authorization": "Bearer sk_sandbox_one_sample"}, timeout=5)
    assert account(live_server, "sk_sandbox_one_sample") == 401
    assert account(live_server, "sk_sandbox_two_sample") != 401
