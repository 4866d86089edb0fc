"""What N-Genius Online's orders and payments say. An order has one payment, which may be tried several times.

https://docs.ngenius-payments.com/reference/order-status ; the states are those of the official `ngenius-common`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse
from ...money import from_minor_units
from ..json_values import UNDOCUMENTED
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus

Object = Mapping[str, Any]

CAPTURE, REFUND, CANCEL, PURCHASE = "cnp:capture", "cnp:refund", "cnp:cancel", "cnp:purchase"
_UNION_PAY = "cnp:china_union_pay_results"

STATUSES = {
    "STARTED": PaymentStatus.REQUIRES_ACTION,
    "AWAIT_3DS": PaymentStatus.REQUIRES_ACTION,
    "AWAIT3DS": PaymentStatus.REQUIRES_ACTION,
    "PENDING": PaymentStatus.PENDING,
    "POST_AUTH_REVIEW": PaymentStatus.PENDING,
    "AUTHORISED": PaymentStatus.AUTHORISED,
    "CAPTURED": PaymentStatus.CAPTURED,
    "PARTIALLY_CAPTURED": PaymentStatus.CAPTURED,
    "PURCHASED": PaymentStatus.CAPTURED,
    "PARTIALLY_REFUNDED": PaymentStatus.PARTIALLY_REFUNDED,
    "REFUNDED": PaymentStatus.REFUNDED,
    "REVERSED": PaymentStatus.CANCELLED,
    "CANCELLED": PaymentStatus.CANCELLED,
    "DECLINED": PaymentStatus.FAILED,
    "FAILED": PaymentStatus.FAILED,
}
_PAID = frozenset({PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_REFUND_STATUSES = {
    "SUCCESS": RefundStatus.SUCCEEDED,
    "REQUESTED": RefundStatus.PENDING,
    "PENDING": RefundStatus.PENDING,
    "FAILED": RefundStatus.FAILED,
}
_METHODS = {"MADA": "mada", "APPLE_PAY": "apple_pay", "GOOGLE_PAY": "google_pay", "SAMSUNG_PAY": "samsung_pay"}
_CARDS = frozenset(
    {"VISA", "MASTERCARD", "AMERICAN_EXPRESS", "DINERS_CLUB_INTERNATIONAL", "DISCOVER", "JCB", "CHINA_UNION_PAY"}
)


def read_order(order: Object) -> PaymentResult:
    """Raises InvalidResponse when this is not an order as documented."""
    try:
        return _payment(order)
    except UNDOCUMENTED as error:
        raise InvalidResponse("N-Genius's order is not as documented.") from error


def read_refund(order: Object, paid: Object, units: int, currency: str) -> RefundResult:
    """The refund of `units` that is in `paid`, the payment as it was answered, and was not in `order` before it."""
    try:
        known = {_reference(refund) for refund in embedded(payment_of(order), REFUND)}
        new = [refund for refund in embedded(paid, REFUND) if _reference(refund) not in known]
        (refund,) = [refund for refund in new if refund["amount"]["value"] == units][-1:]
        return _refund(refund, currency)
    except UNDOCUMENTED as error:
        raise InvalidResponse("N-Genius's refund is not as documented.") from error


def payment_of(order: Object) -> Object:
    """The index is always 0 but for recurring payments.

    https://docs.ngenius-payments.com/reference/reversing-an-authorized-payment
    """
    try:
        payment: Object = order["_embedded"]["payment"][0]
        if not (isinstance(payment["state"], str) and isinstance(payment["_id"], str)):
            raise InvalidResponse("N-Genius's payment has no state.")
    except UNDOCUMENTED as error:
        raise InvalidResponse("N-Genius's order has no payment.") from error
    return payment


def with_payment(order: Object, payment: Object) -> Object:
    """`order` as it is now that one of its actions answered `payment`."""
    if payment.get("_id") != payment_of(order)["_id"]:
        raise InvalidResponse("N-Genius answered with another payment than the one it was asked to change.")
    return {**order, "_embedded": {**order["_embedded"], "payment": [payment]}}


def payment_reference(payment: Object) -> str:
    """Of `urn:payment:<reference>`."""
    return str(payment["_id"]).rpartition(":")[2]


def link(item: Object, relation: str) -> str:
    """Where a relation leads; empty where that is not allowed now."""
    links = item.get("_links")
    found = links.get(relation) if isinstance(links, Mapping) else None
    href = found.get("href") if isinstance(found, Mapping) else None
    return href if isinstance(href, str) else ""


def embedded(item: Object, relation: str) -> Sequence[Object]:
    parts = item.get("_embedded")
    found = parts.get(relation) if isinstance(parts, Mapping) else None
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def units(transaction: Object) -> int:
    amount = transaction.get("amount")
    value = amount.get("value") if isinstance(amount, Mapping) else None
    return value if isinstance(value, int) else 0


def _payment(order: Object) -> PaymentResult:
    payment, currency = payment_of(order), order["amount"]["currencyCode"]
    amount, status = _money(order["amount"], currency), _status(order, payment)
    captured, refunded = _totals(payment, status, amount, currency)
    if status in _PAID and refunded is not None:
        status = _settled(captured, refunded)
    failure = payment.get("authResponse") or {}
    is_failed, waits = status is PaymentStatus.FAILED, status is PaymentStatus.REQUIRES_ACTION
    return PaymentResult(
        provider_reference=_text(order["reference"]),
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=captured,
        amount_refunded=refunded,
        redirect_url=link(order, "payment") if waits else "",
        failure_code=str(failure.get("resultCode") or payment["state"]) if is_failed else "",
        failure_message=str(failure.get("resultMessage") or "") if is_failed else "",
        method=_method(payment),
        refunds=tuple(_refunds(payment, currency)),
        raw=_without_saved_cards(order),
    )


def _refund(refund: Object, currency: str) -> RefundResult:
    return RefundResult(
        provider_reference=_reference(refund),
        status=RefundStatus.SUCCEEDED if _is_done(refund) else _REFUND_STATUSES[refund["state"]],
        amount=_money(refund["amount"], currency),
        currency=currency,
        raw=dict(refund),
    )


def _refunds(payment: Object, currency: str) -> Iterator[RefundResult]:
    """Those that can be read, since the payment can be read without."""
    for refund in embedded(payment, REFUND):
        with suppress(*UNDOCUMENTED):
            yield _refund(refund, currency)


def _totals(payment: Object, status: PaymentStatus, amount: Decimal, currency: str) -> tuple[Decimal, Decimal | None]:
    """Captured and refunded. A purchase has no captures, and is taken whole."""
    none = amount - amount
    if status not in _PAID:
        return none, none
    captures, refunds = embedded(payment, CAPTURE), embedded(payment, REFUND)
    if payment["state"] == "PARTIALLY_CAPTURED" and not captures:
        raise ValueError("A part was captured, and it is not told how much.")
    captured = _sum([one for one in captures if _is_done(one)], currency, none) if captures else amount
    if not captured:
        raise ValueError("Paid, but nothing of it is captured.")
    if status is PaymentStatus.REFUNDED:
        return captured, captured
    if not refunds:
        return captured, None if status is PaymentStatus.PARTIALLY_REFUNDED else none
    return captured, _sum([one for one in refunds if _is_done(one)], currency, none)


def _is_done(transaction: Object) -> bool:
    """By UnionPay both captures and refunds stay requested, and count all the same: so the official
    TransactionProcessor."""
    state = transaction["state"]
    return bool(state == "SUCCESS" or (state == "REQUESTED" and link(transaction, _UNION_PAY)))


def _sum(transactions: Sequence[Object], currency: str, none: Decimal) -> Decimal:
    return sum((_money(one["amount"], currency) for one in transactions), none)


def _settled(captured: Decimal, refunded: Decimal) -> PaymentStatus:
    if not refunded:
        return PaymentStatus.CAPTURED
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED


def _status(order: Object, payment: Object) -> PaymentStatus:
    status, captures = STATUSES[payment["state"]], embedded(payment, CAPTURE)
    if payment["state"] == "REVERSED" and _is_purchase(order, payment):
        return PaymentStatus.REFUNDED  # what was taken at once is given back before it is settled
    if status is PaymentStatus.CAPTURED and captures and not any(map(_is_done, captures)):
        return PaymentStatus.PENDING
    return status


def _is_purchase(order: Object, payment: Object) -> bool:
    """UnionPay takes a sale by a single message too, as in the official ApiProcessor."""
    action, name = order.get("action"), (payment.get("paymentMethod") or {}).get("name")
    return action == "PURCHASE" or (action == "SALE" and name == "CHINA_UNION_PAY")


def _money(amount: Object, currency: str) -> Decimal:
    if amount["currencyCode"] != currency or type(amount["value"]) is not int:
        raise ValueError("Another currency, or not in minor units.")
    return from_minor_units(amount["value"], currency)


def _reference(transaction: Object) -> str:
    """The last part of its address; where UnionPay's results are linked instead, the part before."""
    own, union_pay = link(transaction, "self").rstrip("/"), link(transaction, _UNION_PAY).rstrip("/")
    return _text(own.rpartition("/")[2] if own else union_pay.split("/")[-2])


def _method(payment: Object) -> str:
    name = (payment.get("paymentMethod") or {}).get("name")
    return "card" if name in _CARDS else _METHODS.get(str(name), "")


def _text(value: Any) -> str:
    if not (isinstance(value, str) and value):
        raise ValueError("No text.")
    return value


def _without_saved_cards(order: Object) -> dict[str, Any]:
    """Whoever has the token of a saved card can charge it."""
    payments = [
        {key: value for key, value in payment.items() if key != "savedCard"} for payment in embedded(order, "payment")
    ]
    return {**order, "_embedded": {**order["_embedded"], "payment": payments}}
