"""Tamara's payments from the order to the refund: operations, gateway, door and inbox, with Tamara on the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jwt
import pytest

from integrations.errors import NotSupported, Unavailable
from integrations.models import Connection, Payment
from integrations.operations.payments import (
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from tests.providers import lender_story as story
from tests.providers.tamara import wire as tamara
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)
KEY = tamara.CREDENTIALS["notification_token"]
S = Payment.Status


@pytest.fixture
def server(wire: tamara.TamaraWire, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Connection:
    return story.connect("tamara", server.url, tamara)


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection, webhook_secret=KEY)[0]


def token(key: str = KEY) -> dict[str, str]:
    now = int(time.time())
    return {"Authorization": f"Bearer {jwt.encode({'exp': now + 900, 'iat': now, 'iss': 'Tamara'}, key, 'HS256')}"}


def test_the_notice_of_an_approval_authorises_and_captures_the_order(
    connection: Connection, endpoint: WebhookEndpoint, wire: tamara.TamaraWire
) -> None:
    payment = create_payment(connection.organization, story.an_order())
    assert (payment.status, payment.redirect_url[:26]) == (S.REQUIRES_ACTION, "https://checkout.tamara.co")
    key = payment.provider_reference

    wire.approve(key)
    for _ in range(2):
        assert story.deliver(endpoint, wire.webhook(key, "order_approved"), token()) == 200
    assert WebhookEvent.objects.count() == 1
    for late in ("order_authorised", "order_captured"):
        assert story.deliver(endpoint, wire.webhook(key, late), token()) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured, payment.method) == (S.CAPTURED, Decimal("12.50"), "bnpl")

    assert refund_payment(payment, amount="2.50").status == S.PARTIALLY_REFUNDED
    refunded = refund_payment(payment)
    assert (refunded.status, refunded.amount_refunded) == (S.REFUNDED, Decimal("12.50"))
    assert wire.orders[key]["refunded"] == Decimal("12.50")
    assert story.problems() == []


def test_a_payer_s_return_does_what_a_notice_that_never_came_would_have_done(
    connection: Connection, wire: tamara.TamaraWire
) -> None:
    payment = create_payment(connection.organization, story.an_order())
    wire.approve(payment.provider_reference)
    assert sync_payment(payment).status == S.CAPTURED


def test_what_was_ordered_to_wait_is_captured_as_a_whole_or_made_void(
    connection: Connection, wire: tamara.TamaraWire
) -> None:
    kept, dropped = (create_payment(connection.organization, story.an_order(capture=False)) for _ in range(2))
    for payment in (kept, dropped):
        wire.approve(payment.provider_reference)
        assert sync_payment(payment).status == S.AUTHORISED

    with pytest.raises(NotSupported):
        capture_payment(kept, amount="5.00")
    captured = capture_payment(kept)
    assert (captured.status, captured.amount_captured) == (S.CAPTURED, captured.amount)
    assert void_payment(dropped).status == S.CANCELLED
    assert wire.orders[dropped.provider_reference]["status"] == "canceled"


def test_a_checkout_whose_answer_is_lost_is_found_again(
    connection: Connection, wire: tamara.TamaraWire, server: WireServer
) -> None:
    def loses(request: WireRequest) -> WireAnswer:
        answer = wire.answer(request)
        return WireAnswer(502, b"") if request.path == "/checkout" else answer

    server.answer = loses
    payment = create_payment(connection.organization, story.an_order())
    assert (payment.status, payment.provider_reference) == (S.PENDING, "")

    server.answer = wire.answer
    found = sync_payment(payment)
    assert found.status == S.REQUIRES_ACTION
    assert found.redirect_url
    wire.approve(found.provider_reference)
    assert sync_payment(found).status == S.CAPTURED


def test_a_refund_whose_answer_is_lost_is_not_made_again(
    connection: Connection, wire: tamara.TamaraWire, server: WireServer
) -> None:
    payment = create_payment(connection.organization, story.an_order())
    wire.approve(payment.provider_reference)
    payment = sync_payment(payment)

    def loses(request: WireRequest) -> WireAnswer:
        answer = wire.answer(request)
        return WireAnswer(502, b"") if "simplified-refund" in request.path else answer

    server.answer = loses
    with pytest.raises(Unavailable):
        refund_payment(payment, amount="5.00", idempotency_key="once")
    refund_payment(payment, amount="5.00", idempotency_key="once")
    assert wire.orders[payment.provider_reference]["refunded"] == Decimal("5.00")
    seen = sync_payment(payment)
    assert (seen.status, seen.amount_refunded) == (S.PARTIALLY_REFUNDED, Decimal("5.00"))
    assert seen.operations.get(kind="refund").status == "succeeded"


def test_a_notice_with_a_forged_token_is_refused_and_one_that_lies_changes_nothing(
    connection: Connection, endpoint: WebhookEndpoint, wire: tamara.TamaraWire
) -> None:
    payment = create_payment(connection.organization, story.an_order())
    lie = wire.webhook(payment.provider_reference, "order_captured")

    assert story.deliver(endpoint, lie, token(KEY.replace("sample", "another"))) == 401
    assert story.deliver(endpoint, lie, {}) == 401
    assert story.deliver(endpoint, lie, token()) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (S.REQUIRES_ACTION, 0)


def test_a_customer_whom_tamara_declines_has_not_paid(
    connection: Connection, endpoint: WebhookEndpoint, wire: tamara.TamaraWire
) -> None:
    payment = create_payment(connection.organization, story.an_order())
    wire.decline(payment.provider_reference)
    assert story.deliver(endpoint, wire.webhook(payment.provider_reference, "order_declined"), token()) == 200
    payment.refresh_from_db()
    assert (payment.status, payment.failure_code) == (S.FAILED, "declined")


def test_an_order_that_was_authorised_before_its_answer_was_lost_is_found_and_captured(
    connection: Connection, wire: tamara.TamaraWire, server: WireServer
) -> None:
    """A process that died between the two steps, of an order whose reference was never written down here."""
    server.answer = lambda request: (wire.answer(request), WireAnswer(502, b""))[1]
    payment = create_payment(connection.organization, story.an_order())
    server.answer = wire.answer
    (reference,) = wire.orders
    wire.orders[reference]["status"] = "authorised"

    found = sync_payment(payment)
    assert (found.status, found.provider_reference) == (S.CAPTURED, reference)
    assert wire.orders[reference]["captured"] == Decimal("12.50")
