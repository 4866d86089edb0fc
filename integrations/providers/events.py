"""The field's vocabulary for what providers tell us: one name for an event, whoever sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .results import PaymentResult


class EventType(StrEnum):
    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_AUTHORISED = "payment.authorised"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_PENDING = "payment.pending"
    PAYMENT_REQUIRES_ACTION = "payment.requires_action"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CANCELLED = "payment.cancelled"
    PAYMENT_REFUNDED = "payment.refunded"
    PAYMENT_REFUND_FAILED = "payment.refund_failed"
    PAYMENT_DISPUTED = "payment.disputed"
    UNKNOWN = "unknown"


class Trust(StrEnum):
    """How far an event may be believed. Anything but SIGNED moves money only after a fetch from the provider."""

    SIGNED = "signed"
    SHARED_SECRET = "shared_secret"  # noqa: S105 - the name of a trust class
    HINT = "hint"


@dataclass(frozen=True)
class EventIdentity:
    """What the door stores beside the raw bytes.

    `event_id` is unique for one endpoint and the same on a redelivery; empty where a provider sends none, and the door
    takes a keyed hash of the body. `subject` is the provider's reference of the one thing (a payment, a shipment) that
    the event concerns, and `occurred_at` the provider's time of it: events of one subject are applied in that order.
    """

    event_id: str
    event_type: str
    subject: str = ""
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class NormalizedEvent:
    """One thing that happened, in our words.

    `subject` is the provider's reference of the payment (or shipment, message …) that it concerns, empty where it
    concerns none of ours. `payment` is the payment's state where the event carries enough of it to be applied by
    itself; where it is None the operation fetches the payment.
    """

    type: EventType
    subject: str = ""
    occurred_at: datetime | None = None
    payment: PaymentResult | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
