"""What is told of a payment that no gateway takes: a statement of our own, in place of a gateway's webhook.

It is kept as the bytes of an event, and read again by whoever passes it on, as any provider's is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from .events import EventIdentity, EventType, NormalizedEvent
from .results import PaymentResult, PaymentStatus

TOLD = (
    EventType.PAYMENT_SUCCEEDED,
    EventType.PAYMENT_FAILED,
    EventType.PAYMENT_CANCELLED,
    EventType.PAYMENT_REFUNDED,
)
_NAMES = ("payment", "reference")  # what we call it


def statement_of(
    event_type: EventType, standing: PaymentResult, *, event_id: str, at: datetime, payment: str, reference: str
) -> dict[str, Any]:
    """As JSON has it. `payment` is our own id, `reference` the order's."""
    return {
        "id": event_id,
        "type": event_type.value,
        "created_at": at.isoformat(),
        "data": {
            "payment": payment,
            "reference": reference,
            "provider_reference": standing.provider_reference,
            "status": standing.status.value,
            "amount": str(standing.amount),
            "currency": standing.currency,
            "amount_captured": str(standing.amount_captured),
            "amount_refunded": str(standing.amount_refunded),
            "method": standing.method,
            "failure_code": standing.failure_code,
            "failure_message": standing.failure_message,
        },
    }


def identify(statement: Mapping[str, Any]) -> EventIdentity:
    subject = statement["data"]["provider_reference"]
    return EventIdentity(statement["id"], statement["type"], subject, _moment(statement))


def read(statement: Mapping[str, Any]) -> NormalizedEvent:
    told = statement["data"]
    payment = PaymentResult(
        provider_reference=told["provider_reference"],
        status=PaymentStatus(told["status"]),
        amount=Decimal(told["amount"]),
        currency=told["currency"],
        amount_captured=Decimal(told["amount_captured"]),
        amount_refunded=Decimal(told["amount_refunded"]),
        method=told["method"],
        failure_code=told["failure_code"],
        failure_message=told["failure_message"],
    )
    return NormalizedEvent(
        type=EventType(statement["type"]),
        subject=payment.provider_reference,
        occurred_at=_moment(statement),
        payment=payment,
        attributes={name: told[name] for name in _NAMES},
        payment_id=told["payment"],
    )


def _moment(statement: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(statement["created_at"])
