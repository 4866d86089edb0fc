"""An event as we tell it to others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from integrations.providers.events import NormalizedEvent
from integrations.providers.results import PaymentResult

from .models import WebhookEvent


def normalized_body(event: WebhookEvent, normalized: NormalizedEvent) -> bytes:
    """The envelope that destinations get, as JSON: of the same shape for all providers."""
    connection = event.webhook_endpoint.connection
    payment = {"payment": _payment(normalized.payment)} if normalized.payment else {}
    return as_json(
        {
            "id": str(event.pk),
            "type": normalized.type.value,
            "occurred_at": normalized.occurred_at or event.occurred_at,
            "received_at": event.received_at,
            "organization": str(event.organization_id),
            "connection": str(connection.pk),
            "provider": connection.provider.slug,
            "environment": connection.environment,
            "subject": normalized.subject,
            "is_test": event.is_test,
            "data": {**normalized.attributes, **payment},
        }
    )


def as_json(envelope: Mapping[str, Any]) -> bytes:
    """Amounts as decimal strings, times in ISO 8601."""
    return json.dumps(envelope, default=_plain, separators=(",", ":")).encode()


def _payment(payment: PaymentResult) -> dict[str, Any]:
    """Without the secret that is for the payer's browser, and the provider's own object."""
    names = ("provider_reference", "status", "amount", "currency", "amount_captured", "amount_refunded")
    return {name: getattr(payment, name) for name in (*names, "failure_code", "failure_message")}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an envelope.")
