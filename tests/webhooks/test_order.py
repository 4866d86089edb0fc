"""Events of one subject are applied in the provider's order, whatever their way here was."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from integrations.models import Connection, Payment, SandboxDelivery, SandboxPayment
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.providers.signatures import StandardWebhooks
from integrations.sandbox import payments as far_end
from integrations.sandbox.refusals import Refusal
from tests.factories import ConnectionFactory, PaymentFactory
from tests.operations.stripe_wire import StripeWire, stripe_wire
from webhooks.claim import claim
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.signals import event_processed

from .outside import connect, deliver
from .queue_rows import of, queue
from .stripe_sender import event, post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told() -> Iterator[list[tuple[str, datetime]]]:
    """What was processed, one after the other: the subject, and the provider's time."""
    heard: list[tuple[str, datetime]] = []

    def hear(sender: object, event: WebhookEvent, **_: Any) -> None:
        assert event.occurred_at is not None
        heard.append((event.subject, event.occurred_at))

    event_processed.connect(hear)
    yield heard
    event_processed.disconnect(hear)


def receive(endpoint: WebhookEndpoint, kind: str = "payment_intent.succeeded", *, at: int, **subject: Any) -> None:
    """An event of the second `at`."""
    body = event(kind, **subject).replace(b'"created": 17', b'"was": 17', 1)
    stamped = body[:-1] + b', "created": %d}' % (1_795_000_000 + at)
    assert post(urlsplit(endpoint.webhook_url).path, stamped).status_code == 200


def test_the_events_of_a_batch_are_taken_in_the_providers_order(
    endpoint: WebhookEndpoint, told: list[tuple[str, datetime]]
) -> None:
    for at in (3, 1, 2):
        receive(endpoint, at=at, id="pi_one")
        receive(endpoint, at=10 - at, id="pi_other")
    drain()
    for subject in ("pi_one", "pi_other"):
        times = [moment for name, moment in told if name == subject]
        assert len(times) == 3
        assert times == sorted(times)


def test_an_event_waits_while_an_earlier_one_is_in_a_workers_hands(endpoint: WebhookEndpoint) -> None:
    receive(endpoint, at=1, id="pi_one")
    (first,) = claim(10)
    receive(endpoint, at=2, id="pi_one")
    receive(endpoint, at=2, id="pi_other")
    taken = {key for key, _ in claim(10)}
    assert set(WebhookEvent.objects.filter(pk__in=taken).values_list("subject", flat=True)) == {"pi_other"}
    WebhookEvent.objects.filter(pk=first.id).update(processing_status="completed", next_attempt_at=None)
    assert len(claim(10)) == 1


def test_an_earlier_one_that_came_later_does_not_wait(endpoint: WebhookEndpoint) -> None:
    receive(endpoint, at=2, id="pi_one")
    claim(10)
    receive(endpoint, at=1, id="pi_one")
    assert len(claim(10)) == 1


def test_nobody_waits_for_one_that_failed_and_will_be_tried_again(
    endpoint: WebhookEndpoint, connection: Connection
) -> None:
    receive(endpoint, "charge.refunded__before_2025_03_31", at=1, payment_intent="pi_one")
    WebhookEvent.objects.update(processing_status="retrying", next_attempt_at=timezone.now() + timedelta(hours=7))
    payment = PaymentFactory(connection=connection, provider_reference="pi_one")
    receive(endpoint, at=2, id="pi_one")
    assert drain() == 1
    payment.refresh_from_db()
    assert payment.status == Payment.Status.CAPTURED


