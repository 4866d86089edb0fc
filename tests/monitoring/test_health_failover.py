"""A gateway that goes down loses its payments to the next one, and has them back when it is well again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations import circuit
from integrations.models import Connection, Organization
from integrations.operations.payments import PaymentOrder, create_payment
from monitoring.health import check_connection, check_due
from tests.factories import OrganizationFactory
from tests.operations.stripe_wire import StripeWire, connect, refuses_the_key, stripe_wire
from tests.wire import WireAnswer, WireRequest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organization(settings: Any) -> Organization:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    return OrganizationFactory()


@pytest.fixture
def wires(organization: Organization) -> Iterator[tuple[StripeWire, StripeWire]]:
    with stripe_wire() as first, stripe_wire() as second:
        yield first, second


def outage(request: WireRequest) -> WireAnswer:
    return WireAnswer(503, {"error": {"message": "We are down."}})


def pay(organization: Organization, reference: str) -> Connection:
    order = PaymentOrder(amount="12.50", currency="AED", reference=reference, payment_token="pm_card_visa")
    return create_payment(organization, order).connection


def sweep(times: int) -> None:
    for _ in range(times):
        Connection.objects.update(next_health_check=None)
        check_due()


@pytest.mark.parametrize(
    ("trouble", "status"), [(outage, "active"), (refuses_the_key, "error")], ids=["an outage", "refused credentials"]
)
def test_payments_go_elsewhere_while_the_primary_is_down_and_come_back(
    trouble: Any, status: str, organization: Organization, wires: tuple[StripeWire, StripeWire]
) -> None:
    primary = connect(organization, wires[0], is_primary=True)
    standby = connect(organization, wires[1])
    sweep(1)
    assert pay(organization, "order-1") == primary

    wires[0].override = trouble
    sweep(2)
    primary.refresh_from_db()
    assert (primary.health_status, primary.status) == ("down", status)
    asked = len(wires[0].calls("POST"))
    assert pay(organization, "order-2") == standby
    assert len(wires[0].calls("POST")) == asked  # nobody waits for what is known to be down

    wires[0].override = lambda request: None
    sweep(1)
    assert pay(organization, "order-3") == standby  # one good answer may be chance
    sweep(1)
    primary.refresh_from_db()
    assert (primary.health_status, primary.status, primary.is_primary) == ("healthy", "active", True)
    assert pay(organization, "order-4") == primary


def test_where_all_are_down_the_primary_is_tried_all_the_same(
    organization: Organization, wires: tuple[StripeWire, StripeWire]
) -> None:
    primary, _ = connect(organization, wires[0], is_primary=True), connect(organization, wires[1])
    for wire in wires:
        wire.override = outage
    sweep(2)
    assert set(Connection.objects.values_list("health_status", flat=True)) == {"down"}
    wires[0].override = lambda request: None
    assert pay(organization, "order-1") == primary


def test_a_sweep_closes_the_circuit_that_payments_had_opened(
    organization: Organization, wires: tuple[StripeWire, StripeWire]
) -> None:
    connection = connect(organization, wires[0])
    for _ in range(5):
        circuit.record_failure(connection)
    assert circuit.circuits([connection.pk])[connection.pk].state == circuit.State.OPEN
    check_connection(connection)
    assert circuit.circuits([connection.pk])[connection.pk].state == circuit.State.CLOSED
