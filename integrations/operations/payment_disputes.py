"""Disputes as the gateways tell of them: a row each, beside the payment whose state they change."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.utils import timezone

from ..models import Payment, PaymentDispute
from ..providers.events import EventType, NormalizedEvent, Trust

_STATUSES = {
    EventType.PAYMENT_DISPUTED: PaymentDispute.Status.OPEN,
    EventType.PAYMENT_DISPUTE_WON: PaymentDispute.Status.WON,
    EventType.PAYMENT_DISPUTE_LOST: PaymentDispute.Status.LOST,
}


def record_dispute(payment: Payment, event: NormalizedEvent, trust: Trust) -> None:
    """Write down what a dispute's event says, in the caller's transaction, which holds the payment's lock.

    One that is older than what is known changes nothing, and a hint, which anybody may have sent, never does.
    """
    status = _STATUSES.get(event.type)
    if status is None or trust is Trust.HINT:
        return
    told = event.attributes
    moment = event.occurred_at or timezone.now()
    dispute, _ = PaymentDispute.objects.get_or_create(
        payment=payment,
        provider_reference=str(told.get("dispute") or "")[:255],
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
