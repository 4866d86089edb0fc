from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection, Payment
from monitoring.models import AuditLog
from tests.factories import PaymentFactory
from tests.operations.stripe_wire import StripeWire, stripe_wire
from tests.wire import WireRequest
from webhooks.endpoints import update_endpoint
from webhooks.inbox import LEASE_SECONDS, claim, drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.replay import replay_event

from .stripe_sender import PAYLOADS, event, post

pytestmark = pytest.mark.django_db(transaction=True)

Status = WebhookEvent.Status
WITHOUT_STATE = "charge.refunded__before_2025_03_31"  # the payment has to be fetched
INTENT = "pi_sample"  # in the captured payload, over 12.50 AED


@pytest.fixture
def payment(connection: Connection) -> Payment:
    return PaymentFactory(connection=connection, provider_reference=INTENT)


@pytest.fixture
def wire(connection: Connection, settings: Any) -> Iterator[StripeWire]:
    """Stripe's API for the connection, where the payment of INTENT is captured and then refunded by half."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire() as wire:
        connection.configuration = {"base_url": wire.url}
        connection.save()
        wire.intents[INTENT] = {
            "id": INTENT,
            "object": "payment_intent",
            "amount": 1250,
            "amount_received": 1250,
            "currency": "aed",
            "status": "succeeded",
            "latest_charge": {"object": "charge", "amount_refunded": 625, "disputed": False},
        }
        yield wire


def receive(endpoint: WebhookEndpoint, body: bytes) -> WebhookEvent:
    assert post(urlsplit(endpoint.webhook_url).path, body).status_code == 200
    return WebhookEvent.objects.latest("pk")


def make_due() -> None:
    WebhookEvent.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def story(payment: Payment) -> tuple[str, Decimal, int]:
    """How the payment stands, and how many events changed it."""
    payment.refresh_from_db()
    return payment.status, payment.amount_captured, payment.operations.filter(kind="event").count()


CAPTURED = ("captured", Decimal("12.50"), 1)
UNTOUCHED = ("pending", Decimal(0), 0)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
def test_an_event_of_any_type_is_understood(endpoint: WebhookEndpoint, wire: StripeWire, payload: Path) -> None:
    """One about a payment that is not known is tried again for a while; nothing else is left over."""
    received = receive(endpoint, payload.read_bytes())
    drain()
    received.refresh_from_db()
    unknown = received.processing_status == Status.RETRYING and "not known" in received.error_message
    assert unknown or received.processing_status == Status.COMPLETED, received.error_message


def test_an_event_changes_its_payment(endpoint: WebhookEndpoint, payment: Payment) -> None:
    received = receive(endpoint, event())
    assert drain() == 1
    assert story(payment) == CAPTURED
    received.refresh_from_db()
    assert (received.processing_status, received.normalized_type) == (Status.COMPLETED, "payment.succeeded")
    assert received.payload is not None
    assert received.payload["data"]["object"]["id"] == INTENT
    assert received.processed_at is not None
    assert received.next_attempt_at is None
    assert drain() == 0


def test_an_event_sent_twice_is_applied_once(endpoint: WebhookEndpoint, payment: Payment) -> None:
    body = event()
    receive(endpoint, body)
    assert drain() == 1
    receive(endpoint, body)
    assert drain() == 0
    assert story(payment) == CAPTURED


def test_an_event_of_no_payment_of_ours_is_done_with(endpoint: WebhookEndpoint, payment: Payment) -> None:
    payment.provider_reference = "pi_another"
    payment.save()
    received = receive(endpoint, event())
    drain()
    received.refresh_from_db()
    assert received.processing_status == Status.COMPLETED
    assert story(payment) == UNTOUCHED


def test_workers_at_once_take_each_event_once(endpoint: WebhookEndpoint, connection: Connection) -> None:
    payments = [PaymentFactory(connection=connection, provider_reference=f"pi_{n}") for n in range(40)]
    for n in range(40):
        receive(endpoint, event(id=f"pi_{n}"))
    taken: list[int] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        try:
            taken.append(drain())
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sum(taken) == len(payments)
    assert {story(payment) for payment in payments} == {CAPTURED}
    endpoint.refresh_from_db()
    assert (endpoint.total_triggers, endpoint.success_count) == (40, 40)


def test_what_a_dead_worker_had_taken_is_taken_up_when_its_lease_ends(
    endpoint: WebhookEndpoint, payment: Payment
) -> None:
    received = receive(endpoint, event())
    ((key, lease_ends),) = claim(20)
    assert key == received.pk
    assert timedelta(0) < lease_ends - timezone.now() <= timedelta(seconds=LEASE_SECONDS)
    assert drain() == 0
    make_due()
    assert drain() == 1
    assert story(payment) == CAPTURED


def test_a_worker_that_lost_its_lease_completes_nothing(
    endpoint: WebhookEndpoint, payment: Payment, wire: StripeWire
) -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def first_is_slow(request: WireRequest) -> None:
        if not is_asked.is_set():
            is_asked.set()
            may_answer.wait(10)

    def work() -> None:
        drain()
        database.close()

    wire.override = first_is_slow
    received = receive(endpoint, event(WITHOUT_STATE, payment_intent=INTENT))
    slow = threading.Thread(target=work)
    slow.start()
    assert is_asked.wait(10)
    make_due()
    assert drain() == 1
    received.refresh_from_db()
    finished = (received.processing_status, received.processed_at)
    assert finished[0] == Status.COMPLETED
    may_answer.set()
    slow.join(20)
    received.refresh_from_db()
    assert (received.processing_status, received.processed_at) == finished
    endpoint.refresh_from_db()
    assert endpoint.total_triggers == 1
    payment.refresh_from_db()
    assert payment.amount_refunded == Decimal("6.25")


@pytest.fixture
def early(endpoint: WebhookEndpoint, connection: Connection) -> WebhookEvent:
    """An event that is here before the answer that tells its payment's reference."""
    PaymentFactory(connection=connection, provider_reference="")
    return receive(endpoint, event())