@pytest.fixture
def slow(connection: Connection, settings: Any) -> Iterator[threading.Event]:
    """Stripe answers, for the payment pi_one, as soon as this is set."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    may_answer = threading.Event()
    with stripe_wire() as wire:
        connection.configuration = {"base_url": wire.url}
        connection.save()
        wire.override = lambda request: (may_answer.wait(10), None)[1]
        _books(wire)
        yield may_answer
        may_answer.set()


def _books(wire: StripeWire) -> None:
    wire.intents["pi_one"] = {
        "id": "pi_one", "object": "payment_intent", "amount": 1250, "amount_received": 1250, "currency": "aed",
        "status": "succeeded", "latest_charge": {"object": "charge", "amount_refunded": 625, "disputed": False},
    }  # fmt: skip


def test_what_follows_an_event_whose_provider_is_asked_waits_for_it(
    endpoint: WebhookEndpoint, connection: Connection, slow: threading.Event, told: list[tuple[str, datetime]]
) -> None:
    PaymentFactory(connection=connection, provider_reference="pi_one")
    receive(endpoint, "charge.refunded__before_2025_03_31", at=1, payment_intent="pi_one")
    receive(endpoint, at=2, id="pi_one")
    drain(seconds=0.5)
    receive(endpoint, at=3, id="pi_one")
    receive(endpoint, at=3, id="pi_other")
    drain(seconds=0.5)
    assert [subject for subject, _ in told] == ["pi_other"]
    slow.set()
    while of(endpoint, "processing"):
        drain()
    drain()
    times = [moment for subject, moment in told if subject == "pi_one"]
    assert len(times) == 3
    assert times == sorted(times)


def test_a_backlog_that_came_in_reverse_does_not_stall(
    endpoint: WebhookEndpoint, told: list[tuple[str, datetime]]
) -> None:
    queue(endpoint, 300, subject="pi_one", seconds_apart=-1)
    assert drain() == 300
    times = [moment for _, moment in told]
    assert times == sorted(times)
    assert of(endpoint, "completed") == 300


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+04:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_cannot_be_holds_up_nobody(endpoint: WebhookEndpoint, moment: str) -> None:
    """PostgreSQL takes both, and Python reads neither back."""
    secret = StandardWebhooks().generate_secret()
    odd = json.dumps({"id": "evt_odd", "type": "payment.created", "created_at": moment, "data": {"id": "pay_1"}})
    assert deliver(connect("sandbox", secret), odd.encode(), secret=secret).status_code == 200
    receive(endpoint, at=1)
    assert drain() == 2
    assert WebhookEvent.objects.get(event_id="evt_odd").occurred_at is None
    assert of(endpoint, "completed") == 1


def test_workers_at_once_keep_the_order(endpoint: WebhookEndpoint, told: list[tuple[str, datetime]]) -> None:
    for number in range(5):
        queue(endpoint, 60, subject=f"pi_{number}", seconds_apart=random.choice([-1, 1]))
    _together(drain, drain)
    assert of(endpoint, "completed") == 300
    for number in range(5):
        times = [moment for subject, moment in told if subject == f"pi_{number}"]
        assert times == sorted(times)


def _together(*works: Any) -> None:
    def run(work: Any) -> None:
        try:
            work()
        finally:
            database.close()

    workers = [threading.Thread(target=run, args=(work,)) for work in works]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)


@pytest.fixture
def sandbox(live_server: LiveServer, settings: Any) -> Connection:
    settings.PUBLIC_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    connection = ConnectionFactory(slug="sandbox", credentials={"api_key": "sk_sandbox_in_any_order"})
    create_endpoint(connection, register=True)
    return connection


STEPS = {
    "pay": lambda key: far_end.pay(key),
    "decline": lambda key: far_end.decline(key),
    "void": lambda key: far_end.void(key),
    "capture a part": lambda key: far_end.capture(key, 15),
    "capture": lambda key: far_end.capture(key, None),
    "refund a part": lambda key: far_end.refund(key, 4),
    "refund": lambda key: far_end.refund(key, None),
}


@given(
    steps=st.lists(st.sampled_from(list(STEPS)), min_size=2, max_size=6),
    captures=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whatever_order_the_gateways_events_come_our_payment_equals_its_books(
    sandbox: Connection, steps: list[str], captures: bool, seed: int
) -> None:
    """Some come twice, and two workers apply them at once, while more arrive."""
    order = PaymentOrder(amount="20.00", currency="AED", reference="any", capture=captures, connection_id=sandbox.pk)
    ours = create_payment(sandbox.organization, order)
    books = SandboxPayment.objects.latest("id")
    for step in steps:
        try:
            STEPS[step](books.pk)
        except Refusal:
            continue
    _deliver_and_drain(random.Random(seed))
    ours.refresh_from_db()
    books.refresh_from_db()
    status = "requires_action" if books.status == "awaiting_payer" else books.status
    assert (ours.status, ours.amount_captured, ours.amount_refunded) == (
        status, books.amount_captured, books.amount_refunded,
    )  # fmt: skip
    assert set(WebhookEvent.objects.values_list("processing_status", flat=True)) == {"completed"}


def _deliver_and_drain(chance: random.Random) -> None:
    deliveries = list(SandboxDelivery.objects.select_related("webhook"))
    deliveries += chance.choices(deliveries, k=len(deliveries) // 2)
    chance.shuffle(deliveries)
    halfway = chance.randint(0, len(deliveries))
    _deliver(deliveries[:halfway])
    _together(drain, drain, lambda: _deliver(deliveries[halfway:]))
    _together(drain, drain)
    SandboxDelivery.objects.all().delete()


def _deliver(deliveries: list[SandboxDelivery]) -> None:
    for one in deliveries:
        body, secret = one.body.encode(), one.webhook.secret.reveal()
        now = int(timezone.now().timestamp())
        signed = StandardWebhooks().sign(body, secret, event_id=one.event_id, timestamp=now)
        path = urlsplit(one.webhook.url).path
        assert Client().post(path, body, content_type="application/json", headers=signed).status_code == 200
