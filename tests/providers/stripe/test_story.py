"""Payments on Stripe's page as the product takes them: ordered, paid, told by signed events, captured, given back."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from integrations.errors import IntegrationError, Rejected, Unavailable
from integrations.gateway import FinishedCall
from integrations.models import Connection, Payment, PaymentDispute
from integrations.operations.payments import (
    PaymentOrder,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from integrations.signals import api_call_finished
from tests.factories import ConnectionFactory
from tests.webhooks.stripe_sender import signature
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint, rotate_secret
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

from .wire import CREDENTIALS, DECLINED, SLOW, StripeEnd

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1")
HELD = PaymentOrder(amount="12.50", currency="AED", reference="order-1", capture=False)
_numbers = itertools.count(1)


@pytest.fixture
def end() -> StripeEnd:
    return StripeEnd()


@pytest.fixture
def server(end: StripeEnd, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.PUBLIC_URL = "https://hub.example"
    with WireServer(end.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Connection:
    configuration = {"base_url": server.url, "page": "checkout"}
    return ConnectionFactory(configuration=configuration, credentials={"api_key": CREDENTIALS["api_key"]})


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    """Made known to Stripe, which issued its secret."""
    return create_endpoint(connection, register=True)[0]


def send(
    endpoint: WebhookEndpoint, kind: str, subject: dict[str, Any], *, at: int | None = None, secret: str = ""
) -> int:
    """An event of Stripe's, signed by its own package. Returns the answer's status."""
    told = {name: value for name, value in subject.items() if name[0] != "_"}
    envelope = {"id": f"evt_story_{next(_numbers)}", "object": "event", "api_version": "2026-10-28.endive"}
    when = {"created": int(time.time()) if at is None else at}
    body = json.dumps({**envelope, **when, "type": kind, "data": {"object": told}}).encode()
    header = signature(body, secret or WebhookEndpoint.objects.get(pk=endpoint.pk).webhook_secret.reveal())
    answer = Client().post(
        urlsplit(endpoint.webhook_url).path, body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    return int(answer.status_code)


def applied(payment: Payment) -> Payment:
    drain()
    failed = WebhookEvent.objects.exclude(processing_status=WebhookEvent.Status.COMPLETED)
    assert [event.error_message for event in failed] == []
    return Payment.objects.get(pk=payment.pk)


def test_from_the_page_to_the_last_refund(connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd) -> None:
    payment = create_payment(connection.organization, HELD)
    page = payment.provider_reference
    assert (payment.status, payment.redirect_url) == ("requires_action", end.sessions[page]["url"])
    assert end.sessions[page]["client_reference_id"] == str(payment.pk)

    intent = end.pay(page, wallet="google_pay")
    assert send(endpoint, "payment_intent.amount_capturable_updated", intent) == 200
    payment = applied(payment)
    assert (payment.status, payment.provider_reference, payment.method) == ("authorised", intent["id"], "google_pay")
    assert send(endpoint, "checkout.session.completed", end.sessions[page]) == 200
    assert applied(payment).status == "authorised"

    payment = capture_payment(payment, amount="10.00")
    assert (payment.status, payment.amount_captured) == ("captured", Decimal("10.00"))
    payment = refund_payment(payment, amount="4.00")
    assert (payment.status, payment.amount_refunded) == ("partially_refunded", Decimal("4.00"))
    payment = refund_payment(payment)
    assert (payment.status, payment.amount_refunded) == ("refunded", Decimal("10.00"))
    assert (payment.fee, payment.fee_currency) == (Decimal("1.29"), "AED")
    charge = {**end.charges[intent["latest_charge"]], "payment_intent": intent["id"]}
    assert send(endpoint, "charge.refunded", charge) == 200
    assert applied(payment).status == "refunded"


def test_a_decline_on_the_page_ends_nothing_and_the_next_card_pays(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd
) -> None:
    payment = create_payment(connection.organization, ORDER)
    page = payment.provider_reference
    declined = dict(end.pay(page, token=DECLINED))
    assert send(endpoint, "payment_intent.payment_failed", declined) == 200
    payment = applied(payment)
    assert (payment.status, payment.provider_reference) == ("requires_action", page)

    end.pay(page)
    send(endpoint, "checkout.session.completed", end.sessions[page])
    send(endpoint, "payment_intent.payment_failed", declined, at=int(time.time()) - 60)
    payment = applied(payment)
    assert (payment.status, payment.amount_captured) == ("captured", Decimal("12.50"))


def test_a_payer_who_comes_back_is_believed_when_stripe_says_so(connection: Connection, end: StripeEnd) -> None:
    payment = create_payment(connection.organization, ORDER)
    page = payment.provider_reference
    end.pay(page)

    for _ in range(2):
        payment = sync_payment(payment)
        assert (payment.status, payment.amount_captured) == ("captured", Decimal("12.50"))
        assert payment.provider_reference.startswith("pi_")


def test_a_transfer_that_takes_days_fails_in_the_end(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd
) -> None:
    payment = create_payment(connection.organization, ORDER)
    page = payment.provider_reference
    intent = end.pay(page, token=SLOW)
    send(endpoint, "checkout.session.completed", end.sessions[page])
    assert applied(payment).status == "pending"

    error = {"code": "payment_intent_payment_attempt_failed", "message": "The bank says no."}
    intent.update(status="requires_payment_method", last_payment_error=error)
    send(endpoint, "checkout.session.async_payment_failed", end.sessions[page])
    payment = applied(payment)
    assert (payment.status, payment.failure_message) == ("failed", "The bank says no.")


def test_a_page_that_nobody_used_expires(connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd) -> None:
    payment = create_payment(connection.organization, ORDER)
    end.expire(payment.provider_reference)
    send(endpoint, "checkout.session.expired", end.sessions[payment.provider_reference])

    assert applied(payment).status == "cancelled"


def test_a_page_is_closed_by_a_void(connection: Connection, end: StripeEnd) -> None:
    payment = create_payment(connection.organization, ORDER)
    page = payment.provider_reference

    assert void_payment(payment).status == "cancelled"
    assert end.sessions[page]["status"] == "expired"


def test_a_page_whose_opening_was_never_answered_is_opened_once(
    connection: Connection, end: StripeEnd, server: WireServer
) -> None:
    def lost(request: WireRequest) -> WireAnswer:
        told = end.answer(request)
        return WireAnswer(500, b"{}", {"Stripe-Should-Retry": "false"}) if request.method == "POST" else told

    server.answer = lost
    payment = create_payment(connection.organization, ORDER, idempotency_key="order-1")
    assert (payment.status, payment.provider_reference, len(server.requests)) == ("pending", "", 1)

    server.answer = end.answer
    payment = create_payment(connection.organization, ORDER, idempotency_key="order-1")
    assert payment.status == "requires_action"
    assert [*end.sessions] == [payment.provider_reference]


def test_an_event_finds_a_payment_whose_page_we_never_heard_of(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd, server: WireServer
) -> None:
    def lost(request: WireRequest) -> WireAnswer:
        end.answer(request)
        return WireAnswer(500, b"{}", {"Stripe-Should-Retry": "false"})

    server.answer = lost
    payment = create_payment(connection.organization, ORDER)
    server.answer = end.answer
    (page,) = end.sessions
    intent = end.pay(page)
    send(endpoint, "payment_intent.succeeded", intent)

    payment = applied(payment)
    assert (payment.status, payment.provider_reference) == ("captured", intent["id"])


def test_a_dispute_of_what_was_paid_on_a_page_finds_it(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd
) -> None:
    payment = create_payment(connection.organization, ORDER)
    intent = end.pay(payment.provider_reference)
    send(endpoint, "payment_intent.succeeded", intent)
    assert applied(payment).status == "captured"

    end.charges[intent["latest_charge"]]["disputed"] = True
    about = {"object": "dispute", "id": "du_sample", "amount": 1250, "currency": "aed", "payment_intent": intent["id"]}
    send(endpoint, "charge.dispute.created", {**about, "reason": "fraudulent", "status": "needs_response"})
    assert applied(payment).status == "disputed"
    dispute = PaymentDispute.objects.get(payment=payment)
    assert (dispute.reason, dispute.amount, dispute.status) == ("fraudulent", Decimal("12.50"), "open")


def test_a_refund_that_the_bank_sends_back_is_undone(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd
) -> None:
    payment = create_payment(connection.organization, ORDER)
    intent = end.pay(payment.provider_reference)
    payment = refund_payment(sync_payment(payment), amount="5.00")
    assert payment.status == "partially_refunded"

    end.charges[intent["latest_charge"]]["amount_refunded"] = 0
    send(endpoint, "refund.failed", {**end.refunds[0], "status": "failed"})
    payment = applied(payment)
    assert (payment.status, payment.amount_refunded) == ("captured", Decimal(0))


# Webhooks.


def test_stripe_issues_the_secret_that_it_signs_with(
    connection: Connection, end: StripeEnd, server: WireServer
) -> None:
    endpoint, secret = create_endpoint(connection, register=True)

    (made,) = end.webhooks.values()
    assert (made["url"], made["secret"]) == (endpoint.webhook_url, secret)
    assert made["api_version"] == "2026-10-28.endive"
    assert "checkout.session.completed" in made["enabled_events"]
    assert made["connect"] is None
    assert send(endpoint, "payment_intent.succeeded", end.intents["pi_sample"]) == 200
    assert send(endpoint, "payment_intent.succeeded", end.intents["pi_sample"], secret="whsec_of_nobody") == 401


def test_the_events_of_a_connected_account_come_to_its_platform(
    connection: Connection, end: StripeEnd, server: WireServer
) -> None:
    connection.configuration = {**connection.configuration, "account": "acct_1Sample"}
    connection.save()
    end.account = "acct_1Sample"
    create_endpoint(connection, register=True)

    (made,) = end.webhooks.values()
    assert made["connect"] == "true"
    assert not any("stripe-account" in call.headers for call in server.requests)


def test_a_rotation_is_a_new_endpoint_there_and_the_old_secret_holds_for_a_while(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd
) -> None:
    first = endpoint.webhook_secret.reveal()
    end.webhooks["we_of_another"] = {"id": "we_of_another", "url": "https://shop.example/hooks"}
    second = rotate_secret(endpoint)

    assert second not in ("", first)
    ours = [one for one in end.webhooks.values() if one["url"] == endpoint.webhook_url]
    assert [one["secret"] for one in ours] == [second]
    assert "we_of_another" in end.webhooks
    for secret in (first, second):
        assert send(endpoint, "payment_intent.succeeded", end.intents["pi_sample"], secret=secret) == 200


def refusing(end: StripeEnd, refusal: WireAnswer, request: WireRequest) -> WireAnswer:
    return refusal if request.method == "POST" else end.answer(request)


def test_a_rotation_that_stripe_does_not_answer_changes_nothing_here(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd, server: WireServer
) -> None:
    first = endpoint.webhook_secret.reveal()
    for status, failure in ((500, Unavailable), (400, Rejected)):
        server.answer = partial(refusing, end, WireAnswer(status, {"error": {"message": "No."}}))
        with pytest.raises(failure):
            rotate_secret(endpoint)
        stored = WebhookEndpoint.objects.get(pk=endpoint.pk)
        assert (stored.webhook_secret.reveal(), stored.previous_webhook_secret) == (first, None)


def test_an_old_endpoint_that_stays_costs_not_the_new_secret(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd, server: WireServer
) -> None:
    stays = WireAnswer(400, {"error": {"message": "Not now."}})
    server.answer = lambda request: stays if request.method == "DELETE" else end.answer(request)
    second = rotate_secret(endpoint)
    assert {one["secret"] for one in end.webhooks.values()} > {second}

    server.answer = end.answer
    third = rotate_secret(endpoint)
    assert [one["secret"] for one in end.webhooks.values()] == [third]


def test_a_secret_that_was_renewed_in_the_dashboard_is_taken_as_given(
    connection: Connection, endpoint: WebhookEndpoint, end: StripeEnd
) -> None:
    before = dict(end.webhooks)

    assert rotate_secret(endpoint, webhook_secret="whsec_renewed_by_hand") == "whsec_renewed_by_hand"
    assert end.webhooks == before


def test_an_address_that_stripe_does_not_take_is_not_kept(connection: Connection, server: WireServer) -> None:
    server.answer = lambda request: WireAnswer(403, {"error": {"message": "The key may not."}})
    with pytest.raises(IntegrationError):
        create_endpoint(connection, register=True)
    assert not WebhookEndpoint.objects.exists()


def test_no_log_has_what_stripe_issued_or_the_payer_s_browser_is_given(connection: Connection, end: StripeEnd) -> None:
    calls: list[FinishedCall] = []

    def note(call: FinishedCall, **kwargs: Any) -> None:
        calls.append(call)

    api_call_finished.connect(note)
    try:
        _, secret = create_endpoint(connection, register=True)
        payment = create_payment(connection.organization, ORDER)
        intent = end.pay(payment.provider_reference)
        sync_payment(payment)
    finally:
        api_call_finished.disconnect(note)
    written = str(calls)
    assert len(calls) == 4
    assert secret not in written
    assert intent["client_secret"] not in written
    assert CREDENTIALS["api_key"] not in written
