from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.errors import Conflict, IntegrationError, InvalidRequest
from integrations.models import Connection, Credential, Organization
from integrations.operations.credentials import add_credential, deactivate_credential, rotate_credential
from tests.factories import ConnectionFactory

OLD, NEW = "sk_test_sample_old_key", "sk_test_sample_new_key"


@pytest.fixture
def connection(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization)


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
