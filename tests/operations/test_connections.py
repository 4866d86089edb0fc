from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database
from django.dispatch import Signal

from integrations import signals
from integrations.errors import AuthenticationFailed, Conflict, InvalidRequest
from integrations.models import Connection, Credential, IntegrationProvider, Organization
from integrations.operations.catalogue import sync_catalogue
from integrations.operations.connections import (
    activate_connection,
    create_and_activate,
    create_connection,
    deactivate_connection,
    delete_connection,
    update_connection,
)
from integrations.operations.connections import (
    test_candidate as try_candidate,
)
from integrations.operations.connections import (
    test_connection as try_connection,
)
from integrations.operations.payments import PaymentOrder, create_payment
from tests.factories import OrganizationFactory

from .stripe_wire import StripeWire, refuses_the_key, stripe_wire

KEY = "sk_test_sample_not_a_key"


@pytest.fixture(autouse=True)
def _catalogue(transactional_db: None) -> None:
    sync_catalogue()


def options(wire: StripeWire, **changes: Any) -> dict[str, Any]:
    return {
        "provider_slug": "stripe",
        "connection_name": "Stripe, tests",
        "environment": "development",
        "configuration": {"base_url": wire.url},
        "credentials": {"api_key": KEY},
        **changes,
    }


@contextmanager
def heard(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    messages: list[dict[str, Any]] = []

    def receive(sender: object, **message: Any) -> None:
        messages.append(message)

    signal.connect(receive)
    try:
        yield messages
    finally:
        signal.disconnect(receive)


def test_a_new_connection_is_pending_and_complete(organization: Organization, wire: StripeWire) -> None:
    connection = create_connection(organization, **options(wire))
    assert connection.status == Connection.Status.PENDING
    assert connection.configuration == {"base_url": wire.url, "page": "elements", "send_receipts": False}
    assert connection.credentials.get().reveal() == KEY
    assert connection.rate_limits.get(limit_type="per_minute").max_requests == 6000
    assert "AED" in connection.payment_settings.supported_currencies
    assert connection.payment_settings.is_test_mode


def test_a_connection_is_activated_after_a_test(organization: Organization, wire: StripeWire) -> None:
    connection = activate_connection(create_connection(organization, **options(wire)))
    assert connection.status == Connection.Status.ACTIVE
    assert connection.connected_at
    assert [call.path for call in wire.calls("GET")] == ["/v1/balance"]


def test_a_failed_test_leaves_the_connection_in_error(organization: Organization) -> None:
    with stripe_wire(refuses_the_key) as wire:
        connection = create_connection(organization, **options(wire))
        with pytest.raises(AuthenticationFailed):
            activate_connection(connection)
    connection.refresh_from_db()
    assert connection.status == Connection.Status.ERROR
    assert connection.error_message
    assert KEY not in connection.error_message


def test_testing_never_raises_and_changes_nothing(organization: Organization) -> None:
    with stripe_wire(refuses_the_key) as wire:
        connection = create_connection(organization, **options(wire))
        outcome = try_connection(connection)
    connection.refresh_from_db()
    assert (outcome.ok, outcome.error_code, outcome.endpoint) == (False, "authentication_failed", "/v1/balance")
    assert connection.status == Connection.Status.PENDING
    assert "not_a_key" not in repr(outcome)


def test_a_connection_without_its_credential_fails_the_test(organization: Organization, wire: StripeWire) -> None:
    connection = create_connection(organization, **options(wire))
    Credential.objects.all().delete()
    outcome = try_connection(connection)
    assert (outcome.ok, outcome.error_code) == (False, "configuration_error")


def test_a_candidate_leaves_no_row_behind(organization: Organization, wire: StripeWire) -> None:
    arguments = ("stripe", "development", {"base_url": wire.url})
    assert try_candidate(organization, *arguments, {"api_key": KEY}).ok
    with stripe_wire(refuses_the_key) as refusing:
        assert not try_candidate(organization, "stripe", "staging", {"base_url": refusing.url}, {"api_key": KEY}).ok
    assert not Connection.objects.exists()
    assert not Credential.objects.exists()


def test_the_wizard_leaves_nothing_when_the_test_fails(organization: Organization, wire: StripeWire) -> None:
    with stripe_wire(refuses_the_key) as refusing, pytest.raises(AuthenticationFailed):
        create_and_activate(organization, **options(refusing))
    assert not Connection.objects.exists()
    assert create_and_activate(organization, **options(wire)).status == Connection.Status.ACTIVE


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"provider_slug": "no_such"}, "provider"),
        ({"provider_slug": "a\x00b"}, "provider"),
        ({"environment": "moon"}, "environment"),
        ({"connection_name": " "}, "connection_name"),
        ({"connection_name": "x" * 101}, "connection_name"),
        ({"configuration": {"surprise": "x"}}, "configuration.surprise"),
        ({"configuration": []}, "configuration"),
        ({"credentials": {}}, "credentials.api_key"),
        ({"credentials": {"api_key": ""}}, "credentials.api_key"),
        ({"credentials": {"api_key": "wrong_secret_text"}}, "credentials.api_key"),
        ({"credentials": {"api_key": KEY, "extra": "x"}}, "credentials.extra"),
        ({"environment": "production"}, "configuration.base_url"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    organization: Organization, wire: StripeWire, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        create_connection(organization, **options(wire, **change))
    assert refusal.value.field == field
    assert "wrong_secret_text" not in str(refusal.value.details) + refusal.value.message
    assert not Connection.objects.exists()


def test_a_private_provider_of_another_organization_is_unknown(organization: Organization, wire: StripeWire) -> None:
    IntegrationProvider.objects.filter(slug="stripe").update(organization=OrganizationFactory())
    with pytest.raises(InvalidRequest, match="no provider"):
        create_connection(organization, **options(wire))


def test_a_new_primary_takes_the_place_of_the_old(organization: Organization, wire: StripeWire) -> None:
    first = create_connection(organization, **options(wire, is_primary=True))
    second = create_connection(organization, **options(wire, is_primary=True))
    first.refresh_from_db()
    assert (first.is_primary, second.is_primary) == (False, True)
    update_connection(first, is_primary=True)
    second.refresh_from_db()
    assert (first.is_primary, second.is_primary) == (True, False)


def test_each_environment_has_its_own_primary(organization: Organization, wire: StripeWire) -> None:
    for environment in ("development", "staging"):
        create_connection(organization, **options(wire, environment=environment, is_primary=True))
    assert Connection.objects.filter(is_primary=True).count() == 2


def test_primaries_made_at_once_take_turns(organization: Organization, wire: StripeWire) -> None:
    barrier = threading.Barrier(4)

    def make() -> Connection:
        barrier.wait()
        try:
            return create_connection(organization, **options(wire, is_primary=True))
        finally:
            database.close()

    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(make) for _ in range(4)]:
            one.result()
    assert Connection.objects.filter(is_primary=True).count() == 1