def wait_of(received: WebhookEvent) -> float:
    received.refresh_from_db()
    assert received.processing_status == Status.RETRYING
    due: datetime | None = received.next_attempt_at
    assert due is not None
    return (due - timezone.now()).total_seconds()


def test_what_failed_for_now_is_tried_again_later_and_later(early: WebhookEvent) -> None:
    for retry, seconds in enumerate((30, 120, 480), start=1):
        assert drain() == 1
        assert 0.7 * seconds < wait_of(early) < 1.3 * seconds
        assert early.retry_count == retry
        assert early.error_message
        assert drain() == 0
        make_due()
    Payment.objects.update(provider_reference=INTENT)
    assert drain() == 1
    assert story(Payment.objects.get()) == CAPTURED
    early.refresh_from_db()
    assert (early.processing_status, early.error_message) == (Status.COMPLETED, "")


def test_what_failed_too_often_rests_as_failed(endpoint: WebhookEndpoint, early: WebhookEvent) -> None:
    update_endpoint(endpoint, retry_policy={"max_retries": 1})
    for _ in range(2):
        assert drain() == 1
        make_due()
    early.refresh_from_db()
    assert early.processing_status == Status.FAILED
    assert early.next_attempt_at is None
    assert early.error_message
    assert drain() == 0


def test_a_provider_that_is_away_is_asked_again(
    endpoint: WebhookEndpoint, payment: Payment, connection: Connection, settings: Any
) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    connection.configuration = {"base_url": "http://127.0.0.1:9"}
    connection.save()
    received = receive(endpoint, event(WITHOUT_STATE, payment_intent=INTENT))
    drain()
    assert wait_of(received) > 0


@pytest.mark.parametrize("wrong", [{"currency": "usd"}, {"amount": 9999, "amount_received": 9999}])
def test_what_cannot_be_fails_at_once(endpoint: WebhookEndpoint, payment: Payment, wrong: dict[str, Any]) -> None:
    received = receive(endpoint, event(**wrong))
    drain()
    received.refresh_from_db()
    assert (received.processing_status, received.retry_count) == (Status.FAILED, 0)
    assert story(payment) == UNTOUCHED


def test_an_event_that_nobody_asked_for_is_kept_and_not_applied(endpoint: WebhookEndpoint, payment: Payment) -> None:
    update_endpoint(endpoint, event_types=["charge.refunded"])
    received = receive(endpoint, event())
    drain()
    received.refresh_from_db()
    assert (received.processing_status, received.normalized_type) == (Status.COMPLETED, "payment.succeeded")
    assert story(payment) == UNTOUCHED


def test_a_replayed_event_is_applied_once(endpoint: WebhookEndpoint, payment: Payment) -> None:
    received = receive(endpoint, event())
    drain()
    replay_event(received)
    assert drain() == 1
    assert story(payment) == CAPTURED
    assert AuditLog.objects.filter(action="webhook_event.replayed", object__contains=str(received.pk)).exists()


