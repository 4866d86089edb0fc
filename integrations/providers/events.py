"""The field's vocabulary for what providers tell us: one name for an event, whoever sends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from .results import PaymentResult


class EventType(StrEnum):
    """A domain and what happened in it. What each means to a reader is in `webhooks.event_catalogue`."""

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
    PAYMENT_DISPUTE_WON = "payment.dispute_won"
    PAYMENT_DISPUTE_LOST = "payment.dispute_lost"

    SHIPPING_LABEL_CREATED = "shipping.label_created"
    SHIPPING_PICKED_UP = "shipping.picked_up"
    SHIPPING_IN_TRANSIT = "shipping.in_transit"
    SHIPPING_OUT_FOR_DELIVERY = "shipping.out_for_delivery"
    SHIPPING_DELIVERED = "shipping.delivered"
    SHIPPING_EXCEPTION = "shipping.exception"
    SHIPPING_RETURNED = "shipping.returned"
    SHIPPING_CANCELLED = "shipping.cancelled"

    SOCIAL_COMMENT = "social.comment"
    SOCIAL_MENTION = "social.mention"
    SOCIAL_MESSAGE = "social.message"
    SOCIAL_POST_PUBLISHED = "social.post_published"
    SOCIAL_POST_FAILED = "social.post_failed"

    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_READ = "message.read"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_RECEIVED = "message.received"
    EMAIL_DELIVERED = "email.delivered"
    EMAIL_BOUNCED = "email.bounced"

    CONTACT_SUBSCRIBED = "contact.subscribed"
    CONTACT_UNSUBSCRIBED = "contact.unsubscribed"
    CONTACT_UPDATED = "contact.updated"
    CONTACT_BOUNCED = "contact.bounced"
    CONTACT_COMPLAINED = "contact.complained"
    LEAD_CREATED = "lead.created"

    ORDER_CREATED = "order.created"
    ORDER_UPDATED = "order.updated"
    ORDER_CANCELLED = "order.cancelled"
    RESERVATION_CREATED = "reservation.created"
    RESERVATION_UPDATED = "reservation.updated"
    RESERVATION_CANCELLED = "reservation.cancelled"

    INVOICE_CREATED = "invoice.created"
    INVOICE_UPDATED = "invoice.updated"
    INVOICE_PAID = "invoice.paid"
    PAYROLL_PROCESSED = "payroll.processed"
    PAYROLL_PAID = "payroll.paid"
    CONNECTION_REVOKED = "connection.revoked"

    UNKNOWN = "unknown"

    @property
    def domain(self) -> str:
        """What it is about: `payment`, `shipping`, …"""
        return self.value.partition(".")[0]


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


def flag(value: Any) -> bool | None:
    """A flag of a provider's JSON; None where it is anything else."""
    return value if isinstance(value, bool) else None


@dataclass(frozen=True)
class NormalizedEvent:
    """One thing that happened, in our words.

    `subject` is the provider's reference of the payment (or shipment, message …) that it concerns, empty where it
    concerns none of ours. `payment` is the payment's state where the event carries enough of it to be applied by
    itself; where it is None the operation fetches the payment. Of anything but a payment, `attributes` say what
    happened, by the names in `event_schemas`. `position` tells the events apart that came in one call. `payment_id` is
    our own id of the payment where the event gives it back: it finds one whose provider's reference is not known, or is
    another than the event's. `refund` is the provider's reference of the refund that it tells of. `received_at` is when
    it came to us, which the door fills in. `is_live` is False where the provider says that it is of its test mode: at a
    production connection it is then not applied; None where the provider does not tell.
    """

    type: EventType
    subject: str = ""
    occurred_at: datetime | None = None
    payment: PaymentResult | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0
    payment_id: str = ""
    refund: str = ""
    received_at: datetime | None = None
    is_live: bool | None = None
