"""Events that come in by the door and are processed, so that they are forwarded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from integrations.models import Organization
from integrations.models.base import uuid7
from tests.factories import ConnectionFactory
from tests.webhooks.stripe_sender import SECRET, event, post
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain as drain_inbox
from webhooks.models import WebhookDelivery, WebhookDestination, WebhookEndpoint, WebhookEvent


def arrive(endpoint: WebhookEndpoint, kind: str = "payment_intent.succeeded", **subject: Any) -> WebhookEvent:
    assert post(urlsplit(endpoint.webhook_url).path, event(kind, **subject)).status_code == 200
    received = WebhookEvent.objects.latest("pk")
    drain_inbox()
    received.refresh_from_db()
    assert received.processing_status == "completed", received.error_message
    return received


def endpoint_of(organization: Organization) -> WebhookEndpoint:
    connection = ConnectionFactory(organization=organization, credentials={"api_key": "sk_test_sample_not_a_key"})
    return create_endpoint(connection, webhook_secret=SECRET)[0]


def plant_deliveries(endpoint: WebhookEndpoint, destination: WebhookDestination, count: int) -> list[WebhookDelivery]:
    """So many events of the endpoint, processed, with their deliveries due: as the inbox leaves them, but at once."""
    events = WebhookEvent.objects.bulk_create(
        WebhookEvent(
            organization_id=endpoint.organization_id, webhook_endpoint=endpoint, event_id=f"evt_{uuid7()}",
            event_type="payment_intent.succeeded", normalized_type="payment.succeeded", processing_status="completed",
            raw_body=event(), headers={"content-type": "application/json"}, signature_verified=True,
            next_attempt_at=None,
        )
        for _ in range(count)
    )  # fmt: skip
    return WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            organization_id=one.organization_id, event=one, event_type="payment.succeeded", destination=destination,
            next_attempt_at=timezone.now(),
        )
        for one in events
    )  # fmt: skip


def make_due() -> None:
    past = timezone.now() - timedelta(seconds=1)
    WebhookDelivery.objects.exclude(next_attempt_at=None).update(next_attempt_at=past)
    WebhookDestination.objects.update(next_send_at=None, sender_until=past)
