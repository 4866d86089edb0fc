"""Gateways that may show nothing of a payment before somebody has paid it: not to be found is to be unpaid there."""

from __future__ import annotations

from django.db import transaction

from ..errors import Rejected
from ..models import Payment
from .payment_attempts import payment_provider
from .payment_differences import mark
from .payment_settlement import fail_changes_without_effect

S = Payment.Status
_NOT_FOUND = 404
_UNPAID = frozenset({S.PENDING, S.REQUIRES_ACTION, S.FAILED, S.CANCELLED})


def is_not_found(refusal: Rejected) -> bool:
    return refusal.provider_status == _NOT_FOUND


def is_still_unpaid(payment: Payment, refusal: Rejected) -> bool:
    """Whether the gateway's not finding it says no more than that: what was authorised or paid it would show."""
    if not is_not_found(refusal) or payment.connection is None or payment.amount_captured:
        return False
    return payment.status in _UNPAID and not payment_provider(payment.connection).shows_unpaid


def leave_unpaid(payment: Payment) -> Payment:
    """The payment as it is, but for a mark that it is missing, and for changes that show no effect."""
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        fail_changes_without_effect(locked)
        if locked.difference == Payment.Difference.MISSING:
            mark(locked, "")
            locked.save(update_fields=["difference", "difference_seen_at", "updated_at"])
    return locked
