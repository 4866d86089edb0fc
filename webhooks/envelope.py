"""An event as we tell it to others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations.providers.events import NormalizedEvent
from integrations.providers.results import PaymentResult

from .models import WebhookEvent


def normalized_body(event: WebhookEvent, normalized: NormalizedEvent) -> dict[str, Any]:
    """The envelope that destinations get: of the same shape for all providers, and fit for JSON."""
    connection = event.webhook_endpoint.connection
    payment = {"payment": _payment(normalized.payment)} if normalized.payment else {}
    return {
        "id": str(event.pk),
        "type": normalized.type.value,
        "occurred_at": _plain(normalized.occurred_at or event.occurred_at),
        "received_at": _plain(event.received_at),
        "organization": str(event.organization_id),
        "connection": str(connection.pk),
        "provider": connection.provider.slug,
        "environment": connection.environment,
        "subject": normalized.subject,
        "is_test": event.is_test,
        "data": _plain({**normalized.attributes, **payment}),
    }


def _payment(payment: PaymentResult) -> dict[str, Any]:
    """Without the secret that is for the payer's browser, and the provider's own object."""
    names = ("provider_reference", "status", "amount", "currency", "amount_captured", "amount_refunded")
    return {name: getattr(payment, name) for name in (*names, "failure_code", "failure_message")}


def _plain(value: Any) -> Any:
    """Amounts as decimal strings, times in ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