def test_a_deactivated_connection_can_be_activated_again(organization: Organization, wire: StripeWire) -> None:
    connection = create_and_activate(organization, **options(wire))
    deactivate_connection(connection, reason="Keys leaked")
    assert (connection.status, connection.error_message) == (Connection.Status.INACTIVE, "Keys leaked")
    assert connection.disconnected_at
    activate_connection(connection)
    assert (connection.status, connection.disconnected_at) == (Connection.Status.ACTIVE, None)


def test_a_connection_with_payments_cannot_be_deleted(organization: Organization, wire: StripeWire) -> None:
    connection = create_and_activate(organization, **options(wire))
    create_payment(organization, PaymentOrder(amount="1.00", currency="AED", reference="order-1"))
    with pytest.raises(Conflict):
        delete_connection(connection)
    assert Connection.objects.filter(pk=connection.pk).exists()


def test_a_connection_without_payments_is_deleted(organization: Organization, wire: StripeWire) -> None:
    delete_connection(create_connection(organization, **options(wire)))
    assert not Credential.objects.exists()


def test_provider_and_environment_stay(organization: Organization, wire: StripeWire) -> None:
    connection = create_connection(organization, **options(wire))
    with pytest.raises(InvalidRequest) as refusal:
        update_connection(connection, environment="production")
    assert refusal.value.field == "environment"


def test_a_change_of_configuration_is_checked(organization: Organization, wire: StripeWire) -> None:
    connection = create_connection(organization, **options(wire))
    with pytest.raises(InvalidRequest):
        update_connection(connection, configuration={"base_url": "ftp://example.com"})
    update_connection(connection, connection_name="Renamed", configuration={"send_receipts": True})
    connection.refresh_from_db()
    assert (connection.connection_name, connection.configuration) == (
        "Renamed",
        {"page": "elements", "send_receipts": True},
    )


def test_what_is_announced_holds_no_secret(organization: Organization, wire: StripeWire) -> None:
    with heard(signals.action_taken) as actions, heard(signals.connection_changed) as changes:
        connection = create_and_activate(organization, **options(wire))
        update_connection(connection, connection_name="Renamed")
        deactivate_connection(connection)
        delete_connection(connection)
    assert [change["change"] for change in changes] == ["created", "activated", "updated", "deactivated", "deleted"]
    assert [action["action"] for action in actions] == [
        "connection.created",
        "connection.activated",
        "connection.updated",
        "connection.deactivated",
        "connection.deleted",
    ]
    assert "not_a_key" not in repr(actions)
