"""A normalized event as JSON: what is emitted, forwarded and documented (`integrations.providers.event_schemas`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from integrations.providers.event_schemas import SUBJECT_NAMES
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.results import PaymentResult

from .models import WebhookEvent


def normalized_body(event: WebhookEvent, normalized: NormalizedEvent) -> dict[str, Any]:
    """The JSON of `normalized`, which the stored `event` told of; the same whenever it is made of the same two."""
    connection = event.webhook_endpoint.connection
    return {
        "id": f"{event.pk}-{normalized.position}" if normalized.position else str(event.pk),
        "type": normalized.type.value,
        "occurred_at": _plain(normalized.occurred_at),
        "received_at": _plain(event.received_at),
        "organization": str(event.organization_id),
        "connection": str(connection.pk),
        "provider": connection.provider.slug,
        "environment": connection.environment,
        "subject": normalized.subject,
        "is_test": event.is_test,
        "data": _data(event, normalized),
    }


def _data(event: WebhookEvent, normalized: NormalizedEvent) -> dict[str, Any]:
    domain = normalized.type.domain
    attributes = {name: _plain(value) for name, value in normalized.attributes.items()}
    if normalized.type is EventType.UNKNOWN:
        return {"event_type": event.event_type, **attributes}
    if domain == "payment":
        return {"payment": None, "reference": None, **_payment(normalized.subject, normalized.payment), **attributes}
    return ({SUBJECT_NAMES[domain]: normalized.subject} if domain in SUBJECT_NAMES else {}) | attributes


def _payment(reference: str, told: PaymentResult | None) -> dict[str, Any]:
    return {
        "provider_reference": reference,
        "status": told.status.value if told else None,
        "amount": _plain(told.amount) if told else None,
        "currency": told.currency if told else None,
        "amount_captured": _plain(told.amount_captured) if told else None,
        "amount_refunded": _plain(told.amount_refunded) if told else None,
        "failure_code": told.failure_code if told else "",
        "failure_message": told.failure_message if told else "",
    }


def _plain(value: Any) -> Any:
    """As JSON has it: an amount is a decimal string."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
