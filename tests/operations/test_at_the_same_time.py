"""Operations on the same connection at the same moment: none waits for another that waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection as database

from integrations.errors import Conflict
from integrations.models import Connection, Credential, Organization
from integrations.operations.connections import create_connection, delete_connection, update_connection
from integrations.operations.credentials import add_credential, deactivate_credential, rotate_credentials
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, OrganizationFactory, catalogue_row
from webhooks.endpoints import create_endpoint

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def till(organization: Organization) -> Connection:
    keys = {"api_key": "sk_test_sample_0", "webhook_secret": "whsec_sample_secret_0"}
    return ConnectionFactory(organization=organization, credentials=keys)


def rotate(connection: Connection, number: int) -> None:
    values = {"api_key": f"sk_test_sample_{number}", "webhook_secret": f"whsec_sample_secret_{number}"}
    rotate_credentials(connection, values, overlap=timedelta(0), untested=True)


def test_a_rotation_does_not_wait_for_what_is_being_added_to_the_connection(till: Connection) -> None:
    """Whoever adds an endpoint, say, holds the connection's key until the commit, and the audit log's turn by then."""
    given = urlsplit(os.environ["DATABASE_URL"])
    name = database.settings_dict["NAME"]
    with psycopg.connect(f"postgresql://{given.netloc}/{name}?{given.query}") as adding, database.cursor() as cursor:
        adding.execute("SELECT 1 FROM integration_connections WHERE id = %s FOR KEY SHARE", [till.pk])
        cursor.execute("SET lock_timeout = '1s'")
        try:
            rotate(till, 1)
            update_connection(till, connection_name="Counter")
        finally:
            cursor.execute("RESET lock_timeout")
    assert AuditLog.objects.filter(action="credential.rotated").count() == 2


def test_many_changes_at_once_all_go_through_and_are_all_in_the_trail(
    organization: Organization, till: Connection
) -> None:
    row = catalogue_row("stripe")
    second = ConnectionFactory(organization=organization, provider=row)

    def alternate_primary(number: int) -> None:
        update_connection(Connection.objects.get(pk=(till, second)[number % 2].pk), is_primary=True)

    def come_and_go(number: int) -> None:
        given: dict[str, Any] = {"configuration": {}, "credentials": {"api_key": "sk_test_sample"}}
        delete_connection(
            create_connection(
                organization, provider_slug="stripe", connection_name="Brief", environment="development", **given
            )
        )

    def add_and_end(number: int) -> None:
        deactivate_credential(add_credential(second, key="api_key", value=f"sk_test_other_{number}"))

    works: list[Callable[[int], object]] = [
        lambda number: rotate(Connection.objects.get(pk=till.pk), number),
        lambda number: create_endpoint(Connection.objects.get(pk=till.pk)),
        lambda number: create_endpoint(Connection.objects.get(pk=till.pk)),
        alternate_primary,
        come_and_go,
        add_and_end,
    ]

    def repeat(work: Callable[[int], object]) -> list[str]:
        failures = []
        for number in range(ROUNDS):
            try:
                work(number)
            except Conflict:
                pass
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody should meet it
                failures.append(f"{type(error).__name__}: {error}")
        database.close()
        return failures

    with ThreadPoolExecutor(len(works)) as threads:
        assert [failure for failures in threads.map(repeat, works) for failure in failures] == []
    counts = {
        "credential.rotated": Credential.objects.filter(last_rotated__isnull=False).count(),
        "webhook_endpoint.created": 2 * ROUNDS,
        "connection.created": ROUNDS,
        "connection.deleted": ROUNDS,
        "credential.added": ROUNDS,
        "credential.deactivated": ROUNDS,
    }
    assert {action: AuditLog.objects.filter(action=action).count() for action in counts} == counts
