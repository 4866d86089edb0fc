"""An order that lacks what a gateway wants goes to another, and is refused before anything is written where none is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations.errors import InvalidRequest, Unavailable
from integrations.models import Connection, Organization, Payment, PaymentSettings
from integrations.operations import track_record
from integrations.operations.payments import PaymentOrder, create_payment
from tests.factories import ConnectionFactory
from tests.providers.network_international.wire import CREDENTIALS as OF_NGENIUS

from .stripe_wire import StripeWire, connect, stripe_wire

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")


def ngenius(organization: Organization, **fields: Any) -> Connection:
    return ConnectionFactory(
        organization=organization, slug="network_international", credentials=OF_NGENIUS, connection_name="N-Genius",
        **{"is_primary": True, **fields},
    )  # fmt: skip


def test_a_gateway_that_wants_more_of_the_payer_is_passed_over(organization: Organization, wire: StripeWire) -> None:
    first, second = ngenius(organization), connect(organization, wire)
    payment = create_payment(organization, replace(ORDER, payment_token=""))
    assert payment.connection == second
    tried = [(one["connection"], one["outcome"], one["message"]) for one in payment.attempts]
    lack = "N-Genius wants the customer's e-mail address."
    assert tried == [(str(first.pk), "skipped", lack), (str(second.pk), "accepted", "")]


def test_to_be_passed_over_so_is_no_failure_of_the_gateway_s(organization: Organization, wire: StripeWire) -> None:
    first = ngenius(organization)
    connect(organization, wire)
    for number in range(12):
        create_payment(organization, replace(ORDER, payment_token="", reference=f"order-{number}"))
    track_record.forget()
    assert track_record.track_record(organization).known_success_rate(first.pk) is None


def test_what_is_wanted_is_said_where_no_gateway_does_without_it(organization: Organization) -> None:
    ngenius(organization)
    ConnectionFactory(organization=organization, slug="tamara", connection_name="Tamara")
    order = replace(ORDER, payment_token="")
    with pytest.raises(InvalidRequest, match="N-Genius wants the customer's e-mail address") as refusal:
        create_payment(organization, order, idempotency_key="key-1")
    assert refusal.value.field == "customer"
    assert not Payment.objects.exists()


def test_the_same_key_may_come_again_with_what_was_wanted(organization: Organization, wire: StripeWire) -> None:
    asked = replace(ORDER, connection_id=connect(organization, wire).pk, metadata={"a[b]": "c"})
    with pytest.raises(InvalidRequest, match="square brackets"):
        create_payment(organization, asked, idempotency_key="key-1")
    payment = create_payment(organization, replace(ORDER, metadata={"a": "c"}), idempotency_key="key-1")
    assert payment.status == Payment.Status.CAPTURED


def test_one_that_is_down_is_tried_where_those_that_stand_want_more(
    organization: Organization, wire: StripeWire
) -> None:
    ngenius(organization)
    down = connect(organization, wire, health_status=Connection.Health.DOWN)
    assert create_payment(organization, replace(ORDER, payment_token="")).connection == down


def test_an_outage_is_not_hidden_by_what_another_gateway_wants(organization: Organization) -> None:
    ngenius(organization, is_primary=False)
    with stripe_wire() as gone:
        pass
    connection = connect(organization, gone, is_primary=True)
    with pytest.raises(Unavailable):
        create_payment(organization, replace(ORDER, payment_token=""))
    assert Payment.objects.get().connection == connection


def test_a_token_goes_to_a_gateway_that_takes_one(organization: Organization, wire: StripeWire) -> None:
    ngenius(organization)
    second = connect(organization, wire)
    assert create_payment(organization, replace(ORDER, customer={"email": "a@example.com"})).connection == second


def test_each_gateway_is_asked_for_what_its_own_settings_say_of_the_capture(
    organization: Organization, wire: StripeWire
) -> None:
    """Moyasar's page cannot hold money: a connection that captures later is none for an order without a token."""
    page = ConnectionFactory(organization=organization, slug="moyasar", is_primary=True)
    PaymentSettings.objects.create(
        organization=organization, connection=page, provider_name="Moyasar", auto_capture=False
    )
    second = connect(organization, wire)
    payment = create_payment(organization, replace(ORDER, payment_token=""))
    assert (payment.connection, payment.capture_mode) == (second, Payment.CaptureMode.AUTOMATIC)
