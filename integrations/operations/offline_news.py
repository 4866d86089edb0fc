"""Payments without a gateway are told of by ourselves, so that a program hears of them as it does of a card's."""

from __future__ import annotations

from dataclasses import replace

from django.utils import timezone

from ..gateway import standing_of
from ..models import Payment
from ..providers.events import EventType
from ..providers.offline_events import statement_of
from ..signals import offline_payment_changed
from .payment_attempts import payment_provider


def tell_of_payment(payment: Payment, event_type: EventType, *, event_id: str) -> None:
    """Tell what a payment, written by the caller in the open transaction, has come to; nothing where a gateway does.

    `event_id` is the same for the same change.
    """
    connection = payment.connection
    if connection is None or not payment_provider(connection).is_offline:
        return
    standing = replace(standing_of(payment), failure_code=payment.failure_code, failure_message=payment.failure_message)
    statement = statement_of(
        event_type,
        standing,
        event_id=event_id,
        at=timezone.now(),
        payment=str(payment.pk),
        reference=payment.reference,
    )
    offline_payment_changed.send(sender=Payment, connection=connection, statement=statement)
