"""What Tamara answers and what its webhooks say, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse, UnreadablePayload
from ..events import EventIdentity
from ..json_values import UNDOCUMENTED
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus
from .lenders import exact
from .tamara_checkout import money

APPROVED = "approved"
# https://docs.tamara.co/docs/online-order-status-flow
STATUSES = {
    "new": PaymentStatus.REQUIRES_ACTION,
    APPROVED: PaymentStatus.PENDING,  # the customer has paid the first part, and nobody has authorised it yet
    "on_hold": PaymentStatus.PENDING,
    "authorised": PaymentStatus.AUTHORISED,
    "updated": PaymentStatus.AUTHORISED,  # a part of the order was cancelled before any of it was captured
    "partially_captured": PaymentStatus.CAPTURED,
    "fully_captured": PaymentStatus.CAPTURED,
    "partially_refunded": PaymentStatus.PARTIALLY_REFUNDED,
    "fully_refunded": PaymentStatus.REFUNDED,
    "declined": PaymentStatus.FAILED,
    "canceled": PaymentStatus.CANCELLED,
    "expired": PaymentStatus.CANCELLED,
}
_TO_BE_COMPLETED = frozenset({APPROVED, "authorised"})
_PAID = frozenset({PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})


def read_checkout(answer: Mapping[str, Any], amount: Decimal, currency: str) -> PaymentResult:
    """The page of an order that was just made. Raises InvalidResponse."""
    try:
        return PaymentResult(
            provider_reference=_text(answer["order_id"]),
            status={"new": PaymentStatus.REQUIRES_ACTION}[answer.get("status", "new")],
            amount=amount,
            currency=currency,
            redirect_url=_text(answer["checkout_url"]),
            method="bnpl",
            raw=dict(answer),
        )
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tamara's checkout is not as documented.") from error


def read_order(order: Mapping[str, Any]) -> PaymentResult:
    """Raises InvalidResponse when this is not an order as documented."""
    try:
        return _payment(order)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tamara's order is not as documented.") from error


def read_refund(answer: Mapping[str, Any], amount: Decimal, currency: str) -> RefundResult:
    """Tamara refunds at once; the customer's bank may take days. Raises InvalidResponse."""
    try:
        reference = _text(answer["refund_id"])
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tamara's refund is not as documented.") from error
    return RefundResult(reference, RefundStatus.SUCCEEDED, amount, currency, raw=dict(answer))


def after_capture(order: Mapping[str, Any], answer: Mapping[str, Any], amount: Decimal) -> PaymentResult:
    """The order as it was, with what was captured just now."""
    before = read_order(order)
    captured = money((before.amount_captured or Decimal(0)) + amount, before.currency)
    return read_order({**order, "status": answer.get("status"), "captured_amount": captured})


def left_to_cancel(order: Mapping[str, Any]) -> dict[str, Any]:
    """What there is of the order beside what was cancelled before."""
    try:
        currency = order["total_amount"]["currency"]
        return money(_amount(order, "total_amount", currency) - _amount(order, "canceled_amount", currency), currency)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tamara's order is not as documented.") from error


def identify(payload: Mapping[str, Any]) -> EventIdentity:
    """Tamara's events have no ids: one is of an order, its type, and the capture, refund or cancellation if it is of
    one. What comes to the address of a single order is older in form, and names the order's status.

    Raises UnreadablePayload for anything else.
    """
    order, event_type = payload.get("order_id"), payload.get("event_type")
    status = payload.get("order_status")
    if not event_type and isinstance(status, str) and status:
        event_type = f"order_{status}"
    if not (isinstance(order, str) and order and isinstance(event_type, str) and event_type):
        raise UnreadablePayload("A webhook of Tamara has an order's id and an event's type; this has not.")
    told = payload.get("data")
    parts = (told.get(name) for name in ("refund_id", "capture_id", "cancel_id")) if isinstance(told, Mapping) else ()
    part = next((part for part in parts if isinstance(part, str) and part), "")
    return EventIdentity(":".join(filter(None, (order, event_type, part))), event_type, order)


def our_id(payload: Mapping[str, Any]) -> str:
    reference = payload.get("order_reference_id")
    return reference if isinstance(reference, str) else ""


def _payment(order: Mapping[str, Any]) -> PaymentResult:
    currency = _text(order["total_amount"]["currency"])
    amount, captured, refunded = (
        _amount(order, name, currency) for name in ("total_amount", "captured_amount", "refunded_amount")
    )
    status = STATUSES[order["status"]]
    if status in _PAID:
        status = _paid(captured, refunded)
    is_failed = status is PaymentStatus.FAILED
    return PaymentResult(
        provider_reference=_text(order["order_id"]),
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=captured,
        amount_refunded=refunded,
        failure_code="declined" if is_failed else "",
        failure_message="Tamara declined the customer." if is_failed else "",
        method="bnpl",
        awaits_completion=order["status"] in _TO_BE_COMPLETED and not captured,
        raw=dict(order),
    )


def _paid(captured: Decimal, refunded: Decimal) -> PaymentStatus:
    """The totals say it more exactly than the word."""
    if not captured:
        raise ValueError("captured, but nothing of it")
    if not refunded:
        return PaymentStatus.CAPTURED
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED


def _amount(order: Mapping[str, Any], name: str, currency: str) -> Decimal:
    """Nothing where the order tells of none."""
    told = order[name] if name == "total_amount" else order.get(name)
    if told is None:
        return Decimal(0)
    if told["currency"] != currency or isinstance(told["amount"], bool):
        raise ValueError(name)
    amount = exact(Decimal(str(told["amount"])), currency)
    if amount < 0:
        raise ValueError(name)
    return amount


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value
