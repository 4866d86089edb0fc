"""Telr's orders: as they are asked for, and as they are told. https://docs.telr.com/reference/createorder"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import InvalidRequest, InvalidResponse, NotSupported
from ...money import check_decimals, parse_amount
from ..json_values import UNDOCUMENTED
from ..results import PaymentRequest, PaymentResult, PaymentStatus

_LONGEST = 63  # of a cart id and of a description
STATUSES = {
    1: PaymentStatus.REQUIRES_ACTION,
    2: PaymentStatus.AUTHORISED,
    3: PaymentStatus.CAPTURED,
    -1: PaymentStatus.CANCELLED,
    -2: PaymentStatus.CANCELLED,
    -3: PaymentStatus.FAILED,
}
_TEXTS = {"pending": 1, "authorised": 2, "authorized": 2, "paid": 3, "expired": -1, "cancelled": -2, "declined": -3}


def creation(request: PaymentRequest, cart_id: str) -> dict[str, Any]:
    """All but what proves the store and whether it is a test. Raises InvalidRequest."""
    if request.payment_token:
        raise NotSupported("{provider} takes payments on its own page only.", provider="Telr", field="payment_token")
    if not (request.success_url and request.cancel_url):
        raise InvalidRequest("Telr needs an address to send the payer back to.", field="success_url")
    amount = check_decimals(request.amount, request.currency)
    order = {
        "cartid": cart_id,
        "amount": str(amount),
        "currency": request.currency,
        "description": _latin(request.title) or _latin(request.reference) or cart_id,
        "trantype": "sale" if request.capture else "auth",
    }
    back = {"authorised": request.success_url, "declined": request.success_url, "cancelled": request.cancel_url}
    told: dict[str, Any] = {"language": request.language, "order": order, "return": back}
    if customer := _customer(request):
        told["customer"] = customer
    return told


def read_created(answer: Mapping[str, Any], request: PaymentRequest) -> PaymentResult:
    try:
        order = answer["order"]
        return PaymentResult(
            provider_reference=_text(order["ref"]),
            status=PaymentStatus.REQUIRES_ACTION,
            amount=request.amount,
            currency=request.currency,
            redirect_url=_text(order["url"]),
            raw=dict(order),
        )
    except UNDOCUMENTED as error:
        raise InvalidResponse("Telr's new order is not as documented.") from error


def read_order(answer: Mapping[str, Any]) -> PaymentResult:
    """What `check` tells: how the payer fared, and nothing of what was refunded since."""
    try:
        return _payment(_order(answer))
    except UNDOCUMENTED as error:
        raise InvalidResponse("Telr's order is not as documented.") from error


def transaction_reference(answer: Mapping[str, Any]) -> str:
    """Of the transaction that paid the order, on which everything else hangs."""
    try:
        return _text(_order(answer)["transaction"]["ref"])
    except UNDOCUMENTED as error:
        raise InvalidResponse("Telr's order has no transaction.") from error


def _order(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    order: Mapping[str, Any] = answer["order"] if "order" in answer else answer["invoice"]
    return order


def _payment(order: Mapping[str, Any]) -> PaymentResult:
    transaction = order.get("transaction") or {}
    status = _status(order["status"], transaction)
    amount = parse_amount(str(order["amount"]), order["currency"])
    is_paid, is_failed = status is PaymentStatus.CAPTURED, status is PaymentStatus.FAILED
    return PaymentResult(
        provider_reference=_text(order["ref"]),
        status=status,
        amount=amount,
        currency=order["currency"],
        # An authorisation that was captured since may still be told as one.
        amount_captured=None if status is PaymentStatus.AUTHORISED else amount if is_paid else amount - amount,
        failure_code=str(transaction.get("code") or "") if is_failed else "",
        failure_message=str(transaction.get("message") or "") if is_failed else "",
        method=_method(order.get("card")),
        raw=dict(order),
    )


def _status(told: Mapping[str, Any], transaction: Mapping[str, Any]) -> PaymentStatus:
    """One who has paid and is held for inspection has not paid yet. Code, text and letter must agree."""
    code, text = int(str(told["code"])), str(told.get("text") or "").strip().lower()
    status, letter = STATUSES[code], transaction.get("status")
    if _TEXTS.get(text, code) != code or (code > 1 and letter not in (None, "", "A", "H")):
        raise ValueError("Two statuses in one.")
    is_held = letter == "H" and code > 0
    waits = code == 1 and bool(transaction.get("ref")) and letter in ("A", "P")
    return PaymentStatus.PENDING if is_held or waits else status


def _method(card: Any) -> str:
    kind = card.get("type") if isinstance(card, Mapping) else None
    if not isinstance(kind, str) or not kind:
        return ""
    return "mada" if "mada" in kind.lower() else "card"


def _customer(request: PaymentRequest) -> dict[str, Any]:
    payer, address = request.customer, request.billing_address
    told: dict[str, Any] = {
        "email": payer.email if payer.email.isascii() else "",
        "phone": _latin(payer.phone),
        "name": _told({"forenames": _latin(payer.first_name), "surname": _latin(payer.last_name)}),
        "address": _told(
            {
                "line1": _latin(address.line1),
                "line2": _latin(address.line2),
                "city": _latin(address.city),
                "country": address.country,
            }
        ),
    }
    return _told(told)


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _latin(text: str) -> str:
    """Only Latin letters pass the card networks; empty where there are others.

    https://docs.telr.com/reference/request-methods names the ranges, up to Latin Extended-A.
    """
    is_latin = all("\x20" <= letter <= "\x7e" or "\xa0" <= letter <= "\u017f" for letter in text)
    return text[:_LONGEST].strip() if is_latin else ""


def _text(value: Any) -> str:
    if not (isinstance(value, str) and value):
        raise ValueError("No text.")
    return value
