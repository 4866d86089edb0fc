"""A payment by N-Genius as the product takes it: ordered, paid on the page, told by a webhook, captured, given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from integrations.errors import Rejected
from integrations.models import Connection, Payment, PaymentOperation
from integrations.operations.payments import (
    PaymentOrder,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from tests.factories import ConnectionFactory
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEvent

from .wire import CREDENTIALS, NGenius

pytestmark = pytest.mark.django_db(transaction=True)

PAYER = {"name": "Test Payer", "email": "payer@example.com"}
ORDER = PaymentOrder(amount="5.125", currency="KWD", reference="order-1", capture=False, customer=PAYER)


@pytest.fixture
def ngenius() -> NGenius:
    return NGenius()


@pytest.fixture
def server(ngenius: NGenius, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(ngenius.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Connection:
    return ConnectionFactory(
        slug="network_international", configuration={"base_url": server.url}, credentials=CREDENTIALS
    )


def deliver(connection: Connection, body: dict[str, Any], token: str) -> int:
    endpoint, _ = create_endpoint(connection)
    path = urlsplit(endpoint.webhook_url).path
    answer = Client().post(path, json.dumps(body), content_type="application/json", headers={"X-Hub-Token": token})
    return int(answer.status_code)


def event(ngenius: NGenius, payment: Payment, name: str) -> dict[str, Any]:
    order = ngenius.document(ngenius.orders[payment.provider_reference])
    return {"eventId": f"event-{name}", "eventName": name, "outletId": order["outletId"], "order": order}


def test_from_the_order_to_the_last_refund(connection: Connection, ngenius: NGenius, server: WireServer) -> None:
    payment = create_payment(connection.organization, ORDER)
    assert payment.status == Payment.Status.REQUIRES_ACTION
    assert payment.redirect_url.startswith("https://paypage.")
    assert ngenius.orders[payment.provider_reference].ours == str(payment.pk)

    ngenius.pay(payment.provider_reference, scheme="MADA")
    authorised = event(ngenius, payment, "AUTHORISED")
    assert deliver(connection, authorised, "another-sample-not-a-secret") == 401
    assert deliver(connection, authorised, CREDENTIALS["webhook_secret"]) == 200
    drain()
    payment.refresh_from_db()
    assert (payment.status, payment.method) == (Payment.Status.AUTHORISED, "mada")

    payment = capture_payment(payment, amount="5.000")
    assert (payment.status, payment.amount_captured) == (Payment.Status.CAPTURED, Decimal("5.0000"))
    payment = refund_payment(payment, amount="1.250")
    assert payment.status == Payment.Status.PARTIALLY_REFUNDED
    payment = refund_payment(payment)
    assert (payment.status, payment.amount_refunded) == (Payment.Status.REFUNDED, Decimal("5.0000"))
    tokens = [call for call in server.requests if call.path == "/identity/auth/access-token"]
    assert len(tokens) == 1


def test_an_event_that_lies_is_not_believed(connection: Connection, ngenius: NGenius) -> None:
    payment = create_payment(connection.organization, ORDER)
    forged = event(ngenius, payment, "CAPTURED")
    forged["order"]["_embedded"]["payment"][0]["state"] = "CAPTURED"
    assert deliver(connection, forged, CREDENTIALS["webhook_secret"]) == 200
    drain()

    payment.refresh_from_db()
    assert payment.status == Payment.Status.REQUIRES_ACTION
    assert WebhookEvent.objects.get().processing_status == WebhookEvent.Status.COMPLETED


def test_a_payment_is_synced_where_no_event_comes(connection: Connection, ngenius: NGenius) -> None:
    payment = create_payment(connection.organization, ORDER)
    ngenius.pay(payment.provider_reference, approved=False)

    payment = sync_payment(payment)
    assert (payment.status, payment.failure_code) == (Payment.Status.FAILED, "51")


def test_an_authorisation_is_voided(connection: Connection, ngenius: NGenius) -> None:
    payment = create_payment(connection.organization, ORDER)
    ngenius.pay(payment.provider_reference)
    assert void_payment(sync_payment(payment)).status == Payment.Status.CANCELLED


def test_a_refund_whose_answer_is_lost_is_sent_once_and_found_again(
    connection: Connection, ngenius: NGenius, server: WireServer
) -> None:
    payment = create_payment(connection.organization, ORDER)
    ngenius.pay(payment.provider_reference)
    payment = capture_payment(sync_payment(payment), amount="5.125")

    def loses_answers(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        return WireAnswer(504, b"") if request.path.endswith("/refund") else answer

    server.answer = loses_answers
    with pytest.raises(Exception, match="504"):
        refund_payment(payment, amount="2.000", idempotency_key="refund-1")
    refund_payment(payment, amount="2.000", idempotency_key="refund-1")
    assert sum(call.path.endswith("/refund") for call in server.requests) == 1
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.PENDING

    payment = sync_payment(payment)
    assert (payment.status, payment.amount_refunded) == (Payment.Status.PARTIALLY_REFUNDED, Decimal("2.0000"))
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.SUCCEEDED


def test_a_refused_refund_is_over(connection: Connection, ngenius: NGenius) -> None:
    payment = create_payment(connection.organization, ORDER)
    ngenius.pay(payment.provider_reference)
    payment = capture_payment(sync_payment(payment), amount="5.125")
    ngenius._refund(ngenius.orders[payment.provider_reference], 5000)  # in the portal, say

    with pytest.raises(Rejected, match="more than was captured"):
        refund_payment(payment, amount="1.000")
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.FAILED
