"""Moyasar the whole way: ordered, paid on its page, told of at the door, given back; and an answer that got lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.operations.payments import (
    PaymentOrder,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from tests.factories import ConnectionFactory
from tests.providers.moyasar.wire import CREDENTIALS, MoyasarWire
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain

if TYPE_CHECKING:
    from integrations.models import Connection, Payment
    from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wire() -> MoyasarWire:
    return MoyasarWire()


@pytest.fixture
def server(wire: MoyasarWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer, settings: Any) -> Connection:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.PUBLIC_URL = "https://hub.example.com"
    return ConnectionFactory(slug="moyasar", credentials=CREDENTIALS, configuration={"base_url": server.url})


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection)[0]


def pay(connection: Connection, **fields: Any) -> Payment:
    order = PaymentOrder(amount="12.50", currency="SAR", reference="order-1", connection_id=connection.pk, **fields)
    return create_payment(connection.organization, order)


def tell(endpoint: WebhookEndpoint, kind: str, told: dict[str, Any], token: str = CREDENTIALS["webhook_secret"]) -> int:
    """As Moyasar posts it; the answer's status."""
    moment = timezone.now().isoformat()
    body = {"id": f"{kind}-{told['id']}", "type": kind, "created_at": moment, "secret_token": token, "data": told}
    posted = Client().post(f"/webhooks/{endpoint.pk}/", json.dumps(body), content_type="application/json")
    drain()
    status: int = posted.status_code
    return status


def invoice_id(payment: Payment) -> str:
    return payment.provider_reference.removeprefix("invoice_")


def test_a_payment_on_the_page_is_settled_by_its_event_and_given_back(
    connection: Connection, endpoint: WebhookEndpoint, wire: MoyasarWire
) -> None:
    payment = pay(connection)
    assert payment.status == "requires_action"
    failed = wire.attempt(invoice_id(payment), "failed")
    assert tell(endpoint, "payment_failed", failed) == 200
    payment.refresh_from_db()
    assert payment.status == "requires_action"

    assert tell(endpoint, "payment_paid", wire.attempt(invoice_id(payment), "paid")) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.method, str(payment.fee)) == ("captured", "mada", "1.5800")
    assert refund_payment(payment, amount="5.00").status == "partially_refunded"
    assert refund_payment(payment).status == "refunded"


def test_what_an_event_claims_is_asked_for_and_a_wrong_token_is_refused(
    connection: Connection, endpoint: WebhookEndpoint, wire: MoyasarWire
) -> None:
    payment = pay(connection)
    told = {"id": "made-up", "status": "paid", "invoice_id": invoice_id(payment), "amount": 1250, "currency": "SAR"}
    assert tell(endpoint, "payment_paid", told, "another-token") == 401
    assert tell(endpoint, "payment_paid", told) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("requires_action", 0)


def test_a_token_is_authorised_captured_in_part_and_another_voided(connection: Connection) -> None:
    held = pay(connection, payment_token="token_sample", capture=False)
    assert held.status == "authorised"
    taken = capture_payment(held, amount="10.00")
    assert (taken.status, str(taken.amount_captured)) == ("captured", "10.00")
    assert void_payment(pay(connection, payment_token="token_sample", capture=False)).status == "cancelled"
    assert void_payment(pay(connection)).status == "cancelled"


def test_a_decline_is_a_failed_payment(connection: Connection, wire: MoyasarWire) -> None:
    wire.token_status = "failed"
    payment = pay(connection, payment_token="token_sample")
    assert (payment.status, payment.failure_code) == ("failed", "51")


@pytest.mark.parametrize("fields", [{}, {"payment_token": "token_sample"}])
def test_a_payment_whose_answer_got_lost_is_found_and_not_made_twice(
    connection: Connection, server: WireServer, wire: MoyasarWire, fields: dict[str, str]
) -> None:
    from integrations.models import Payment

    def loses_answers(request: WireRequest) -> WireAnswer:
        answer = wire.answer(request)
        return WireAnswer(502) if request.method == "POST" else answer

    server.answer = loses_answers
    payment = pay(connection, **fields)
    assert (payment.status, payment.provider_reference) == ("pending", "")
    Payment.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    found = sync_payment(payment)
    assert found.status == ("captured" if fields else "requires_action")
    assert len(wire.invoices) + len(wire.payments) == 1
