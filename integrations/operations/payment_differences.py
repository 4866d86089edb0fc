"""Where a gateway's books and ours do not agree: marked on the payment, for a person to look at."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Q
from django.utils import timezone

from ..models import Payment, PaymentOperation
from ..providers.events import EventType, NormalizedEvent
from ..providers.results import PaymentResult, PaymentStatus

Difference = Payment.Difference
_PAID = frozenset({PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})


def note_difference(payment: Payment, result: PaymentResult) -> None:
    """Mark what `result`, the gateway's word of now, has otherwise; take the mark off where all agrees. Not saved."""
    told = difference_of(payment, result)
    is_unsaid = payment.difference == Difference.REFUNDED and result.amount_refunded is None
    mark(payment, told or (payment.difference if is_unsaid else ""))


def note_unseen_refund(payment: Payment, event: NormalizedEvent, result: PaymentResult) -> None:
    """Mark a payment of which `event` tells a refund that is none of ours, where `result` does not tell of refunds.

    While the answer to one of ours is awaited, it may be that one.
    """
    if event.type is not EventType.PAYMENT_REFUNDED or not event.refund or result.amount_refunded is not None:
        return
    refunds = payment.operations.filter(kind=PaymentOperation.Kind.REFUND)
    awaited = Q(status=PaymentOperation.Status.PENDING, provider_reference="")
    if not refunds.filter(awaited | Q(provider_reference=event.refund)).exists():
        mark(payment, Difference.REFUNDED)


def difference_of(payment: Payment, result: PaymentResult) -> str:
    """A total that is larger there is news, which is laid over ours. One that is smaller cannot be."""
    if result.currency != payment.currency or result.amount != payment.amount:
        return Difference.AMOUNT
    captured = payment.amount_captured if result.amount_captured is None else result.amount_captured
    refunded = payment.amount_refunded if result.amount_refunded is None else result.amount_refunded
    if payment.status == Payment.Status.CANCELLED and _keeps_money(result, captured, refunded):
        return Difference.PAID_AFTER_END
    if not captured >= payment.amount_captured or captured > payment.amount:
        return Difference.CAPTURED
    if not payment.amount_refunded <= refunded <= captured:
        return Difference.REFUNDED
    return ""


def mark(payment: Payment, difference: str) -> None:
    """The time is that of the first look that saw it."""
    if payment.difference != difference:
        payment.difference = difference
        payment.difference_seen_at = timezone.now() if difference else None


def _keeps_money(result: PaymentResult, captured: Decimal, refunded: Decimal) -> bool:
    is_paid = captured > 0 or result.status in _PAID
    return is_paid and result.status is not PaymentStatus.REFUNDED and not (captured and refunded >= captured)
