"""What a gateway tells of its test mode is no news of money, though it comes to an address for live traffic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Payment
from integrations.providers.registry import get_provider
from tests.factories import ConnectionFactory, MembershipFactory, PaymentFactory
from tests.forward.receiver import Receiver
from tests.wire import WireAnswer, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.forward.destinations import create_destination
from webhooks.forward.drain import drain as drain_deliveries
from webhooks.inbox import drain
from webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent
from webhooks.rehearsal import rehearse
from webhooks.samples import send_test_event

from . import outside

SECRET = "sample-not-a-secret"
# The field in which each says that an event is real, and what it says then.
LIVE = {
    "stripe": ("livemode", True),
    "moyasar": ("live", True),
    "tap": ("live_mode", True),
    "tabby": ("is_test", False),
    "telr": ("tran_test", "0"),
}
PAID = {
    "stripe": "payment_intent.succeeded",
    "moyasar": "payment_paid",
    "tap": "charge.CAPTURED",
    "tabby": "payment.authorized",
    "telr": "sale.A",
}
CREDENTIALS: dict[str, dict[str, str]] = {
    "stripe": {"api_key": "sk_test_sampleNotAKey"},
    "moyasar": {"secret_key": "sk_test_sampleNotAKey"},
    "tap": {"secret_api_key": "sk_test_sampleNotAKey"},
    "tabby": {"secret_key": "sk_test_sampleNotAKey"},
    "telr": {"store_id": "1234", "auth_key": "sample-not-a-key"},
}
IGNORED = (
    "The provider says that it is of its test mode, and this connection is for live payments: nothing was applied."
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gateway(settings: Any) -> Iterator[WireServer]:
    """Knows none of what it is asked for."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(lambda request: WireAnswer(404, {"message": "Not found."})) as server:
        yield server


def endpoint_of(slug: str, gateway: WireServer, environment: str = "production") -> WebhookEndpoint:
    options = {"environment": environment, "configuration": {"base_url": gateway.url, "merchant_code": "AE"}}
    connection = ConnectionFactory(slug=slug, credentials=CREDENTIALS[slug], **options)
    return create_endpoint(connection, webhook_secret=SECRET)[0]


def arrive(endpoint: WebhookEndpoint, *, is_live: bool, processed: bool = True) -> tuple[WebhookEvent, Payment]:
    """An event that tells of a payment of ours that it is paid."""
    provider = get_provider(endpoint.connection.provider.slug)
    payload = dict(provider.sample_event(PAID[provider.slug], event_id="sample", now=timezone.now()))
    if is_live:
        payload |= [LIVE[provider.slug]]
    is_form = provider.webhook_content_type != "application/json"
    body = urlencode(payload) if is_form else json.dumps(payload)
    answer = outside.deliver(endpoint, body.encode(), provider.webhook_content_type, secret=SECRET)
    assert answer.status_code == 200, answer.content
    event = WebhookEvent.objects.latest("pk")
    payment = PaymentFactory(
        connection=endpoint.connection,
        organization=endpoint.organization,
        provider_reference=event.subject,
        status="pending",
        amount="10.00",
    )
    if processed:
        drain()
    event.refresh_from_db()
    payment.refresh_from_db()
    return event, payment


@pytest.mark.parametrize("slug", LIVE)
def test_an_event_of_the_test_mode_ends_at_once_and_changes_nothing(slug: str, gateway: WireServer) -> None:
    event, payment = arrive(endpoint_of(slug, gateway), is_live=False)
    assert (event.processing_status, event.retry_count, event.error_message) == ("completed", 0, IGNORED)
    assert event.normalized_type.startswith("payment.")
    assert (payment.status, payment.amount_captured) == ("pending", Decimal(0))
    assert not gateway.requests


@pytest.mark.parametrize("slug", LIVE)
def test_a_live_event_is_acted_on(slug: str, gateway: WireServer) -> None:
    """Rehearsed: a production connection asks at the provider's own address alone."""
    event, payment = arrive(endpoint_of(slug, gateway), is_live=True, processed=False)
    (step,) = rehearse(event).steps
    assert step.payment == payment
    assert step.is_looked_up or (step.becomes and step.becomes.status == "captured")


@pytest.mark.parametrize("slug", LIVE)
def test_a_connection_for_tests_takes_those_of_the_test_mode(slug: str, gateway: WireServer) -> None:
    event, payment = arrive(endpoint_of(slug, gateway, "staging"), is_live=False)
    assert event.error_message != IGNORED
    assert gateway.requests or payment.status == "captured", event.error_message


@pytest.mark.parametrize("form", ["raw", "normalized"])
def test_it_is_forwarded_to_nobody(form: str, gateway: WireServer) -> None:
    endpoint = endpoint_of("stripe", gateway)
    with Receiver() as receiver:
        create_destination(endpoint.organization, url=receiver.url, form=form)
        arrive(endpoint, is_live=False)
        drain_deliveries()
        assert not receiver.requests
    assert not WebhookDelivery.objects.exists()


def test_a_test_event_of_our_own_is_passed_on_as_ever(gateway: WireServer) -> None:
    endpoint = endpoint_of("stripe", gateway)
    with Receiver() as receiver:
        create_destination(endpoint.organization, url=receiver.url, form="normalized")
        sent = WebhookEvent.objects.get(pk=send_test_event(endpoint, "payment_intent.succeeded"))
        drain()
        drain_deliveries()
        assert len(receiver.requests) == 1
    sent.refresh_from_db()
    assert (sent.processing_status, sent.error_message) == ("completed", "")


def test_a_rehearsal_says_that_it_would_change_nothing(gateway: WireServer) -> None:
    event, _ = arrive(endpoint_of("moyasar", gateway), is_live=False)
    rehearsed = rehearse(event)
    assert rehearsed.problem is None
    assert [(step.payment, step.is_looked_up) for step in rehearsed.steps] == [(None, False)]


def test_its_page_says_why_and_raises_no_alarm(gateway: WireServer) -> None:
    event, _ = arrive(endpoint_of("moyasar", gateway), is_live=False)
    client = Client()
    client.force_login(MembershipFactory(organization=event.organization, role="staff").user)
    page = client.get(reverse("webhook-event", args=[event.pk])).content.decode()
    assert IGNORED in page
    assert "hub-note--danger" not in page
