"""What Moyasar answers, in our words: payments, and invoices with the payments that were tried on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse
from ...money import currency_exponent, from_minor_units
from ..json_values import UNDOCUMENTED, mapping
from ..results import PaymentResult, PaymentStatus

INVOICE, PAYMENT = "invoice_", "payment_"
# https://docs.moyasar.com/payment-status-reference. `verified` is a card that was checked, with no money: neither that
# nor a word that is not here is known to be the end of anything.
STATUSES = {
    "initiated": PaymentStatus.REQUIRES_ACTION,
    "paid": PaymentStatus.CAPTURED,
    "captured": PaymentStatus.CAPTURED,
    "refunded": PaymentStatus.CAPTURED,  # in part or whole: the amounts say
    "authorized": PaymentStatus.AUTHORISED,
    "failed": PaymentStatus.FAILED,
    "voided": PaymentStatus.CANCELLED,
}
# https://docs.moyasar.com/api/invoices/04-show-invoice: of an invoice on which no payment has succeeded.
INVOICE_STATUSES = {
    "initiated": PaymentStatus.REQUIRES_ACTION,
    "failed": PaymentStatus.FAILED,
    "canceled": PaymentStatus.CANCELLED,
    "expired": PaymentStatus.CANCELLED,
    "voided": PaymentStatus.CANCELLED,
}
METHODS = {"applepay": "apple_pay", "googlepay": "google_pay", "samsungpay": "samsung_pay", "stcpay": "stc_pay"}
# Which of the payments tried on an invoice tells how it stands: the first of these there is.
_DECISIVE = (("paid", "captured"), ("refunded",), ("authorized",), ("voided",))
_PAID = frozenset({"paid", "refunded"})


def read_payment(payment: Mapping[str, Any]) -> PaymentResult:
    """Raises InvalidResponse when this is not a payment as documented."""
    try:
        return _payment(payment)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Moyasar's payment is not as documented.") from error


def read_invoice(invoice: Mapping[str, Any]) -> PaymentResult:
    """Raises InvalidResponse when this is not an invoice as documented."""
    try:
        return _invoice(invoice)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Moyasar's invoice is not as documented.") from error


def deciding(invoice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The payment on the invoice that took or holds the money, or gave it back; None where none did."""
    payments = _payments(invoice)
    for words in _DECISIVE:
        for payment in payments:
            if payment.get("status") in words:
                return payment
    return None


def _payments(invoice: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Raises ValueError for what are no payments."""
    payments = invoice.get("payments") or []
    if not isinstance(payments, list) or not all(isinstance(payment, Mapping) for payment in payments):
        raise ValueError("These are no payments.")
    return payments


def _invoice(invoice: Mapping[str, Any]) -> PaymentResult:
    currency, attempts, paid = invoice["currency"], _payments(invoice), deciding(invoice)
    reference, amount = INVOICE + _text(invoice["id"]), _money(invoice["amount"], currency)
    raw = {**invoice, "payments": [_without_token(payment) for payment in attempts]}
    if paid is not None:
        return replace(_payment(paid), provider_reference=reference, amount=amount, redirect_url="", raw=raw)
    if invoice["status"] in ("paid", "refunded"):
        raise InvalidResponse("Moyasar says that the invoice is paid, and shows no payment of it.")
    status = INVOICE_STATUSES.get(invoice["status"], PaymentStatus.PENDING)
    tried = mapping(attempts[-1].get("source")) if attempts and status is PaymentStatus.FAILED else {}
    return PaymentResult(
        provider_reference=reference,
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=_money(0, currency),
        amount_refunded=_money(0, currency),
        redirect_url=_text(invoice["url"]) if status is PaymentStatus.REQUIRES_ACTION else "",
        failure_code=str(tried.get("response_code") or ""),
        failure_message=str(tried.get("message") or ""),
        raw=raw,
    )


def _payment(payment: Mapping[str, Any]) -> PaymentResult:
    currency, word, source = payment["currency"], payment["status"], mapping(payment.get("source"))
    captured, refunded = _captured(payment), _money(payment.get("refunded") or 0, currency)
    status = STATUSES.get(word, PaymentStatus.PENDING)
    if word == "voided" and captured:
        status, refunded = PaymentStatus.CAPTURED, captured  # what was voided after its capture has gone back whole
    if status is PaymentStatus.CAPTURED and refunded:
        status = PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
    is_failed, has_fee = status is PaymentStatus.FAILED, bool(captured) and payment.get("fee") is not None
    fee_currency = _fee_currency(payment) if has_fee else ""
    return PaymentResult(
        provider_reference=PAYMENT + _text(payment["id"]),
        status=status,
        amount=_money(payment["amount"], currency),
        currency=currency,
        amount_captured=captured,
        amount_refunded=refunded,
        redirect_url=str(source.get("transaction_url") or "") if status is PaymentStatus.REQUIRES_ACTION else "",
        failure_code=str(source.get("response_code") or "") if is_failed else "",
        failure_message=str(source.get("message") or "") if is_failed else "",
        method=_method(source),
        fee=_money(payment["fee"], fee_currency) if has_fee else None,
        fee_currency=fee_currency,
        raw=_without_token(payment),
    )


def _captured(payment: Mapping[str, Any]) -> Decimal:
    """`captured` counts what was authorised first; what was paid at once is not in it."""
    currency, word, captured = payment["currency"], payment["status"], payment.get("captured") or 0
    if word in ("captured", "voided") or (word in _PAID and captured):
        return _money(captured, currency)
    return _money(payment["amount"] if word in _PAID else 0, currency)


def _fee_currency(payment: Mapping[str, Any]) -> str:
    """That of `fee_format` ("15.80 SAR"), where it is there."""
    told = str(payment.get("fee_format") or "").rpartition(" ")[2]
    currency = told if len(told) == 3 and told.isalpha() else payment["currency"]
    currency_exponent(currency)
    return str(currency)


def _method(source: Mapping[str, Any]) -> str:
    if source.get("type") in ("creditcard", "token"):
        return "mada" if source.get("company") == "mada" else "card"
    return METHODS.get(str(source.get("type")), "")


def _without_token(payment: Mapping[str, Any]) -> dict[str, Any]:
    """A card's token can be charged again."""
    source = {key: value for key, value in mapping(payment.get("source")).items() if key != "token"}
    return {**payment, "source": source}


def _money(units: Any, currency: str) -> Decimal:
    if isinstance(units, bool) or not isinstance(units, int) or units < 0:
        raise ValueError("An amount is a whole number.")
    return from_minor_units(units, currency)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("This is no text.")
    return value
