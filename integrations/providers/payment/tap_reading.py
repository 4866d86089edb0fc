"""What Tap answers, in our words: charges, authorisations with their captures, and refunds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse
from ...money import check_decimals
from ..json_values import UNDOCUMENTED, first_mapping, mapping
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus

# https://developers.tap.company/reference/charges, …/authorize. A word that is not here is not known to be the end of
# anything: the payment is asked for again.
STATUSES = {
    "INITIATED": PaymentStatus.REQUIRES_ACTION,
    "IN_PROGRESS": PaymentStatus.PENDING,
    "UNKNOWN": PaymentStatus.PENDING,
    "AUTHORIZED": PaymentStatus.AUTHORISED,
    "CAPTURED": PaymentStatus.CAPTURED,
    "FAILED": PaymentStatus.FAILED,
    "DECLINED": PaymentStatus.FAILED,
    "RESTRICTED": PaymentStatus.FAILED,
    "TIMEDOUT": PaymentStatus.FAILED,
    "CANCELLED": PaymentStatus.CANCELLED,
    "ABANDONED": PaymentStatus.CANCELLED,
    "VOID": PaymentStatus.CANCELLED,
}
# https://developers.tap.company/docs/refunds. ACCEPTED is of its newer logic; both spellings of a time-out are printed.
REFUND_STATUSES = {
    "PENDING": RefundStatus.PENDING,
    "IN_PROGRESS": RefundStatus.PENDING,
    "ACCEPTED": RefundStatus.PENDING,
    "UNKNOWN": RefundStatus.PENDING,
    "REFUNDED": RefundStatus.SUCCEEDED,
    "DECLINED": RefundStatus.FAILED,
    "FAILED": RefundStatus.FAILED,
    "RESTRICTED": RefundStatus.FAILED,
    "TIMEDOUT": RefundStatus.FAILED,
    "TIMED_OUT": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.CANCELLED,
}
METHODS = {
    "VISA": "card",
    "MASTERCARD": "card",
    "AMERICAN_EXPRESS": "card",
    "AMEX": "card",
    "MADA": "mada",
    "KNET": "knet",
    "BENEFIT": "benefit",
    "OMANNET": "omannet",
    "NAPS": "qpay",
    "QPAY": "qpay",
    "FAWRY": "fawry",
    "APPLE_PAY": "apple_pay",
    "GOOGLE_PAY": "google_pay",
}
FAWRY = "src_eg.fawry"


def read_payment(payment: Mapping[str, Any]) -> PaymentResult:
    """A charge or an authorisation by itself. Raises InvalidResponse when this is neither as documented."""
    try:
        return _payment(payment)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tap's payment is not as documented.") from error


def with_refunds(payment: PaymentResult, refunds: Sequence[Mapping[str, Any]]) -> PaymentResult:
    """A captured payment with what was given back of it.

    Tap takes refunds in the merchant's settlement currency too; where there is one, the total is not known.
    """
    told = [read_refund(refund) for refund in refunds]
    payment = replace(payment, refunds=told)
    done = [refund for refund in told if refund.status is RefundStatus.SUCCEEDED]
    if any(refund.currency != payment.currency for refund in done):
        return replace(payment, amount_refunded=None)
    refunded = sum((refund.amount for refund in done), money(0, payment.currency))
    status = PaymentStatus.CAPTURED
    if refunded:
        is_all = refunded >= (payment.amount_captured or 0)
        status = PaymentStatus.REFUNDED if is_all else PaymentStatus.PARTIALLY_REFUNDED
    return replace(payment, status=status, amount_refunded=refunded)


def with_captures(authorisation: PaymentResult, captures: Sequence[PaymentResult]) -> PaymentResult:
    """An authorisation with the charges that captured it, each a payment of its own at Tap."""
    if any(capture.currency != authorisation.currency for capture in captures):
        raise InvalidResponse("Tap captured in another currency than it authorised.")
    taken = sum((capture.amount for capture in captures), money(0, authorisation.currency))
    return replace(authorisation, status=PaymentStatus.CAPTURED, amount_captured=taken)


def read_refund(refund: Mapping[str, Any]) -> RefundResult:
    """Raises InvalidResponse when this is not a refund as documented."""
    try:
        status = REFUND_STATUSES.get(refund["status"], RefundStatus.PENDING)
        failed = status in {RefundStatus.FAILED, RefundStatus.CANCELLED}
        currency = refund["currency"]
        return RefundResult(
            provider_reference=text(refund["id"]),
            status=status,
            amount=money(refund["amount"], currency),
            currency=currency,
            failure_message=str(mapping(refund.get("response")).get("message") or "") if failed else "",
            raw=dict(refund),
        )
    except UNDOCUMENTED as error:
        raise InvalidResponse("Tap's refund is not as documented.") from error


def error_details(body: Mapping[str, Any]) -> tuple[str, str]:
    """Of an answer that is a refusal, or of an object that failed."""
    errors = body.get("errors")
    first = first_mapping(errors)
    response = mapping(body.get("response"))
    code = first.get("code") or response.get("code") or ""
    message = first.get("description") or body.get("message") or body.get("description") or response.get("message")
    return str(code), str(message or "")


def money(amount: Any, currency: str) -> Decimal:
    """Tap drops zeros at the end, and now and then quotes the number. Raises InvalidRequest for too many decimals."""
    return check_decimals(Decimal(str(amount)), currency)


def text(value: Any) -> str:
    """Raises ValueError for anything but text."""
    if not isinstance(value, str) or not value:
        raise ValueError("This is no text.")
    return value


def _payment(payment: Mapping[str, Any]) -> PaymentResult:
    currency = payment["currency"]
    amount, source = money(payment["amount"], currency), mapping(payment.get("source"))
    page = mapping(payment.get("transaction")).get("url") or ""
    status = STATUSES.get(payment["status"], PaymentStatus.PENDING)
    if payment["status"] == "IN_PROGRESS" and source.get("id") == FAWRY and page:
        status = PaymentStatus.REQUIRES_ACTION  # the page has the number to pay under
    response = mapping(payment.get("response")) if status is PaymentStatus.FAILED else {}
    return PaymentResult(
        provider_reference=text(payment["id"]),
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=amount if status is PaymentStatus.CAPTURED else money(0, currency),
        redirect_url=page if status is PaymentStatus.REQUIRES_ACTION else "",
        failure_code=str(response.get("code") or ""),
        failure_message=str(response.get("message") or ""),
        method=METHODS.get(str(source.get("payment_method")).upper(), ""),
        raw=dict(payment),
    )
