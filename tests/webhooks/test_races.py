"""What people do to an event while a worker has it in hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection, Payment
from tests.factories import PaymentFactory
from tests.operations.stripe_wire import StripeWire, stripe_wire
from tests.wire import WireRequest
from webhooks.endpoints import update_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.replay import replay_event

from .stripe_sender import event, post

pytestmark = pytest.mark.django_db(transaction=True)

INTENT = "pi_sample"


class SlowStripe:
    """Answers when it may: meanwhile a worker is in the middle of an event."""

    def __init__(self, wire: StripeWire) -> None:
        wire.override = self._wait
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def _wait(self, request: WireRequest) -> None:
        self.asked.set()
        self.may_answer.wait(10)

    @contextmanager
    def while_it_thinks(self, work: Callable[[], Any] = drain) -> Iterator[None]:
        def run() -> None:
            try:
                work()
            finally:
                database.close()

        worker = threading.Thread(target=run)
        worker.start()
        assert self.asked.wait(10)
        try:
            yield
        finally:
            self.may_answer.set()
            worker.join(20)
        assert not worker.is_alive()


@pytest.fixture
def slow(connection: Connection, settings: Any) -> Iterator[SlowStripe]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire() as wire:
        connection.configuration = {"base_url": wire.url}
        connection.save()
        wire.intents[INTENT] = {
            "id": INTENT, "object": "payment_intent", "amount": 1250, "amount_received": 1250, "currency": "aed",
            "status": "succeeded", "latest_charge": {"object": "charge", "amount_refunded": 625, "disputed": False},
        }  # fmt: skip
        yield SlowStripe(wire)


@pytest.fixture
def payment(connection: Connection) -> Payment:
    return PaymentFactory(connection=connection, provider_reference=INTENT)


@pytest.fixture
def received(endpoint: WebhookEndpoint, payment: Payment) -> WebhookEvent:
    """One for which the payment has to be fetched."""
    body = event("charge.refunded__before_2025_03_31", payment_intent=INTENT)
    assert post(urlsplit(endpoint.webhook_url).path, body).status_code == 200
    return WebhookEvent.objects.get()


def test_an_event_replayed_while_it_is_processed_is_processed_again(
    slow: SlowStripe, received: WebhookEvent, payment: Payment, endpoint: WebhookEndpoint
) -> None:
    with slow.while_it_thinks():
        replay_event(received)
    received.refresh_from_db()
    payment.refresh_from_db()
    assert payment.amount_refunded == 0, "the first has lost its lease, and what it would have applied with it"
    assert drain() == 0  # not before the lease of the first ends
    WebhookEvent.objects.update(next_attempt_at=timezone.now())
    assert drain() == 1
    received.refresh_from_db()
    assert received.processing_status == WebhookEvent.Status.COMPLETED
    payment.refresh_from_db()
    assert (payment.amount_refunded, payment.operations.filter(kind="event").count()) == (Decimal("6.25"), 1)
    endpoint.refresh_from_db()
    assert endpoint.total_triggers == 1


def test_an_endpoint_changed_meanwhile_keeps_the_change_and_counts(
    slow: SlowStripe, received: WebhookEvent, endpoint: WebhookEndpoint
) -> None:
    with slow.while_it_thinks():
        update_endpoint(endpoint, event_types=["charge.refunded"], max_per_minute=7)
    endpoint.refresh_from_db()
    assert (endpoint.event_types, endpoint.max_per_minute) == (["charge.refunded"], 7)
    assert (endpoint.total_triggers, endpoint.success_count) == (1, 1)


def test_an_endpoint_deleted_meanwhile_takes_its_events_along(
    slow: SlowStripe, received: WebhookEvent, endpoint: WebhookEndpoint
) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            drain()
        except BaseException as error:
            failures.append(error)
            raise

    with slow.while_it_thinks(work):
        endpoint.delete()
    assert not failures
    assert not WebhookEvent.objects.exists()


def test_two_events_of_one_payment_at_once_both_count(
    slow: SlowStripe, received: WebhookEvent, payment: Payment, endpoint: WebhookEndpoint
) -> None:
    """The one waits for Stripe's answer while the other is applied whole."""
    with slow.while_it_thinks():
        assert post(urlsplit(endpoint.webhook_url).path, event()).status_code == 200
        assert drain() == 1
        payment.refresh_from_db()
        assert payment.status == Payment.Status.CAPTURED
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (Payment.Status.PARTIALLY_REFUNDED, Decimal("12.50"))
    assert payment.amount_refunded == Decimal("6.25")
