"""Tap the whole way: ordered, paid on its page, told of by signed events at the door, captured and given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.operations.connection_test import probe
from integrations.operations.payment_reconciliation import reconcile_payment
from integrations.operations.payments import (
    PaymentOrder,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from integrations.providers.payment.tap import Tap
from integrations.providers.signatures import InboundRequest
from tests.factories import ConnectionFactory
from tests.providers.tap.wire import CREDENTIALS, TapWire
from tests.wire import WireServer
from webhooks.endpoints import create_endpoint, rotate_secret
from webhooks.inbox import drain

if TYPE_CHECKING:
    from integrations.models import Connection, Payment
    from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db(transaction=True)
KEY = CREDENTIALS["secret_api_key"]


@pytest.fixture
def wire() -> TapWire:
    return TapWire()


@pytest.fixture
def connection(wire: TapWire, settings: Any) -> Iterator[Connection]:
    from integrations.models import PaymentSettings

    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.PUBLIC_URL = "https://hub.example.com"
    with WireServer(wire.answer) as server:
        made = ConnectionFactory(slug="tap", credentials=CREDENTIALS, configuration={"base_url": server.url})
        PaymentSettings.objects.create(
            organization=made.organization,
            connection=made,
            provider_name="tap",
            supported_currencies=["AED", "KWD"],
        )
        yield made


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection)[0]


def pay(connection: Connection, amount: str = "10.500", currency: str = "KWD", *, capture: bool = True) -> Payment:
    customer = {"name": "Sample Payer", "email": "payer@example.com"}
    order = PaymentOrder(
        amount=amount,
        currency=currency,
        reference="order-1",
        capture=capture,
        customer=customer,
        connection_id=connection.pk,
    )
    return create_payment(connection.organization, order)


def tell(endpoint: WebhookEndpoint, told: dict[str, Any], key: str = KEY) -> int:
    """As Tap posts it; the answer's status."""
    body = json.dumps(told, default=float).encode()
    signed = Tap.signature.sign_request(InboundRequest(body, {}, 0), key, event_id="", timestamp=0)
    path = f"/webhooks/{endpoint.pk}/"
    status: int = Client().post(path, body, content_type="application/json", headers=dict(signed.headers)).status_code
    drain()
    return status


def test_a_payment_is_told_where_to_send_its_events_and_settled_by_one(
    connection: Connection, endpoint: WebhookEndpoint, wire: TapWire
) -> None:
    payment = pay(connection)
    assert (payment.status, payment.redirect_url) == ("requires_action", "https://pay.tap.example/chg_1")
    assert wire.objects["chg_1"]["post"] == {"url": endpoint.webhook_url}
    assert tell(endpoint, wire.pay("chg_1", "CAPTURED")) == 200
    payment.refresh_from_db()
    assert (payment.status, str(payment.amount_captured), payment.method) == ("captured", "10.5000", "card")


def test_what_an_event_claims_is_asked_for(connection: Connection, endpoint: WebhookEndpoint, wire: TapWire) -> None:
    payment = pay(connection)
    forged = {**wire.objects["chg_1"], "status": "CAPTURED", "response": {"code": "000", "message": "Captured"}}
    assert tell(endpoint, forged) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("requires_action", 0)


def test_a_capture_s_own_event_finds_the_authorisation(
    connection: Connection, endpoint: WebhookEndpoint, wire: TapWire
) -> None:
    payment = pay(connection, "12.50", "AED", capture=False)
    tell(endpoint, wire.pay(payment.provider_reference, "AUTHORIZED"))
    payment.refresh_from_db()
    assert payment.status == "authorised"
    captured = capture_payment(payment, amount="10.00")
    charge = next(one for one in wire.objects.values() if one["object"] == "charge")
    assert tell(endpoint, charge) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("captured", captured.amount_captured)
    assert payment.operations.filter(kind="event", provider_reference=payment.provider_reference).count() == 2


def test_a_refund_that_waits_is_settled_by_its_event(
    connection: Connection, endpoint: WebhookEndpoint, wire: TapWire
) -> None:
    payment = pay(connection, "12.50", "AED", capture=False)
    wire.pay(payment.provider_reference, "AUTHORIZED")
    capture_payment(sync_payment(payment))
    wire.refund_status = "PENDING"
    assert refund_payment(payment, amount="5.00").status == "captured"
    (made,) = wire.refunds.values()
    made["status"] = "REFUNDED"
    assert tell(endpoint, made) == 200
    payment.refresh_from_db()
    assert (payment.status, str(payment.amount_refunded)) == ("partially_refunded", "5.0000")
    assert payment.operations.get(kind="refund").status == "succeeded"


def test_refunds_add_up_and_an_authorisation_is_voided(connection: Connection, wire: TapWire) -> None:
    payment = pay(connection)
    wire.pay(payment.provider_reference, "CAPTURED")
    sync_payment(payment)
    refund_payment(payment, amount="0.500")
    whole = refund_payment(payment)
    assert (whole.status, str(whole.amount_refunded)) == ("refunded", "10.500")
    held = pay(connection, capture=False)
    wire.pay(held.provider_reference, "AUTHORIZED")
    assert void_payment(sync_payment(held)).status == "cancelled"


def test_the_api_key_proves_the_webhooks_and_is_not_shown_again(
    connection: Connection, endpoint: WebhookEndpoint, wire: TapWire
) -> None:
    assert create_endpoint(connection)[1] == ""
    assert rotate_secret(endpoint) == ""
    payment = pay(connection)
    assert tell(endpoint, wire.pay(payment.provider_reference, "DECLINED", "507", "Declined"), "sk_test_other") == 401
    assert tell(endpoint, wire.objects[payment.provider_reference]) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.failure_code, payment.failure_message) == ("failed", "507", "Declined")


def test_a_connection_is_tested_by_a_list_of_charges(connection: Connection, wire: TapWire) -> None:
    tested = probe(connection, Tap())
    assert (tested.ok, tested.http_status) == (True, 200)
    wire.make(
        {"amount": Decimal(1), "currency": "AED", "reference": {}, "customer": {}, "source": {"id": "tok_x"}},
        "chg_x",
        "FAILED",
    )
    assert probe(connection, Tap()).ok


def test_a_connection_without_its_key_has_nothing_to_prove_webhooks_with(db: None) -> None:
    from integrations.errors import InvalidRequest

    with pytest.raises(InvalidRequest):
        create_endpoint(ConnectionFactory(slug="tap"))


def test_cash_that_is_brought_to_a_shop_days_later_is_still_waited_for(connection: Connection, wire: TapWire) -> None:
    customer = {"name": "Sample Payer", "email": "payer@example.com"}
    order = PaymentOrder(amount="10.00", currency="EGP", reference="order-1", method="fawry", customer=customer)
    connection.payment_settings.supported_currencies = ["EGP"]
    connection.payment_settings.save()
    payment = create_payment(connection.organization, order)
    wire.objects[payment.provider_reference]["status"] = "IN_PROGRESS"
    for passed, status in ((timedelta(days=2), "requires_action"), (timedelta(days=8), "failed")):
        type(payment).objects.filter(pk=payment.pk).update(created_at=timezone.now() - passed)
        assert reconcile_payment(payment).status == status
    wire.pay(payment.provider_reference, "CAPTURED")
    assert reconcile_payment(payment).status == "captured"
