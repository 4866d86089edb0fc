"""Stripe's payment intents, checkout sessions and refunds, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse
from ...money import from_minor_units
from ..json_values import UNDOCUMENTED, mapping
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus
from .stripe_requests import EXPONENTS

STATUSES = {
    "requires_payment_method": PaymentStatus.REQUIRES_ACTION,
    "requires_confirmation": PaymentStatus.REQUIRES_ACTION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PENDING,
    "requires_capture": PaymentStatus.AUTHORISED,
    "succeeded": PaymentStatus.CAPTURED,
    "canceled": PaymentStatus.CANCELLED,
}
# A page on which a card was declined stays open: its payer can try another. One that is complete is its intent.
SESSION_STATUSES = {"open": PaymentStatus.REQUIRES_ACTION, "expired": PaymentStatus.CANCELLED}
REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELLED,
}
_OWN_METHODS = frozenset({"card", "link"})
_WALLETS = frozenset({"apple_pay", "google_pay", "link", "samsung_pay"})  # on a card


def read_payment(intent: Mapping[str, Any]) -> PaymentResult:
    """Raises InvalidResponse when this is not a payment intent as documented."""
    try:
        return _payment(intent)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Stripe's payment intent is not as documented.") from error


def read_session(session: Mapping[str, Any]) -> PaymentResult:
    """The page while nobody has paid there; once it is complete, the intent (expanded), whose reference takes the place
    of the page's. Raises InvalidResponse."""
    try:
        if session["status"] == "complete":
            paid = _payment(session["payment_intent"])
            return replace(paid, formerly=session["id"], client_secret="")
        return _unpaid(session)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Stripe's checkout session is not as documented.") from error


def read_charge(charge: Mapping[str, Any]) -> PaymentResult:
    """A charge of an intent, seen as that intent."""
    status = "succeeded" if charge.get("captured") else "requires_capture"
    received = {"id": charge.get("payment_intent"), "status": status, "amount_received": charge.get("amount_captured")}
    return read_payment({**charge, **received, "latest_charge": charge})


def read_refund(refund: Mapping[str, Any]) -> RefundResult:
    try:
        currency = refund["currency"].upper()
        return RefundResult(
            provider_reference=refund["id"],
            status=REFUND_STATUSES[refund["status"]],
            amount=money(refund["amount"], currency),
            currency=currency,
            failure_message=str(refund.get("failure_reason") or ""),
            raw=dict(refund),
        )
    except UNDOCUMENTED as error:
        raise InvalidResponse("Stripe's refund is not as documented.") from error


def declined_intent(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The payment intent that a card error (402) carries."""
    error = mapping(body.get("error"))
    intent = error.get("payment_intent")
    return intent if error.get("type") == "card_error" and isinstance(intent, Mapping) else None


def money(units: int, currency: str) -> Decimal:
    return from_minor_units(units, currency, exponent=EXPONENTS.get(currency))


def _payment(intent: Mapping[str, Any]) -> PaymentResult:
    currency = intent["currency"].upper()
    amount, captured = money(intent["amount"], currency), _captured(intent, currency)
    charge = mapping(intent.get("latest_charge"))  # an id where it was not expanded
    refunded = money(charge["amount_refunded"], currency) if "amount_refunded" in charge else None
    failure = mapping(intent.get("last_payment_error"))
    status = _status(intent["status"], captured, refunded, disputed=bool(charge.get("disputed")), failed=bool(failure))
    is_failed = status is PaymentStatus.FAILED
    fee, fee_currency = _fee(charge)
    return PaymentResult(
        provider_reference=intent["id"],
        status=status,
        amount=amount,
        currency=currency,
        amount_captured=captured,
        amount_refunded=None if status is PaymentStatus.CANCELLED else refunded,
        redirect_url=mapping(mapping(intent.get("next_action")).get("redirect_to_url")).get("url") or "",
        client_secret=intent.get("client_secret") or "",
        failure_code=str(failure.get("decline_code") or failure.get("code") or "") if is_failed else "",
        failure_message=str(failure.get("message") or "") if is_failed else "",
        method=_method(mapping(charge.get("payment_method_details"))),
        fee=fee,
        fee_currency=fee_currency,
        refunds=_ended_refunds(charge),
        raw=_without(intent, "client_secret"),
    )


def _ended_refunds(charge: Mapping[str, Any]) -> list[RefundResult]:
    """Those under way are left to the total, which has them in it already."""
    listed = mapping(charge.get("refunds")).get("data")
    found = [mapping(refund) for refund in listed] if isinstance(listed, list) else []
    told = [read_refund(refund) for refund in found if refund.get("status") in REFUND_STATUSES]
    return [refund for refund in told if refund.status is not RefundStatus.PENDING]


def _unpaid(session: Mapping[str, Any]) -> PaymentResult:
    currency = session["currency"].upper()
    status = SESSION_STATUSES[session["status"]]
    is_open = status is PaymentStatus.REQUIRES_ACTION
    return PaymentResult(
        provider_reference=session["id"],
        status=status,
        amount=money(session["amount_total"], currency),
        currency=currency,
        amount_captured=money(0, currency),
        redirect_url=(session.get("url") or "") if is_open else "",
        raw=_without(session, "client_secret", "payment_intent"),
    )


def _captured(intent: Mapping[str, Any], currency: str) -> Decimal:
    """localstripe has no `amount_received`; there a payment that succeeded is taken whole."""
    otherwise = intent["amount"] if intent["status"] == "succeeded" else 0
    return money(intent.get("amount_received", otherwise), currency)


def _status(status: str, captured: Decimal, refunded: Decimal | None, *, disputed: bool, failed: bool) -> PaymentStatus:
    if status == "requires_payment_method" and failed:
        return PaymentStatus.FAILED
    if status != "succeeded":
        return STATUSES[status]
    if disputed:
        return PaymentStatus.DISPUTED
    if refunded:
        return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
    return PaymentStatus.CAPTURED


def _fee(charge: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """In the currency that Stripe settles in, which need not be the payer's: `raw` has the `exchange_rate`.
    https://docs.stripe.com/api/balance_transactions/object"""
    settled = mapping(charge.get("balance_transaction"))  # an id where it was not expanded; none while not captured
    if not settled:
        return None, ""
    currency = settled["currency"].upper()
    return money(settled["fee"], currency), currency


def _method(details: Mapping[str, Any]) -> str:
    kind = details.get("type")
    wallet = mapping(mapping(details.get("card")).get("wallet")).get("type") if kind == "card" else None
    if wallet in _WALLETS:
        return str(wallet)
    return str(kind) if kind in _OWN_METHODS else ""


def _without(answer: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key not in names}
