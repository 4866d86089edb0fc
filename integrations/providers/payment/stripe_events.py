"""Stripe's events. https://docs.stripe.com/api/events/types"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...errors import InvalidResponse
from ..events import EventType, NormalizedEvent, flag
from ..json_values import UNDOCUMENTED, mapping
from ..results import PaymentResult
from .stripe_reading import money, read_charge, read_payment, read_session
from .stripe_requests import PAGE, PAGE_MARK

# charge.succeeded says the same as payment_intent.succeeded and is left out, as are the others not named here.
EVENT_TYPES: Mapping[str, EventType] = {
    "payment_intent.succeeded": EventType.PAYMENT_SUCCEEDED,
    "payment_intent.amount_capturable_updated": EventType.PAYMENT_AUTHORISED,
    "payment_intent.processing": EventType.PAYMENT_PENDING,
    "payment_intent.requires_action": EventType.PAYMENT_REQUIRES_ACTION,
    "payment_intent.payment_failed": EventType.PAYMENT_FAILED,
    "payment_intent.canceled": EventType.PAYMENT_CANCELLED,
    "checkout.session.completed": EventType.PAYMENT_SUCCEEDED,  # or pending: the session's payment_status says
    "checkout.session.async_payment_succeeded": EventType.PAYMENT_SUCCEEDED,
    "checkout.session.async_payment_failed": EventType.PAYMENT_FAILED,
    "checkout.session.expired": EventType.PAYMENT_CANCELLED,
    "charge.captured": EventType.PAYMENT_CAPTURED,
    "charge.refunded": EventType.PAYMENT_REFUNDED,
    "charge.dispute.created": EventType.PAYMENT_DISPUTED,
    "charge.dispute.closed": EventType.PAYMENT_DISPUTE_LOST,  # or won: the dispute's status says
    "refund.failed": EventType.PAYMENT_REFUND_FAILED,
}
# From this version a charge's amount_refunded no longer counts what a partial capture or a cancellation let go.
# https://docs.stripe.com/changelog/basil/2025-03-31/remove-refund-from-partial-capture-and-payment-cancellation-flow
REFUNDS_ARE_REFUNDS_SINCE = "2025-03-31"
_OUR_ID = "hub_payment"  # in the metadata: operations put it there


def read_event(event_type: EventType, payload: Mapping[str, Any]) -> NormalizedEvent:
    """Raises InvalidResponse when the event's object is not as documented."""
    subject = event_object(payload)
    if event_type is EventType.PAYMENT_DISPUTE_LOST and subject.get("status") != "lost":
        event_type = EventType.PAYMENT_DISPUTE_WON  # or an inquiry that ended before any money was taken back
    if payload.get("type") == "checkout.session.completed" and subject.get("payment_status") != "paid":
        event_type = EventType.PAYMENT_PENDING  # authorised alone, or by a bank's transfer that takes days
    return NormalizedEvent(
        event_type,
        subject_of(subject),
        created(payload),
        _state(subject, str(payload.get("api_version"))),
        _dispute(subject),
        payment_id=_our_id(subject),
        is_live=flag(payload.get("livemode")),
    )


def event_object(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(payload.get("data")).get("object"))


def subject_of(subject: Mapping[str, Any]) -> str:
    """The payment intent that an event's object is, or belongs to; a page's own id until its payer has paid there."""
    match subject.get("object"):
        case "payment_intent":
            key = subject.get("id")
        case "checkout.session" if subject.get("status") != "complete":
            key = subject.get("id")
        case _:
            key = subject.get("payment_intent")
    return key if isinstance(key, str) else ""


def created(payload: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(payload["created"], UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _state(subject: Mapping[str, Any], api_version: str) -> PaymentResult | None:
    """An intent is the payment's state; a charge is too, once its refunds are refunds; a dispute or a refund is not.

    What a page began is looked up: the payment may be known by the page's reference still, or the page be open.
    """
    kind = subject.get("object")
    if kind == "checkout.session" and subject.get("status") == "expired":
        return read_session(subject)
    if mapping(subject.get("metadata")).get(PAGE_MARK) == PAGE:
        return None
    if kind == "payment_intent":
        return read_payment(subject)
    if kind == "charge" and api_version >= REFUNDS_ARE_REFUNDS_SINCE and subject_of(subject):
        return read_charge(subject)
    return None


def _our_id(subject: Mapping[str, Any]) -> str:
    """Our own id of a payment that was begun on a page: its events may name another reference than we know."""
    told = mapping(subject.get("metadata"))
    ours = told.get(_OUR_ID) if told.get(PAGE_MARK) == PAGE else subject.get("client_reference_id")
    return ours if isinstance(ours, str) else ""


def _dispute(subject: Mapping[str, Any]) -> Mapping[str, Any]:
    """https://docs.stripe.com/api/disputes/object"""
    if subject.get("object") != "dispute":
        return {}
    currency, units = str(subject.get("currency") or "").upper(), subject.get("amount")
    due = mapping(subject.get("evidence_details")).get("due_by")
    try:
        amount = None if units is None else str(money(units, currency))
        answer_by = datetime.fromtimestamp(due, UTC).isoformat() if due else None
    except (*UNDOCUMENTED, OverflowError, OSError) as error:
        raise InvalidResponse("Stripe's dispute is not as documented.") from error
    return {
        "dispute": str(subject.get("id") or ""),
        "dispute_reason": str(subject.get("reason") or ""),
        "dispute_amount": amount,
        "dispute_currency": currency or None,
        "respond_by": answer_by,
    }
