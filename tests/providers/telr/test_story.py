"""A payment by Telr as the product takes it: ordered, paid on the page, told by an advice, captured, given back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from integrations.errors import IntegrationError, NotSupported
from integrations.gateway import FinishedCall
from integrations.models import Connection, Payment, PaymentOperation
from integrations.operations.payments import (
    PaymentOrder,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from integrations.providers.payment.telr import Telr
from integrations.providers.signatures import InboundRequest
from integrations.signals import api_call_finished
from tests.factories import ConnectionFactory
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain

from .wire import CREDENTIALS, REMOTE_KEY, TelrGateway

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = PaymentOrder(amount="5.125", currency="KWD", reference="order-1", capture=False)
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def telr() -> TelrGateway:
    return TelrGateway()


@pytest.fixture
def server(telr: TelrGateway, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(telr.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Connection:
    return ConnectionFactory(slug="telr", configuration={"base_url": server.url}, credentials=CREDENTIALS)


def deliver(connection: Connection, telr: TelrGateway, payment: Payment, secret: str, **changes: str) -> int:
    """The advice of the transaction that paid the order."""
    order = telr.orders[payment.provider_reference]
    reference = order.transaction["ref"]
    fields = {
        "tran_store": "1234",
        "tran_type": order.kind,
        "tran_class": "ecom",
        "tran_test": "1",
        "tran_ref": reference,
        "tran_firstref": reference,
        "tran_currency": order.currency,
        "tran_amount": order.amount,
        "tran_cartid": order.cart,
        "tran_status": order.transaction["status"],
        "tran_authcode": order.transaction["code"],
        "tran_authmessage": order.transaction["message"],
        **changes,
    }
    bare = InboundRequest(urlencode(fields).encode(), {"content-type": FORM}, 0)
    assert Telr.signature
    signed = Telr.signature.sign_request(bare, secret, event_id="", timestamp=0)
    endpoint, _ = create_endpoint(connection)
    path = urlsplit(endpoint.webhook_url).path
    return int(Client().post(path, signed.body, content_type=FORM).status_code)


def test_from_the_order_to_the_last_refund(connection: Connection, telr: TelrGateway) -> None:
    payment = create_payment(connection.organization, ORDER)
    assert payment.status == Payment.Status.REQUIRES_ACTION
    assert payment.redirect_url.startswith("https://secure.telr.com/gateway/process.html?o=")
    assert telr.orders[payment.provider_reference].cart == str(payment.pk)

    telr.pay(payment.provider_reference)
    assert deliver(connection, telr, payment, "another-secret") == 401
    assert deliver(connection, telr, payment, CREDENTIALS["webhook_secret"]) == 200
    drain()
    payment.refresh_from_db()
    assert (payment.status, payment.method) == (Payment.Status.AUTHORISED, "card")

    with pytest.raises(NotSupported):
        capture_payment(payment, amount="5.000")
    payment = capture_payment(payment)
    assert (payment.status, payment.amount_captured) == (Payment.Status.CAPTURED, Decimal("5.125"))
    payment = refund_payment(payment, amount="1.250")
    assert payment.status == Payment.Status.PARTIALLY_REFUNDED
    payment = refund_payment(payment)
    assert (payment.status, payment.amount_refunded) == (Payment.Status.REFUNDED, Decimal("5.125"))
    assert sync_payment(payment).status == Payment.Status.REFUNDED


REFUND = {"tran_type": "refund", "tran_status": "A", "tran_amount": "1.000"}


def captured(connection: Connection, telr: TelrGateway) -> Payment:
    payment = create_payment(connection.organization, ORDER)
    telr.pay(payment.provider_reference)
    return capture_payment(sync_payment(payment))


def test_a_refund_in_the_console_marks_the_payment_and_stays_marked(connection: Connection, telr: TelrGateway) -> None:
    payment = captured(connection, telr)
    deliver(connection, telr, payment, CREDENTIALS["webhook_secret"], **REFUND, tran_ref="030099999901")
    drain()
    sync_payment(payment)
    payment.refresh_from_db()
    assert (payment.status, payment.amount_refunded) == (Payment.Status.CAPTURED, 0)
    assert payment.difference == Payment.Difference.REFUNDED


def test_the_advice_of_a_refund_of_ours_marks_nothing(connection: Connection, telr: TelrGateway) -> None:
    """Not even while its answer is still awaited."""
    payment = captured(connection, telr)
    awaited = payment.operations.create(organization_id=payment.organization_id, kind="refund", amount="1.000")
    deliver(connection, telr, payment, CREDENTIALS["webhook_secret"], **REFUND, tran_ref="030099999902")
    drain()
    awaited.delete()
    payment = refund_payment(payment, amount="1.000")
    ours = payment.operations.get(kind="refund")
    deliver(connection, telr, payment, CREDENTIALS["webhook_secret"], **REFUND, tran_ref=ours.provider_reference)
    drain()
    payment.refresh_from_db()
    assert (payment.amount_refunded, payment.difference) == (Decimal("1.000"), "")


def test_an_advice_that_lies_is_not_believed(connection: Connection, telr: TelrGateway) -> None:
    payment = create_payment(connection.organization, ORDER)
    telr.pay(payment.provider_reference, status="D", code="31", message="Not authorised")
    assert deliver(connection, telr, payment, CREDENTIALS["webhook_secret"], tran_status="A") == 200
    drain()

    payment.refresh_from_db()
    assert (payment.status, payment.failure_code) == (Payment.Status.FAILED, "31")


def test_an_authorisation_is_voided(connection: Connection, telr: TelrGateway) -> None:
    payment = create_payment(connection.organization, ORDER)
    telr.pay(payment.provider_reference)
    assert void_payment(sync_payment(payment)).status == Payment.Status.CANCELLED


def test_an_order_whose_answer_is_lost_is_opened_again(
    connection: Connection, telr: TelrGateway, server: WireServer
) -> None:
    def loses_the_answer(request: WireRequest) -> WireAnswer:
        telr.answer(request)
        return WireAnswer(504, b"")

    server.answer = loses_the_answer
    payment = create_payment(connection.organization, ORDER)
    assert (payment.status, payment.provider_reference) == (Payment.Status.PENDING, "")

    server.answer = telr.answer
    payment = sync_payment(payment)
    assert payment.status == Payment.Status.REQUIRES_ACTION
    assert telr.orders[payment.provider_reference].cart == f"{payment.pk}-2"

    telr.pay(payment.provider_reference)
    assert deliver(connection, telr, payment, CREDENTIALS["webhook_secret"]) == 200
    drain()
    payment.refresh_from_db()
    assert payment.status == Payment.Status.AUTHORISED


def test_a_refund_whose_answer_is_lost_is_sent_once_and_stays_open(
    connection: Connection, telr: TelrGateway, server: WireServer
) -> None:
    """Telr does not tell of refunds: neither is it made again, nor is its amount given back twice."""
    payment = create_payment(connection.organization, ORDER)
    telr.pay(payment.provider_reference)
    payment = capture_payment(sync_payment(payment))

    def loses_answers(request: WireRequest) -> WireAnswer:
        answer = telr.answer(request)
        return WireAnswer(504, b"") if request.path == "/gateway/remote.xml" else answer

    server.answer = loses_answers
    with pytest.raises(IntegrationError):
        refund_payment(payment, amount="2.000", idempotency_key="refund-1")
    refund_payment(payment, amount="2.000", idempotency_key="refund-1")
    PaymentOperation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    sync_payment(payment)

    assert telr.orders[payment.provider_reference].refunded == Decimal("2.000")
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.PENDING
    with pytest.raises(IntegrationError, match=r"3\.125"):
        refund_payment(payment, amount="3.126")


def test_a_refund_that_failed_before_it_was_asked_for_is_over(
    connection: Connection, telr: TelrGateway, server: WireServer
) -> None:
    payment = create_payment(connection.organization, ORDER)
    telr.pay(payment.provider_reference)
    payment = capture_payment(sync_payment(payment))
    server.answer = lambda request: WireAnswer(503, b"")
    with pytest.raises(IntegrationError):
        refund_payment(payment, amount="2.000")

    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.FAILED
    server.answer = telr.answer
    assert refund_payment(payment).status == Payment.Status.REFUNDED


def test_the_keys_are_in_no_log(connection: Connection, telr: TelrGateway) -> None:
    calls: list[FinishedCall] = []

    def keep(call: FinishedCall, **kwargs: object) -> None:
        calls.append(call)

    api_call_finished.connect(keep)
    payment = create_payment(connection.organization, ORDER)
    telr.pay(payment.provider_reference)
    void_payment(sync_payment(payment))
    api_call_finished.disconnect(keep)

    written = " ".join(f"{call.request_headers} {call.request_body} {call.response_body}" for call in calls)
    assert "<type>release</type>" in written
    assert "cartid" in written
    for secret in (CREDENTIALS["auth_key"], REMOTE_KEY, "sample&amp;not", "not&lt;a$remote"):
        assert secret not in written
