"""Disputes as the gateways tell of them: a row each, beside the payment whose state they change.

The word of a sender that is known is enough, though it prove nothing of the content: to call a payment disputed, or its
dispute over, moves no money. A hint, which anybody may have sent, changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.utils import timezone

from ..models import Payment, PaymentDispute
from ..providers.events import EventType, NormalizedEvent, Trust
from .payment_look_plan import plan_look

_STATUSES = {
    EventType.PAYMENT_DISPUTED: PaymentDispute.Status.OPEN,
    EventType.PAYMENT_DISPUTE_WON: PaymentDispute.Status.WON,
    EventType.PAYMENT_DISPUTE_LOST: PaymentDispute.Status.LOST,
}
_AT_STAKE = (Payment.Status.CAPTURED, Payment.Status.PARTIALLY_REFUNDED)


def follow_dispute(payment: Payment, event: NormalizedEvent, trust: Trust) -> None:
    """Remember, before the payment's state is laid over it, whether all its disputes are won: gateways call a payment
    disputed for ever, whoever won, or never."""
    if not _is_news(payment, event, trust):
        return
    moment = _moment(event)
    payment.dispute_known_as_of = max(moment, payment.dispute_known_as_of or moment)
    is_won = event.type is EventType.PAYMENT_DISPUTE_WON
    others = payment.disputes.exclude(provider_reference=_reference(event))
    payment.dispute_won = is_won and not others.exclude(status=PaymentDispute.Status.WON).exists()


def mark_as_disputed(payment: Payment, event: NormalizedEvent, trust: Trust) -> None:
    """After its state was laid over it, where the gateway does not say of the payment itself that it is disputed."""
    is_disputed = event.type is not EventType.PAYMENT_DISPUTE_WON and _is_news(payment, event, trust)
    if is_disputed and payment.status in _AT_STAKE:
        payment.status = Payment.Status.DISPUTED
        plan_look(payment, is_news=True)


def record_dispute(payment: Payment, event: NormalizedEvent, trust: Trust) -> None:
    """Write down what a dispute's event says, in the caller's transaction, which holds the payment's lock.

    One that is older than what is known changes nothing.
    """
    status = _STATUSES.get(event.type)
    if status is None or trust is Trust.HINT:
        return
    told = event.attributes
    moment = _moment(event)
    dispute, _ = PaymentDispute.objects.get_or_create(
        payment=payment,
        provider_reference=_reference(event),
        defaults={"organization_id": payment.organization_id},
    )
    if dispute.known_as_of is not None and moment < dispute.known_as_of:
        return
    is_open = status == PaymentDispute.Status.OPEN
    dispute.status, dispute.known_as_of = status, moment
    dispute.opened_at = dispute.opened_at or (moment if is_open else None)
    dispute.closed_at = None if is_open else moment
    dispute.reason = str(told.get("dispute_reason") or dispute.reason)[:100]
    dispute.amount = _amount(told.get("dispute_amount")) or dispute.amount or payment.amount_captured
    dispute.currency = str(told.get("dispute_currency") or dispute.currency or payment.currency)
    dispute.respond_by = _time(told.get("respond_by")) or dispute.respond_by
    dispute.save()


def _is_news(payment: Payment, event: NormalizedEvent, trust: Trust) -> bool:
    """Of the newest dispute, or of one that was not heard of yet."""
    if event.type not in _STATUSES or trust is Trust.HINT:
        return False
    if payment.dispute_known_as_of is None or _moment(event) >= payment.dispute_known_as_of:
        return True
    return not payment.disputes.filter(provider_reference=_reference(event)).exists()


def _moment(event: NormalizedEvent) -> datetime:
    """When it happened; of one that does not say, when it came, which is the same however often it is replayed."""
    return event.occurred_at or event.received_at or timezone.now()


def _reference(event: NormalizedEvent) -> str:
    return str(event.attributes.get("dispute") or "")[:255]


def _amount(told: object) -> Decimal | None:
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 else None


def _time(told: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
