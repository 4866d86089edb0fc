"""Payments that nobody waits for any more: a process died, or an answer was lost, and no event has told the end."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from ..errors import IntegrationError
from ..models import Payment
from ..tenancy import acting_for
from .payment_attempts import ABANDONED_AFTER
from .payments import sync_payment

logger = logging.getLogger(__name__)
_AT_ONCE = 50
_GIVEN_UP_AFTER = timedelta(days=3)


def abandoned_payments() -> QuerySet[Payment]:
    """Pending without the provider's reference, and untouched for two minutes; then for as long again as they are old.

    Those that are too old to be asked for again under the same key are a person's to look at.
    """
    now = timezone.now()
    age = ExpressionWrapper(F("updated_at") - F("created_at"), output_field=DurationField())
    patience = Greatest(Value(ABANDONED_AFTER, output_field=DurationField()), age)
    return Payment.objects.alias(
        due_at=ExpressionWrapper(F("updated_at") + patience, output_field=DateTimeField())
    ).filter(
        status=Payment.Status.PENDING,
        provider_reference="",
        organization__is_active=True,
        created_at__gt=now - _GIVEN_UP_AFTER,
        due_at__lt=now,
    )


def resume_abandoned_payments() -> int:
    """Ask for each again, as the same charge; returns how many are settled. Safe to repeat, and twice at once."""
    settled = 0
    for payment in abandoned_payments().order_by("updated_at")[:_AT_ONCE]:
        with acting_for(payment.organization_id):
            settled += _resume(payment)
    return settled


def _resume(payment: Payment) -> bool:
    try:
        is_settled = sync_payment(payment).status != Payment.Status.PENDING
    except IntegrationError as error:
        logger.warning("Payment %s is still open: %s", payment.pk, error.code)
        is_settled = False
    if not is_settled:
        still_open = Payment.objects.filter(pk=payment.pk, status=Payment.Status.PENDING)
        still_open.update(updated_at=timezone.now())
    return is_settled
