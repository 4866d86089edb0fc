"""The whole way over real sockets, with the sandbox as the provider: told the address, it calls, and is believed."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from integrations.models import Connection, Payment, SandboxDelivery, SandboxWebhook
from integrations.operations.payments import PaymentOrder, create_payment, refund_payment
from integrations.sandbox.delivery import deliver_due
from integrations.sandbox.validation import TOKEN
from tests.factories import ConnectionFactory
from webhooks.endpoints import create_endpoint, rotate_secret, set_active
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(live_server: LiveServer, settings: Any) -> Connection:
    settings.PUBLIC_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    return ConnectionFactory(slug="sandbox", credentials={"api_key": "sk_sandbox_whole_way"})


@pytest.fixture
def registered(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection, register=True)[0]


def pay(connection: Connection) -> Payment:
    order = PaymentOrder(
        amount="20.00", currency="AED", reference="order-1", payment_token=TOKEN, connection_id=connection.pk
    )
    return create_payment(connection.organization, order)


def test_the_provider_knows_the_address_and_the_secret(connection: Connection) -> None:
    endpoint, secret = create_endpoint(connection, register=True)
    known = SandboxWebhook.objects.get()
    assert known.url == endpoint.webhook_url
    assert known.secret.reveal() == secret


def test_what_it_tells_of_a_payment_is_applied(connection: Connection, registered: WebhookEndpoint) -> None:
    payment = pay(connection)
    Payment.objects.update(status=Payment.Status.PENDING, amount_captured=0)  # as if the answer had been lost
    assert deliver_due() == 1
    received = WebhookEvent.objects.get()
    assert (received.webhook_endpoint, received.event_type) == (registered, "payment.captured")
    assert drain() == 1
    payment.refresh_from_db()
    assert (payment.status, str(payment.amount_captured)) == ("captured", "20.0000")


def test_what_comes_out_of_order_leaves_the_payment_as_it_is(
    connection: Connection, registered: WebhookEndpoint
) -> None:
    payment = pay(connection)
    refund_payment(payment)
    assert deliver_due() == 2
    newest_first = WebhookEvent.objects.order_by("-event_type")
    for event in newest_first:
        WebhookEvent.objects.exclude(pk=event.pk).filter(processing_status="pending").update(next_attempt_at=None)
        WebhookEvent.objects.filter(pk=event.pk).update(next_attempt_at=event.received_at)
        assert drain() == 1
        payment.refresh_from_db()
        assert (payment.status, str(payment.amount_refunded)) == ("refunded", "20.0000")


def test_events_are_believed_on_both_sides_of_a_rotation(connection: Connection, registered: WebhookEndpoint) -> None:
    pay(connection)
    rotate_secret(registered)
    pay(connection)
    assert deliver_due() == 2
    assert WebhookEvent.objects.count() == 2


def test_an_address_that_is_switched_off_gets_its_events_later(
    connection: Connection, registered: WebhookEndpoint
) -> None:
    set_active(registered, active=False)
    pay(connection)
    deliver_due()
    assert not WebhookEvent.objects.exists()
    set_active(registered, active=True)
    waiting = SandboxDelivery.objects.get()
    assert waiting.next_attempt_at is not None
    SandboxDelivery.objects.update(next_attempt_at=waiting.created_at)
    assert deliver_due() == 1
    assert WebhookEvent.objects.count() == 1
