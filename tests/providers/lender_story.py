"""A lender's payment, told through the operations, the door and the inbox, with a `Wire` that plays the lender."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from integrations.models import Connection
from integrations.operations.payments import PaymentOrder
from tests.factories import ConnectionFactory
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

CUSTOMER = {
    "name": "Sample Customer",
    "email": "customer@example.com",
    "phone": "+971500000001",
    "registered_since": "2024-05-01T06:00:00Z",
    "orders": "3",
}
ADDRESS = {"line1": "Sample Street 1", "city": "Dubai", "country": "AE"}
ITEMS = ({"name": "Abaya", "quantity": 2, "unit_price": "6.25", "category": "Clothes", "sku": "SKU-1"},)


def an_order(**fields: Any) -> PaymentOrder:
    told = {"customer": CUSTOMER, "shipping_address": ADDRESS, "items": ITEMS, "country": "AE", **fields}
    return PaymentOrder(amount="12.50", currency="AED", reference="order-1", **told)


def connect(slug: str, url: str, wire: Any, **fields: Any) -> Connection:
    """An active connection to the lender whose end `wire`, a module, describes."""
    configuration = {**getattr(wire, "CONFIGURATION", {}), "base_url": url}
    return ConnectionFactory(slug=slug, configuration=configuration, credentials=wire.CREDENTIALS, **fields)


def address_of(connection: Connection) -> WebhookEndpoint:
    endpoint, _ = create_endpoint(connection)
    return endpoint


def deliver(endpoint: WebhookEndpoint, payload: Mapping[str, Any], headers: Mapping[str, str]) -> int:
    """What the door answers to the lender; then what it took in is processed."""
    path = urlsplit(endpoint.webhook_url).path
    client = Client(raise_request_exception=False)
    body = json.dumps(payload)
    status: int = client.post(path, body, content_type="application/json", headers=dict(headers)).status_code
    drain()
    return status


def problems() -> list[str]:
    """Of the events that could not be processed."""
    wrong = WebhookEvent.objects.exclude(processing_status=WebhookEvent.Status.COMPLETED)
    return [f"{event.event_type}: {event.processing_status}" for event in wrong]
