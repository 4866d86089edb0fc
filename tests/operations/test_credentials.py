from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.errors import AuthenticationFailed, Conflict, IntegrationError, InvalidRequest, Unavailable
from integrations.models import Connection, Credential, Organization
from integrations.operations.credentials import (
    add_credential,
    deactivate_credential,
    rotate_credential,
    rotate_credentials,
)
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory

from .stripe_wire import StripeWire, refuses_the_key

OLD, NEW = "sk_test_sample_old_key", "sk_test_sample_new_key"


@pytest.fixture
def connection(organization: Organization, wire: StripeWire) -> Connection:
    return ConnectionFactory(organization=organization, configuration={"base_url": wire.url})


@pytest.fixture
def credential(connection: Connection) -> Credential:
    return add_credential(connection, key="api_key", value=OLD)


def usable(connection: Connection) -> list[str]:
    return [row.reveal() for row in Credential.objects.usable().filter(connection=connection)]


def test_a_rotation_keeps_the_old_value_for_an_overlap(connection: Connection, credential: Credential) -> None:
    rotate_credential(credential, value=NEW, overlap=timedelta(hours=2))
    assert usable(connection) == [NEW, OLD]
    credential.refresh_from_db()
    assert timedelta(hours=1) < credential.expires_at - timezone.now() <= timedelta(hours=2)


def test_the_provider_is_asked_with_the_new_value_while_the_old_one_is_in_use(
    connection: Connection, credential: Credential, wire: StripeWire
) -> None:
    in_use: list[list[str]] = []
    wire.override = lambda request: in_use.append(usable(connection))  # type: ignore[func-returns-value]
    rotate_credential(credential, value=NEW)
    (asked,) = wire.calls("GET", "/v1/balance")
    assert asked.headers["authorization"] == f"Bearer {NEW}"
    assert in_use == [[OLD]]


def test_a_value_that_the_provider_refuses_changes_nothing(
    connection: Connection, credential: Credential, wire: StripeWire
) -> None:
    wire.override = lambda request: refuses_the_key(request) if NEW in request.headers["authorization"] else None
    with pytest.raises(AuthenticationFailed) as refusal:
        rotate_credential(credential, value=NEW)
    assert NEW not in str(refusal.value)
    assert usable(connection) == [OLD]
    credential.refresh_from_db()
    assert credential.expires_at is None
    assert not AuditLog.objects.filter(action="credential.rotated").exists()


def test_a_provider_that_cannot_be_asked_changes_nothing_unless_that_is_wanted(
    connection: Connection, credential: Credential, wire: StripeWire
) -> None:
    connection.configuration = {"base_url": "http://127.0.0.1:9"}
    connection.save()
    with pytest.raises(Unavailable):
        rotate_credential(credential, value=NEW)
    assert usable(connection) == [OLD]
    rotate_credential(credential, value=NEW, untested=True)
    assert usable(connection) == [NEW, OLD]
    assert AuditLog.objects.get(action="credential.rotated").changes["tested"] is False


def test_credentials_that_belong_together_are_rotated_together(
    connection: Connection, credential: Credential, wire: StripeWire
) -> None:
    signing = add_credential(connection, key="webhook_secret", value="whsec_sample_old_secret")
    pair = {"api_key": NEW, "webhook_secret": "whsec_sample_new_secret"}
    wire.override = refuses_the_key
    with pytest.raises(AuthenticationFailed):
        rotate_credentials(connection, pair)
    with pytest.raises(InvalidRequest):
        rotate_credentials(connection, {**pair, "webhook_secret": "no such form"})
    assert usable(connection) == [OLD, "whsec_sample_old_secret"]
    wire.override = lambda request: None
    rotate_credentials(connection, pair, overlap=timedelta(0))
    assert usable(connection) == [NEW, "whsec_sample_new_secret"]
    signing.refresh_from_db()
    assert not signing.is_active


def test_a_signing_secret_takes_no_call_to_be_rotated(connection: Connection, wire: StripeWire) -> None:
    signing = add_credential(connection, key="webhook_secret", value="whsec_sample_old_secret")
    wire.override = refuses_the_key
    rotate_credential(signing, value="whsec_sample_new_secret")
    assert wire.calls("GET") == []


@pytest.mark.parametrize("values", [{}, {"api_key": NEW}, {"password": NEW}])
def test_what_is_not_there_cannot_be_rotated(connection: Connection, values: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        rotate_credentials(connection, values)


def test_a_rotation_without_overlap_ends_the_old_value_at_once(connection: Connection, credential: Credential) -> None:
    rotate_credential(credential, value=NEW, overlap=timedelta(0))
    assert usable(connection) == [NEW]


def test_an_expired_credential_can_be_rotated(connection: Connection, credential: Credential) -> None:
    Credential.objects.filter(pk=credential.pk).update(expires_at=timezone.now() - timedelta(days=1))
    credential.refresh_from_db()
    rotate_credential(credential, value=NEW)
    assert usable(connection) == [NEW]


def test_a_credential_is_rotated_once(connection: Connection, credential: Credential) -> None:
    rotate_credential(credential, value=NEW)
    with pytest.raises(Conflict):
        rotate_credential(credential, value=NEW)


def test_of_rotations_at_once_one_wins(connection: Connection, credential: Credential) -> None:
    barrier = threading.Barrier(3)

    def rotate(number: int) -> str:
        mine = Credential.objects.get(pk=credential.pk)
        barrier.wait()
        try:
            rotate_credential(mine, value=f"{NEW}_{number}")
            return "rotated"
        except IntegrationError as error:
            return error.code
        finally:
            database.close()

    with ThreadPoolExecutor(3) as threads:
        outcomes = sorted(one.result() for one in [threads.submit(rotate, number) for number in range(3)])
    assert outcomes == ["conflict", "conflict", "rotated"]


def test_a_second_credential_of_a_key_is_refused(connection: Connection, credential: Credential) -> None:
    with pytest.raises(Conflict):
        add_credential(connection, key="api_key", value=NEW)


def test_a_deactivated_credential_is_used_no_more(connection: Connection, credential: Credential) -> None:
    deactivate_credential(credential)
    assert usable(connection) == []
    add_credential(connection, key="api_key", value=NEW)
    assert usable(connection) == [NEW]


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [("password", "x", "credential_key"), ("api_key", "secret-of-mine", "value"), ("api_key", "", "value")],
)
def test_a_credential_that_does_not_fit_is_refused(connection: Connection, key: str, value: str, field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        add_credential(connection, key=key, value=value)
    assert refusal.value.field == field
    assert "secret-of-mine" not in refusal.value.message


def test_the_value_is_stored_sealed(credential: Credential) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT api_credentials::text FROM api_credentials")
        (row,) = cursor.fetchone()
    assert OLD not in row
    assert credential.fingerprint in row
