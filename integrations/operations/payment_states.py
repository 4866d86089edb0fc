"""Which state of a payment may follow which, and how what a provider tells is laid over what we know.

Providers repeat and overtake themselves: an event may come twice, late, or before the answer to the call that caused
it. So amounts are totals that only grow, and a state follows another only where the table says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..errors import InvalidResponse
from ..models import Payment, PaymentOperation
from ..providers.results import PaymentResult
from .payment_differences import note_difference
from .payment_look_plan import plan_look

S = Payment.Status
_PAID = frozenset({S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED})

TRANSITIONS: Mapping[str, frozenset[str]] = {
    S.PENDING: frozenset(S) - {S.PENDING, S.REQUIRES_ACTION},
    S.REQUIRES_ACTION: frozenset(S) - {S.REQUIRES_ACTION},
    S.AUTHORISED: _PAID | {S.CANCELLED, S.DISPUTED},
    S.CAPTURED: frozenset({S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED}),
    S.PARTIALLY_REFUNDED: frozenset({S.REFUNDED, S.DISPUTED}),
    S.REFUNDED: frozenset({S.DISPUTED}),
    S.DISPUTED: frozenset({S.REFUNDED}),
    S.FAILED: _PAID | {S.AUTHORISED, S.CANCELLED, S.DISPUTED},  # the payer may try again with another card
    S.CANCELLED: frozenset(),
}
# Steps back that are believed only of a state just read from the provider, not of an event of unknown age.
WHEN_FRESH: Mapping[str, frozenset[str]] = {
    S.PENDING: frozenset({S.REQUIRES_ACTION}),
    S.FAILED: frozenset({S.PENDING, S.REQUIRES_ACTION}),
}
EXPIRED = "expired"  # the failure code of a payment that nobody paid in time
# Steps that others may undo: which of two such events is the newer must be known.
_BOTH_WAYS = frozenset({S.PENDING, S.REQUIRES_ACTION, S.FAILED, S.DISPUTED})
# A refund that the payer's bank sent back: the provider's total shrinks.
WHEN_REFUND_FAILED: Mapping[str, frozenset[str]] = {
    S.PARTIALLY_REFUNDED: frozenset({S.CAPTURED}),
    S.REFUNDED: frozenset({S.PARTIALLY_REFUNDED, S.CAPTURED}),
}

# In which states a person or a program may ask for what.
ALLOWED_IN: Mapping[str, frozenset[str]] = {
    PaymentOperation.Kind.CAPTURE: frozenset({S.AUTHORISED}),
    PaymentOperation.Kind.VOID: frozenset({S.AUTHORISED, S.REQUIRES_ACTION, S.PENDING}),
    PaymentOperation.Kind.REFUND: frozenset({S.CAPTURED, S.PARTIALLY_REFUNDED}),
}


def apply_result(payment: Payment, result: PaymentResult, *, fresh: bool = False, refund_failed: bool = False) -> None:
    """Lay a provider's word over `payment`, which the caller has locked and saves.

    `fresh`: it was read from the provider, and nothing was written here since. `refund_failed`: it was read because a
    refund is said to have failed. Raises InvalidResponse for another currency and for totals that cannot be.
    """
    _check(payment, result)
    before = payment.status
    if payment.provider_reference in ("", result.formerly):
        payment.provider_reference = result.provider_reference
    if payment.status == S.CANCELLED:
        note_difference(payment, result)
        return
    payment.method = result.method or payment.method
    if result.fee is not None:
        payment.fee, payment.fee_currency = result.fee, result.fee_currency or result.currency
    _apply_totals(payment, result, refund_failed=refund_failed)
    told = _settled(payment, S(result.status))
    if told in _allowed_after(payment, fresh=fresh, refund_failed=refund_failed):
        payment.status = told
        is_failure = told == S.FAILED
        payment.failure_code = result.failure_code[:100] if is_failure else ""
        payment.failure_message = result.failure_message if is_failure else ""
    payment.redirect_url = result.redirect_url or payment.redirect_url
    if result.client_secret and not payment.client_secret:
        payment.client_secret = result.client_secret
    plan_look(payment, is_news=payment.status != before)


def needs_fresh_look(payment: Payment, result: PaymentResult) -> bool:
    """Whether an event tells of a step that is believed only when the provider is asked."""
    return S(result.status) in WHEN_FRESH.get(payment.status, ())


def goes_both_ways(payment: Payment, result: PaymentResult) -> bool:
    """Whether what is told is a step that a later event may have undone already."""
    told = _settled(payment, S(result.status))
    leaves_dispute = payment.status == S.DISPUTED
    return (told in _BOTH_WAYS or leaves_dispute) and told in _allowed_after(payment, fresh=True, refund_failed=False)


def _allowed_after(payment: Payment, *, fresh: bool, refund_failed: bool) -> frozenset[str]:
    allowed = TRANSITIONS[payment.status]
    # That nobody has paid it yet makes an expired one no younger.
    if fresh and (payment.failure_code != EXPIRED or payment.amount_captured):
        allowed |= WHEN_FRESH.get(payment.status, frozenset())
    if refund_failed:
        allowed |= WHEN_REFUND_FAILED.get(payment.status, frozenset())
    if payment.status == S.DISPUTED and payment.dispute_won:
        allowed |= _PAID
    return allowed


def _check(payment: Payment, result: PaymentResult) -> None:
    if result.currency != payment.currency:
        raise InvalidResponse(
            "The provider tells of {currency}; the payment is in {currency_2}.",
            currency=result.currency,
            currency_2=payment.currency,
        )
    if payment.provider_reference not in ("", result.provider_reference, result.formerly):
        raise InvalidResponse("The provider tells of another payment than the one it was asked for.")
    captured, refunded = _totals(payment, result)
    if not 0 <= refunded <= captured <= payment.amount:
        raise InvalidResponse("The provider's totals cannot be: refunded ≤ captured ≤ amount does not hold.")


def _totals(payment: Payment, result: PaymentResult) -> tuple[Decimal, Decimal]:
    """Captured and refunded as told; where the provider does not say, as its status implies."""
    captured = result.amount_captured
    if captured is None:
        implied = payment.amount if S(result.status) in _PAID else Decimal(0)
        captured = payment.amount_captured or implied
    refunded = result.amount_refunded
    if refunded is None:
        refunded = captured if S(result.status) == S.REFUNDED else min(payment.amount_refunded, captured)
    return captured, refunded


def _apply_totals(payment: Payment, result: PaymentResult, *, refund_failed: bool) -> None:
    captured, refunded = _totals(payment, result)
    payment.amount_captured = max(payment.amount_captured, captured)
    payment.amount_refunded = refunded if refund_failed else max(payment.amount_refunded, refunded)


def _settled(payment: Payment, told: Payment.Status) -> Payment.Status:
    """Of what was captured and given back, the totals say more than the word; so does the end of a dispute."""
    if told == S.DISPUTED and payment.dispute_won:
        told = S.CAPTURED
    if told not in _PAID:
        return told
    if not payment.amount_refunded:
        return S.CAPTURED
    return S.REFUNDED if payment.amount_refunded >= payment.amount_captured else S.PARTIALLY_REFUNDED
