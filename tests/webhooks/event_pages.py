"""Events, and the pages that show them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from webhooks.models import WebhookEndpoint, WebhookEvent

NEW = {"scope": "some", "picked": ["charge.refunded"], "others": "charge.captured, customer.created"}


def store(endpoint: WebhookEndpoint, event_id: str, event_type: str = "charge.captured", **fields: Any) -> WebhookEvent:
    return WebhookEvent.objects.create(
        organization=endpoint.organization, webhook_endpoint=endpoint, event_id=event_id, event_type=event_type,
        **{"raw_body": b"{}", "signature_verified": True, **fields},
    )  # fmt: skip


def shown(client: Client, **query: Any) -> str:
    response = client.get(reverse("webhooks"), query)
    assert response.status_code == 200
    return response.content.decode()
