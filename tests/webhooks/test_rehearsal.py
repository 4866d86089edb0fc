"""A dry run of one event: what it would do, with nothing done."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from integrations.models import Connection, Payment
from integrations.providers.events import EventType, NormalizedEvent
from tests.factories import PaymentFactory
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.rehearsal import rehearse
from webhooks.samples import send_test_event

from .outside import SignedJSON, connect, deliver
from .stripe_sender import event, post


def receive(endpoint: WebhookEndpoint, body: bytes) -> WebhookEvent:
    assert post(urlsplit(endpoint.webhook_url).path, body).status_code == 200
    return WebhookEvent.objects.latest("pk")


@pytest.fixture
def captured(connection: Connection) -> Payment:
    return PaymentFactory(connection=connection, provider_reference="pi_sample")


def test_a_dry_run_tells_what_would_become_of_the_payment(endpoint: WebhookEndpoint, captured: Payment) -> None:
    received = receive(endpoint, event())
    before = WebhookEvent.objects.values().get()
    (step,) = rehearse(received).steps
    assert step.payment == captured
    assert step.payment.status == Payment.Status.PENDING
    assert step.becomes
    assert (step.becomes.status, step.becomes.amount_captured) == (Payment.Status.CAPTURED, Decimal("12.50"))
    captured.refresh_from_db()
    assert captured.status == Payment.Status.PENDING
    assert WebhookEvent.objects.values().get() == before


def test_a_dry_run_calls_no_provider(endpoint: WebhookEndpoint, captured: Payment) -> None:
    received = receive(endpoint, event("charge.refunded__before_2025_03_31", payment_intent="pi_sample"))
    (step,) = rehearse(received).steps
    assert (step.payment, step.becomes, step.is_looked_up) == (captured, None, True)


def test_a_dry_run_tells_why_an_event_would_fail(endpoint: WebhookEndpoint, captured: Payment) -> None:
    (step,) = rehearse(receive(endpoint, event(currency="usd"))).steps
    assert step.problem
    assert "usd" in step.problem.message.lower()
    WebhookEvent.objects.update(raw_body=b"\xff")
    assert rehearse(WebhookEvent.objects.get()).problem


def test_a_dry_run_tells_that_a_test_event_would_change_nothing(endpoint: WebhookEndpoint) -> None:
    sent = WebhookEvent.objects.get(pk=send_test_event(endpoint, "payment_intent.succeeded"))
    PaymentFactory(connection=endpoint.connection, provider_reference=sent.subject, amount="10.00")
    (step,) = rehearse(sent).steps
    assert (step.event.type, step.payment, step.becomes, step.problem) == ("payment.succeeded", None, None, None)


def test_a_dry_run_of_what_is_no_payment_s_affair_looks_for_no_payment(
    outside_providers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = connect("outside_json")
    PaymentFactory(connection=endpoint.connection, provider_reference="1001")
    comment = NormalizedEvent(EventType.SOCIAL_COMMENT, "1001")
    monkeypatch.setattr(SignedJSON, "parse_events", lambda self, payload, headers: [comment])
    assert deliver(endpoint, b'{"id": "evt_1", "kind": "told"}').status_code == 200
    (step,) = rehearse(WebhookEvent.objects.get()).steps
    assert (step.payment, step.becomes, step.is_looked_up, step.problem) == (None, None, False, None)


def test_a_dry_run_tells_that_an_event_concerns_nothing(endpoint: WebhookEndpoint) -> None:
    (step,) = rehearse(receive(endpoint, event())).steps
    assert (step.payment, step.becomes, step.problem) == (None, None, None)
    WebhookEndpoint.objects.update(event_types=["charge.refunded"])
    assert not rehearse(WebhookEvent.objects.get()).is_wanted
