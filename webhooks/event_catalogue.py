"""Every kind of event that can be emitted and forwarded: what it means, who sends it, its schema and an example."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integrations.models import Connection, IntegrationProvider
from integrations.providers.event_schemas import Schema, schema_of
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.registry import providers
from integrations.providers.results import PaymentResult, PaymentStatus

from .envelope import normalized_body
from .models import WebhookEndpoint, WebhookEvent

DOMAINS: Mapping[str, Promise] = {
    "payment": _("Payments"),
    "shipping": _("Shipments"),
    "social": _("Social media"),
    "message": _("Messages"),
    "email": _("Email"),
    "contact": _("Contacts"),
    "lead": _("Leads"),
    "order": _("Orders"),
    "reservation": _("Reservations"),
    "invoice": _("Invoices"),
    "payroll": _("Payroll"),
    "connection": _("Connections"),
    "unknown": _("Others"),
}
MEANINGS: Mapping[EventType, Promise] = {
    EventType.PAYMENT_SUCCEEDED: _("The payer has paid, and the money is taken."),
    EventType.PAYMENT_AUTHORISED: _("The amount is reserved with the payer's bank; it can be captured or voided."),
    EventType.PAYMENT_CAPTURED: _("What was authorised, or a part of it, is taken."),
    EventType.PAYMENT_PENDING: _("The payment is under way at the bank; its end comes as another event."),
    EventType.PAYMENT_REQUIRES_ACTION: _("The payer has to do something: pay on the hosted page, or confirm."),
    EventType.PAYMENT_FAILED: _("The payment was declined or broke off. The payer may try again."),
    EventType.PAYMENT_CANCELLED: _("The payment was given up or its authorisation let go; no money was taken."),
    EventType.PAYMENT_REFUNDED: _("Some or all of the money was given back; the totals say how much."),
    EventType.PAYMENT_REFUND_FAILED: _("The payer's bank sent a refund back: the money is here again."),
    EventType.PAYMENT_DISPUTED: _("The payer disputes the payment with their bank; evidence may be due."),
    EventType.PAYMENT_DISPUTE_WON: _("The dispute ended, and the money stays here."),
    EventType.PAYMENT_DISPUTE_LOST: _("The dispute ended, and the payer has the money back."),
    EventType.SHIPPING_LABEL_CREATED: _("The carrier knows of the shipment; it is still with the sender."),
    EventType.SHIPPING_PICKED_UP: _("The carrier has the parcel."),
    EventType.SHIPPING_IN_TRANSIT: _("The parcel has moved on its way."),
    EventType.SHIPPING_OUT_FOR_DELIVERY: _("The parcel is with the driver who delivers it today."),
    EventType.SHIPPING_DELIVERED: _("The recipient has the parcel."),
    EventType.SHIPPING_EXCEPTION: _("Something stands in the way: nobody at home, a wrong address, customs."),
    EventType.SHIPPING_RETURNED: _("The parcel went back to the sender."),
    EventType.SHIPPING_CANCELLED: _("The shipment was called off."),
    EventType.SOCIAL_COMMENT: _("Somebody commented on a post of yours, or replied to it."),
    EventType.SOCIAL_MENTION: _("Somebody mentioned your account."),
    EventType.SOCIAL_MESSAGE: _("Somebody wrote to your account directly."),
    EventType.SOCIAL_POST_PUBLISHED: _("A post of yours is published."),
    EventType.SOCIAL_POST_FAILED: _("A post of yours could not be published."),
    EventType.MESSAGE_SENT: _("The message has left for the recipient's network."),
    EventType.MESSAGE_DELIVERED: _("The message is on the recipient's device."),
    EventType.MESSAGE_READ: _("The recipient has opened the message."),
    EventType.MESSAGE_FAILED: _("The message could not be delivered, and is not tried again."),
    EventType.MESSAGE_RECEIVED: _("A message from somebody has arrived."),
    EventType.EMAIL_DELIVERED: _("The recipient's mail server has taken the email."),
    EventType.EMAIL_BOUNCED: _("The recipient's mail server refused the email, or it was suppressed."),
    EventType.CONTACT_SUBSCRIBED: _("A person agreed to be written to."),
    EventType.CONTACT_UNSUBSCRIBED: _("A person does not want to be written to any more."),
    EventType.CONTACT_UPDATED: _("A person's details changed at the provider."),
    EventType.CONTACT_BOUNCED: _("A person's address does not work; the provider has stopped using it."),
    EventType.CONTACT_COMPLAINED: _("A person reported a message as spam."),
    EventType.LEAD_CREATED: _("Somebody left their details in a form or an advertisement."),
    EventType.ORDER_CREATED: _("A customer has ordered on the platform."),
    EventType.ORDER_UPDATED: _("An order, or its state, has changed."),
    EventType.ORDER_CANCELLED: _("An order was cancelled."),
    EventType.RESERVATION_CREATED: _("A guest has booked a table or a time."),
    EventType.RESERVATION_UPDATED: _("A booking, or its state, has changed."),
    EventType.RESERVATION_CANCELLED: _("A booking was cancelled, or the guest did not come."),
    EventType.INVOICE_CREATED: _("An invoice was made in the accounts."),
    EventType.INVOICE_UPDATED: _("An invoice was changed in the accounts."),
    EventType.INVOICE_PAID: _("An invoice is paid in full."),
    EventType.PAYROLL_PROCESSED: _("A payroll is calculated and submitted."),
    EventType.PAYROLL_PAID: _("The people on a payroll were paid."),
    EventType.CONNECTION_REVOKED: _("The provider's account withdrew what it had allowed: connect it again."),
    EventType.UNKNOWN: _("A provider's event that has no name here; it is kept and passed on as it came."),
}


@dataclass(frozen=True)
class CatalogueEntry:
    """`providers` are the slugs of those that send it."""

    type: EventType
    meaning: Promise
    providers: list[str]
    schema: Schema
    example: dict[str, Any]


def catalogue() -> list[CatalogueEntry]:
    """All of them, in the order of the vocabulary."""
    return [
        CatalogueEntry(kind, MEANINGS[kind], _senders(kind), schema_of(kind), example_of(kind)) for kind in EventType
    ]


def example_of(kind: EventType) -> dict[str, Any]:
    """As it would be emitted, of something that does not exist."""
    subject, told = _SAMPLES[kind.domain]
    payment = _sample_payment(kind) if kind.domain == "payment" else None
    occurred_at = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
    sample = NormalizedEvent(kind, subject, occurred_at, payment, {**told, **_sample_status(kind)})
    return normalized_body(_sample_event(), sample)


def _senders(kind: EventType) -> list[str]:
    if kind is EventType.UNKNOWN:
        return []
    return sorted(slug for slug, provider in providers().items() if kind in provider.event_types.values())


def _sample_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=0x019A_4000_0000_7000_8000_0000_0000_0000 + number)


def _sample_event() -> WebhookEvent:
    provider = IntegrationProvider(slug="sample")
    connection = Connection(pk=_sample_id(3), provider=provider, environment=Connection.Environment.PRODUCTION)
    return WebhookEvent(
        pk=_sample_id(1),
        organization_id=_sample_id(2),
        webhook_endpoint=WebhookEndpoint(connection=connection),
        event_type="sample.event",
        received_at=datetime(2026, 11, 2, 8, 30, 1, tzinfo=UTC),
    )


def _sample_payment(kind: EventType) -> PaymentResult:
    status = _PAYMENT_STATUSES.get(kind, PaymentStatus.CAPTURED)
    captured = Decimal("12.50") if status in _PAID else Decimal("0.00")
    refunded = Decimal("2.50") if status is PaymentStatus.PARTIALLY_REFUNDED else Decimal("0.00")
    is_failure = status is PaymentStatus.FAILED
    return PaymentResult(
        provider_reference="pay_sample",
        status=status,
        amount=Decimal("12.50"),
        currency="AED",
        amount_captured=captured,
        amount_refunded=refunded,
        failure_code="insufficient_funds" if is_failure else "",
        failure_message="The card has insufficient funds." if is_failure else "",
    )


def _sample_status(kind: EventType) -> dict[str, Any]:
    return {"status": kind.value.partition(".")[2]} if kind.domain == "shipping" else {}


_PAYMENT_STATUSES = {
    EventType.PAYMENT_AUTHORISED: PaymentStatus.AUTHORISED,
    EventType.PAYMENT_PENDING: PaymentStatus.PENDING,
    EventType.PAYMENT_REQUIRES_ACTION: PaymentStatus.REQUIRES_ACTION,
    EventType.PAYMENT_FAILED: PaymentStatus.FAILED,
    EventType.PAYMENT_CANCELLED: PaymentStatus.CANCELLED,
    EventType.PAYMENT_REFUNDED: PaymentStatus.PARTIALLY_REFUNDED,
    EventType.PAYMENT_DISPUTED: PaymentStatus.DISPUTED,
    EventType.PAYMENT_DISPUTE_LOST: PaymentStatus.DISPUTED,
}
_PAID = {PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.DISPUTED}

# The subject, and what is told of it beside.
_SAMPLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "payment": ("pay_sample", {"payment": _sample_id(4), "reference": "order-1001"}),
    "shipping": ("4451236790", {"provider_code": "SH005", "description": "Shipment update", "location": "Dubai, AE"}),
    "social": (
        "1780000000",
        {"platform": "instagram", "comment_id": "1790000000", "author_name": "Mariam", "text": "Is it open on Friday?"},
    ),
    "message": ("SM0001", {"channel": "whatsapp", "sender": "+97140000000", "recipient": "+971500000000"}),
    "email": ("em-0001", {"channel": "email", "sender": "shop@example.com", "recipient": "mariam@example.com"}),
    "contact": ("c-0001", {"email": "mariam@example.com", "list_id": "newsletter"}),
    "lead": ("l-0001", {"first_name": "Mariam", "phone": "+971500000000", "source": "facebook", "campaign": "Eid"}),
    "order": (
        "T-1001",
        {
            "status": "received",
            "external_status": "new",
            "amount": Decimal("64.00"),
            "currency": "AED",
            "items": [{"name": "Shawarma", "quantity": 2, "amount": Decimal("32.00"), "currency": "AED"}],
        },
    ),
    "reservation": (
        "R-1001",
        {"starts_at": datetime(2026, 11, 6, 16, 0, tzinfo=UTC), "party_size": 4, "guest_name": "Mariam"},
    ),
    "invoice": (
        "145",
        {"number": "INV-145", "amount": Decimal("250.00"), "currency": "AED", "amount_paid": Decimal("250.00")},
    ),
    "payroll": ("p-0001", {"period_start": "2026-10-01", "period_end": "2026-10-31"}),
    "connection": ("", {"reason": "The account's owner withdrew the permission."}),
    "unknown": ("", {}),
}
