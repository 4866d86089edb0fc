"""What Tabby answers and what its webhooks say, in our words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse, UnreadablePayload
from ...money import parse_amount
from ..base import Answer
from ..events import EventIdentity
from ..json_values import UNDOCUMENTED
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus

# Why a session is refused, in our words. https://docs.tabby.ai/api-reference/checkout/create-a-session
REJECTIONS = {
    "order_amount_too_high": "The order is above what Tabby lends this customer now.",
    "order_amount_too_low": "The order is below the least that Tabby lends.",
    "not_available": "Tabby lends this customer nothing for this order.",
}
# Of a payment that is closed the captures and refunds say the rest.
STATUSES = {
    "CREATED": PaymentStatus.REQUIRES_ACTION,
    "AUTHORIZED": PaymentStatus.AUTHORISED,
    "CLOSED": PaymentStatus.CAPTURED,
    "REJECTED": PaymentStatus.FAILED,
    "EXPIRED": PaymentStatus.CANCELLED,  # the payer turned back, or the time was over; nobody can pay it any more
}


def read_session(session: Mapping[str, Any]) -> PaymentResult:
    """A session that is refused is a payment that failed. Raises InvalidResponse."""
    try:
        status, configuration = session["status"], session["configuration"]
        if status == "created":
            page = configuration["available_products"]["installments"][0]["web_url"]
            return _payment(session["payment"], redirect_url=str(page))
        if status == "rejected":
            reason = configuration["products"]["installments"].get("rejection_reason") or "not_available"
            return _payment({**session["payment"], "status": "REJECTED"}, failure_code=str(reason))
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tabby's session is not as documented.") from error
    raise InvalidResponse("Tabby's session is {status}, which is not for us.", status=status)


def read_payment(payment: Mapping[str, Any]) -> PaymentResult:
    """Raises InvalidResponse when this is not a payment as documented."""
    try:
        return _payment(payment)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tabby's payment is not as documented.") from error


def read_refund(payment: Mapping[str, Any], reference: str) -> RefundResult:
    """The refund that was asked for under `reference`, of the payment that Tabby answers with."""
    refund = entry_of(payment, "refunds", reference)
    try:
        if refund is None:
            raise KeyError(reference)
        return _refund(refund, payment["currency"])
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tabby's refund is not as documented.") from error


def entry_of(payment: Mapping[str, Any], kind: str, reference: str) -> Mapping[str, Any] | None:
    """Of the payment's captures or refunds, the one that was made under our `reference`."""
    return next((entry for entry in _entries(payment, kind) if entry.get("reference_id") == reference), None)


def registered(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """The webhooks that there are: a list, or null where there are none."""
    try:
        hooks = json.loads(answer.body) or []
    except ValueError as error:
        raise InvalidResponse("Tabby's webhooks are not as documented.") from error
    return [hook for hook in (hooks if isinstance(hooks, list) else [hooks]) if isinstance(hook, Mapping)]


def identify(payload: Mapping[str, Any]) -> EventIdentity:
    """Tabby's events have neither ids nor names: a payment's is its state, a dispute's its id with its status.

    Raises UnreadablePayload for anything else.
    """
    status, dispute = payload.get("status"), payload.get("dispute_id")
    payment = payload.get("payment_id") if dispute else payload.get("id")
    if not (isinstance(status, str) and status and isinstance(payment, str) and payment):
        raise UnreadablePayload("A webhook of Tabby has a payment's id and a status; this has not.")
    status = status.lower()
    if isinstance(dispute, str) and dispute:
        opened = _moment(payload.get("created_at")) if status == "pending" else None
        return EventIdentity(f"{dispute}:{status}", f"dispute.{status}", payment, opened)
    captures, refunds = (list(_entries(payload, kind)) for kind in ("captures", "refunds"))
    event_id = f"{payment}:{status}:{len(captures)}:{len(refunds)}"
    return EventIdentity(event_id, _event_type(status, captures, refunds), payment, _newest(payload))


def of_a_dispute(payload: Mapping[str, Any]) -> Mapping[str, str]:
    """What a dispute's webhook says of it; nothing of a payment's."""
    names = {"dispute": "dispute_id", "dispute_amount": "amount", "dispute_currency": "currency"}
    if not payload.get("dispute_id"):
        return {}
    return {name: told for name, theirs in names.items() if isinstance(told := payload.get(theirs), str)}


def our_id(payload: Mapping[str, Any]) -> str:
    order = payload.get("order")
    reference = order.get("reference_id") if isinstance(order, Mapping) else ""
    return reference if isinstance(reference, str) else ""


def _payment(payment: Mapping[str, Any], *, redirect_url: str = "", failure_code: str = "rejected") -> PaymentResult:
    currency = payment["currency"]
    amount = parse_amount(payment["amount"], currency)
    captured, refunded = (_total(payment, kind, currency) for kind in ("captures", "refunds"))
    status = _status(payment["status"].upper(), amount, captured, refunded)
    is_failed = status is PaymentStatus.FAILED
    return PaymentResult(
        provider_reference=payment["id"],
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=captured,
        amount_refunded=Decimal(0) if status is PaymentStatus.CANCELLED else refunded,
        redirect_url=redirect_url,
        failure_code=failure_code if is_failed else "",
        failure_message=REJECTIONS.get(failure_code, "Tabby declined the customer.") if is_failed else "",
        method="bnpl",
        awaits_completion=status is PaymentStatus.AUTHORISED and not captured,
        refunds=[_refund(entry, currency) for entry in _entries(payment, "refunds") if entry.get("id")],
        raw={key: value for key, value in payment.items() if key != "token"},
    )


def _refund(refund: Mapping[str, Any], currency: str) -> RefundResult:
    """Tabby shows a refund once it is made."""
    return RefundResult(
        provider_reference=refund["id"],
        status=RefundStatus.SUCCEEDED,
        amount=parse_amount(refund["amount"], currency),
        currency=currency,
        idempotency_key=str(refund.get("reference_id") or ""),
        raw=dict(refund),
    )


def _status(told: str, amount: Decimal, captured: Decimal, refunded: Decimal) -> PaymentStatus:
    status = STATUSES[told]
    if told == "AUTHORIZED" and captured >= amount:
        return PaymentStatus.CAPTURED
    if told != "CLOSED":
        return status
    if not captured:
        return PaymentStatus.CANCELLED
    if not refunded:
        return status
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED


def _total(payment: Mapping[str, Any], kind: str, currency: str) -> Decimal:
    return sum((parse_amount(entry["amount"], currency) for entry in _entries(payment, kind)), Decimal(0))


def _entries(payment: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    given = payment.get(kind)
    yield from (entry for entry in given if isinstance(entry, Mapping)) if isinstance(given, list) else ()


def _event_type(status: str, captures: Sequence[Any], refunds: Sequence[Any]) -> str:
    """Composed of what the payment has come to."""
    if status == "closed":
        return "payment.refunded" if refunds else "payment.closed" if captures else "payment.cancelled"
    return "payment.captured" if status == "authorized" and captures else f"payment.{status}"


def _newest(payload: Mapping[str, Any]) -> datetime | None:
    """The time of the last thing that the payment tells of itself."""
    entries = [*_entries(payload, "captures"), *_entries(payload, "refunds")]
    told = [payload.get("created_at"), payload.get("closed_at"), *(entry.get("created_at") for entry in entries)]
    return max((moment for text in told if (moment := _moment(text))), default=None)


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
