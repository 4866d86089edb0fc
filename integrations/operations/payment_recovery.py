"""Payments that nobody waits for any more: a process died, or an answer was lost, and no event has told the end."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from ..errors import IntegrationError
from ..models import Connection, Payment
from ..tenancy import acting_for
from .announce import record_action
from .payment_attempts import ABANDONED_AFTER, payment_provider
from .payment_differences import mark
from .payment_order import stored_request
from .payment_states import EXPIRED
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


def give_up_on_unanswered_payments() -> int:
    """Those of which nobody can tell any more: where creating them charges, money may have been taken, and a person has
    to look; the others can be paid by nobody, and have failed."""
    old = Payment.objects.filter(
        status=Payment.Status.PENDING,
        provider_reference="",
        difference="",
        organization__is_active=True,
        created_at__lte=timezone.now() - _GIVEN_UP_AFTER,
    )
    count = 0
    for payment in old.order_by("pk")[:_AT_ONCE]:
        with acting_for(payment.organization_id):
            _give_up(payment)
            count += 1
    return count


def _give_up(payment: Payment) -> None:
    was_asked = any(attempt["outcome"] == "unknown" for attempt in payment.attempts) or not payment.attempts
    connection = payment.connection
    may_be_taken = was_asked and connection is not None and _charges(payment, connection)
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        if locked.status != Payment.Status.PENDING or locked.provider_reference:
            return
        if may_be_taken:
            mark(locked, Payment.Difference.NEVER_ANSWERED)
        else:
            locked.status = Payment.Status.FAILED
            locked.failure_code, locked.failure_message = EXPIRED, "The gateway never answered."
        locked.save()
        record_action("payment.given_up", locked, {"status": locked.status, "difference": locked.difference})


def _charges(payment: Payment, connection: Connection) -> bool:
    return payment_provider(connection).charges_at_once(stored_request(payment))


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
