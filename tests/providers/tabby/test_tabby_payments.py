"""Tabby's payments from the order to the refund: operations, gateway, door and inbox, with Tabby on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum

from integrations.errors import InvalidRequest
from integrations.models import Connection, Payment, PaymentDispute
from integrations.operations.payments import (
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from monitoring.models import CallLog
from tests.providers import lender_story as story
from tests.providers.tabby import wire as tabby
from tests.wire import WireServer
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEvent
from webhooks.replay import replay_event

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = {"X-Webhook-Token": tabby.CREDENTIALS["webhook_secret"]}
S = Payment.Status


@pytest.fixture
def wire() -> tabby.TabbyWire:
    return tabby.TabbyWire()


@pytest.fixture
def server(wire: tabby.TabbyWire, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Connection:
    return story.connect("tabby", server.url, tabby)


def test_an_event_of_a_loan_captures_what_was_ordered_and_refunds_follow(
    connection: Connection, wire: tabby.TabbyWire
) -> None:
    endpoint = story.address_of(connection)
    payment = create_payment(connection.organization, story.an_order())
    assert (payment.status, payment.redirect_url[:25]) == (S.REQUIRES_ACTION, "https://checkout.tabby.ai")

    wire.pay(payment.provider_reference)
    event = wire.webhook(payment.provider_reference)
    for _ in range(2):
        assert story.deliver(endpoint, event, TOKEN) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured, payment.method) == (S.CAPTURED, Decimal("12.50"), "bnpl")
    assert WebhookEvent.objects.count() == 1

    for amount, status in (("2.50", S.PARTIALLY_REFUNDED), (None, S.REFUNDED)):
        payment = refund_payment(payment, amount=amount)
        assert payment.status == status
    assert story.deliver(endpoint, wire.webhook(payment.provider_reference), TOKEN) == 200
    assert sync_payment(payment).amount_refunded == Decimal("12.50")
    assert payment.operations.filter(kind="refund").aggregate(sum=Sum("amount"))["sum"] == Decimal("12.50")
    assert story.problems() == []


def test_what_was_ordered_to_wait_is_captured_in_part_or_made_void(
    connection: Connection, wire: tabby.TabbyWire
) -> None:
    kept, dropped = (create_payment(connection.organization, story.an_order(capture=False)) for _ in range(2))
    for payment in (kept, dropped):
        wire.pay(payment.provider_reference)
        assert sync_payment(payment).status == S.AUTHORISED

    captured = capture_payment(kept, amount="5.00")
    assert (captured.status, captured.amount_captured) == (S.CAPTURED, Decimal("5.00"))
    assert wire.payments[kept.provider_reference]["status"] == "CLOSED"
    assert void_payment(dropped).status == S.CANCELLED


def test_a_refused_customer_is_not_sent_to_another_gateway(connection: Connection, wire: tabby.TabbyWire) -> None:
    customer = {**story.CUSTOMER, "email": "otp.rejected@tabby.ai"}
    payment = create_payment(connection.organization, story.an_order(customer=customer))

    assert (payment.status, payment.failure_code) == (S.FAILED, "not_available")
    assert payment.failure_message == "Tabby lends this customer nothing for this order."
    assert [attempt["outcome"] for attempt in payment.attempts] == ["declined"]


def test_an_order_that_says_too_little_is_not_taken(connection: Connection, wire: tabby.TabbyWire) -> None:
    with pytest.raises(InvalidRequest, match=r"customer\.name is missing"):
        create_payment(connection.organization, story.an_order(customer={}))
    assert not wire.payments
    assert not Payment.objects.exists()


def test_a_webhook_without_the_token_is_refused_and_one_that_lies_changes_nothing(
    connection: Connection, wire: tabby.TabbyWire
) -> None:
    endpoint = story.address_of(connection)
    payment = create_payment(connection.organization, story.an_order())
    lie = {**wire.webhook(payment.provider_reference), "status": "authorized"}

    assert story.deliver(endpoint, lie, {"X-Webhook-Token": "a-guess"}) == 401
    assert story.deliver(endpoint, lie, {}) == 401
    assert story.deliver(endpoint, lie, TOKEN) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (S.REQUIRES_ACTION, 0)


def test_a_dispute_is_told_of_and_the_payment_looked_up(connection: Connection, wire: tabby.TabbyWire) -> None:
    endpoint = story.address_of(connection)
    payment = create_payment(connection.organization, story.an_order())
    wire.pay(payment.provider_reference)
    told = {"dispute_id": "d-1", "payment_id": payment.provider_reference, "amount": "12.50", "currency": "AED"}

    assert story.deliver(endpoint, {**told, "status": "pending", "created_at": "2026-11-15T13:08:54Z"}, TOKEN) == 200
    assert WebhookEvent.objects.get().event_type == "dispute.pending"
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (S.DISPUTED, Decimal("12.50"))
    dispute = PaymentDispute.objects.get(payment=payment)
    assert (dispute.provider_reference, dispute.status, dispute.amount) == ("d-1", "open", Decimal("12.50"))

    for status in ("arbitration", "declined"):
        assert story.deliver(endpoint, {**told, "status": status}, TOKEN) == 200
    dispute.refresh_from_db()
    assert (dispute.status, sync_payment(payment).status) == ("won", S.CAPTURED)

    replay_event(WebhookEvent.objects.get(event_type="dispute.arbitration"))
    drain()
    dispute.refresh_from_db()
    assert (dispute.status, sync_payment(payment).status) == ("won", S.CAPTURED)
    assert story.problems() == []


def test_a_token_that_is_registered_is_not_written_into_the_log(connection: Connection, wire: tabby.TabbyWire) -> None:
    for token in ("sample-token-of-before", "sample-token-of-now"):
        create_endpoint(connection, webhook_secret=token, register=True)

    logged = [f"{call.request_body}{call.response_body}" for call in CallLog.objects.all()]
    assert any("X-Webhook-Token" in text for text in logged)
    assert not any("sample-token" in text for text in logged)