def test_an_event_that_failed_is_applied_when_it_is_replayed(endpoint: WebhookEndpoint, payment: Payment) -> None:
    Payment.objects.update(currency="USD")
    received = receive(endpoint, event())
    drain()
    Payment.objects.update(currency="AED")
    replay_event(received)
    drain()
    assert story(payment) == CAPTURED


def test_an_endpoint_counts_what_became_of_its_events(endpoint: WebhookEndpoint, payment: Payment) -> None:
    receive(endpoint, event())
    receive(endpoint, event("charge.captured", payment_intent="pi_another"))
    newest = receive(endpoint, event(currency="usd"))
    drain()
    endpoint.refresh_from_db()
    assert (endpoint.total_triggers, endpoint.success_count, endpoint.failure_count) == (3, 2, 1)
    assert endpoint.last_triggered == newest.received_at


ODD = {
    "NUL": ('"a\\u0000b"', "ab"),
    "the six letters of NUL": ('"\\\\u0000"', "\\u0000"),
    "half a character": ('"a\\ud800b"', "ab"),
    "a whole one": ('"\\ud83d\\ude00"', "😀"),
}


@pytest.mark.parametrize(("written", "kept"), ODD.values(), ids=ODD)
def test_text_that_the_database_refuses_stops_nothing(
    endpoint: WebhookEndpoint, payment: Payment, written: str, kept: str
) -> None:
    body = event(description="odd").replace(b'"odd"', written.encode())
    received = receive(endpoint, body)
    assert bytes(received.raw_body or b"") == body
    drain()
    received.refresh_from_db()
    assert (received.processing_status, received.error_message) == (Status.COMPLETED, "")
    assert received.payload is not None
    assert received.payload["data"]["object"]["description"] == kept
    assert story(payment) == CAPTURED


@pytest.mark.parametrize(
    "written", ["NaN", "-Infinity", "1e400", "9" * 4000, "[" * 900 + "]" * 900], ids=lambda text: text[:9]
)
def test_values_that_the_database_refuses_stop_nothing(
    endpoint: WebhookEndpoint, payment: Payment, written: str
) -> None:
    receive(endpoint, event(description="odd").replace(b'"odd"', written.encode()))
    receive(endpoint, event("charge.captured", payment_intent="pi_another"))
    assert drain() == 2
    assert set(WebhookEvent.objects.values_list("processing_status", flat=True)) == {Status.COMPLETED}
    assert story(payment) == CAPTURED


def test_an_event_as_deep_as_the_door_lets_in_stops_nothing(endpoint: WebhookEndpoint) -> None:
    path = urlsplit(endpoint.webhook_url).path
    deep = [event(description="odd").replace(b'"odd"', b"[" * depth + b"]" * depth) for depth in range(850, 1000)]
    answers = {post(path, body).status_code for body in deep}
    assert answers == {200, 400}
    drain()
    ended = WebhookEvent.objects.filter(processing_status__in=[Status.COMPLETED, Status.FAILED])
    assert ended.count() == WebhookEvent.objects.count() > 0


@pytest.mark.parametrize(
    "policy",
    [{"max_retries": "many"}, {"factor": 1e300}, {"initial_seconds": None}, {"max_seconds": True}, [1], "fast", 7, {}],
)
def test_a_policy_that_makes_no_sense_stops_nothing(
    endpoint: WebhookEndpoint, early: WebhookEvent, policy: Any
) -> None:
    """The admin's field takes any JSON."""
    WebhookEndpoint.objects.update(retry_policy=policy)
    for _ in range(3):
        assert drain() == 1
        assert wait_of(early) > 0
        make_due()


def test_an_event_that_kills_every_worker_rests_as_failed(endpoint: WebhookEndpoint, payment: Payment) -> None:
    update_endpoint(endpoint, retry_policy={"max_retries": 2})
    received = receive(endpoint, event())
    for _ in range(3):
        assert [key for key, _ in claim(20)] == [received.pk]
        make_due()
    assert drain() == 1
    received.refresh_from_db()
    assert (received.processing_status, story(payment)) == (Status.FAILED, UNTOUCHED)
    assert received.error_message
    replay_event(received)
    drain()
    assert story(payment) == CAPTURED


def test_an_event_that_nobody_asked_for_need_not_be_readable(endpoint: WebhookEndpoint) -> None:
    update_endpoint(endpoint, event_types=["charge.refunded"])
    received = receive(endpoint, event(currency=None, amount="twelve"))
    drain()
    received.refresh_from_db()
    assert received.processing_status == Status.COMPLETED
