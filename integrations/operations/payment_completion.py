"""Gateways where the payer only agrees: the money is taken by a call of ours, made when a look finds that they have.

A look may be repeated, may break off after that call, and may happen twice at once. So the call goes out under one key
until an answer to it was written down, and only for a payment that is still open here.
"""

from __future__ import annotations

import uuid

from django.db.models import Q, QuerySet

from ..errors import InvalidResponse
from ..gateway import client_for
from ..models import Connection, Payment, PaymentOperation
from ..providers.results import PaymentResult, PaymentStatus
from .payment_attempts import payment_provider
from .payment_states import EXPIRED

_OPEN = (Payment.Status.PENDING, Payment.Status.REQUIRES_ACTION, Payment.Status.FAILED)
_TIMEOUT_SECONDS = 12.0


def complete_payment(connection: Connection, agreed: PaymentResult, own_id: str = "") -> PaymentResult:
    """What became of a payment whose payer has agreed: taken, authorised, declined; or as it was, where it is not ours,
    or was given up here, by a person or since its time was over. With a void of it under way nothing is taken either,
    nor where it is authorised and was ordered to wait.

    Raises InvalidResponse when other money was agreed to than was ordered, and what the call raises: then the payment
    is to be looked at again. No transaction may be open.
    """
    payment = _still_open(connection, agreed.provider_reference, own_id).first()
    if payment is None or (agreed.status is PaymentStatus.AUTHORISED and not _captures(payment)):
        return agreed
    if (agreed.amount, agreed.currency) != (payment.amount, payment.currency):
        raise InvalidResponse("The payer has agreed to another amount than was ordered.")
    client = client_for(connection, operation="complete_payment", timeout_seconds=_TIMEOUT_SECONDS)
    return payment_provider(connection).complete_payment(
        client,
        agreed.provider_reference,
        capture=_captures(payment),
        idempotency_key=_key(payment, agreed),
    )


def _captures(payment: Payment) -> bool:
    return bool(payment.capture_mode == Payment.CaptureMode.AUTOMATIC)


def _still_open(connection: Connection, provider_reference: str, own_id: str) -> QuerySet[Payment]:
    """By the provider's reference; by our own id where the answer that had it was lost."""
    named = Q(provider_reference=provider_reference)
    if key := _as_uuid(own_id):
        named |= Q(pk=key, provider_reference="")
    voids = PaymentOperation.objects.filter(kind=PaymentOperation.Kind.VOID, status=PaymentOperation.Status.PENDING)
    still_open = Payment.objects.filter(named, connection=connection, status__in=_OPEN)
    return still_open.exclude(operations__in=voids).exclude(failure_code=EXPIRED)


def _key(payment: Payment, agreed: PaymentResult) -> str:
    """The order's own, so that a lost answer is asked for again; after a decline another, as the payer tries again."""
    is_declined = payment.status == Payment.Status.FAILED
    return (
        f"{agreed.provider_reference}:{payment.updated_at:%Y%m%d%H%M%S%f}" if is_declined else agreed.provider_reference
    )


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
