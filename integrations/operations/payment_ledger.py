"""The payments that a batch of events concerns: locked and read together, changed in memory, written together.

Three statements for as many payments as there are. The caller has a transaction open, and one that fails is retried
with each event by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from ..models import Connection, Payment, PaymentOperation
from ..providers.events import NormalizedEvent

OUR_ID = "hub_payment"  # in the metadata that the provider keeps, so that its events find a payment with no reference

# What an event may change of a payment.
_TOLD = (
    "provider_reference", "status", "amount_captured", "amount_refunded", "failure_code", "failure_message",
    "redirect_url", "client_secret", "known_as_of", "dispute_known_as_of", "dispute_won", "method", "fee",
    "fee_currency", "difference", "difference_seen_at", "next_look_at", "looks",
)  # fmt: skip
_standing = attrgetter(*_TOLD)
_UPDATE = """
UPDATE payments SET
    provider_reference = told.provider_reference, status = told.status, amount_captured = told.amount_captured,
    amount_refunded = told.amount_refunded, failure_code = told.failure_code, failure_message = told.failure_message,
    redirect_url = told.redirect_url, client_secret = told.client_secret, known_as_of = told.known_as_of,
    dispute_known_as_of = told.dispute_known_as_of, dispute_won = told.dispute_won, method = told.method,
    fee = told.fee, fee_currency = told.fee_currency, difference = told.difference,
    difference_seen_at = told.difference_seen_at, next_look_at = told.next_look_at, looks = told.looks, updated_at = %s
FROM jsonb_to_recordset(%s::jsonb) AS told (
    id uuid, provider_reference text, status text, amount_captured numeric, amount_refunded numeric, failure_code text,
    failure_message text, redirect_url text, client_secret text, known_as_of timestamptz,
    dispute_known_as_of timestamptz, dispute_won boolean, method text, fee numeric, fee_currency text, difference text,
    difference_seen_at timestamptz, next_look_at timestamptz, looks smallint
) WHERE payments.id = told.id
"""

Told = tuple[Connection, NormalizedEvent]


class PaymentLedger:
    """What is changed of its payments, and noted of them, is written by `save`."""

    def __init__(self, told: Sequence[Told]) -> None:
        self._payments = _lock(told)
        self._before = {payment.pk: _standing(payment) for payment in self._payments}
        self._notes: list[PaymentOperation] = []

    def find(self, connection: Connection, event: NormalizedEvent) -> Payment | None:
        """By the provider's reference; or by our id, for a payment whose creation was never answered, or where the
        event is about a part of it (a capture) and does not itself say how the payment stands."""
        if not event.subject:
            return None
        ours = [payment for payment in self._payments if payment.connection_id == connection.pk]
        for payment in ours:
            if payment.provider_reference == event.subject:
                return payment
        key = _our_id(event)
        for payment in ours:
            if payment.pk == key and (not payment.provider_reference or event.payment is None):
                return payment
        return None

    def undo(self, payment: Payment, standing: Sequence[Any]) -> None:
        for name, value in zip(_TOLD, standing, strict=True):
            setattr(payment, name, value)

    def standing(self, payment: Payment) -> Sequence[Any]:
        standing: Sequence[Any] = _standing(payment)
        return standing

    def note(self, operation: PaymentOperation) -> None:
        """Add to a payment's story, once for each key."""
        self._notes.append(operation)

    def save(self) -> None:
        """An event that told nothing new writes no payment, and so makes nobody's look at it out of date."""
        changed = [payment for payment in self._payments if _standing(payment) != self._before[payment.pk]]
        if changed:
            _update(changed)
        if self._notes:
            PaymentOperation.objects.bulk_create(self._notes, ignore_conflicts=True)


def _lock(told: Sequence[Told]) -> list[Payment]:
    """In the order of their keys, so that two workers never wait for each other in a circle.

    Whether a payment has open operations is read along. One that is written down while this waits for the lock escapes
    it; but then it has not been asked for yet, and no event can prove it.
    """
    concerned = Q(provider_reference__in={event.subject for _, event in told if event.subject})
    if keys := {key for _, event in told if (key := _our_id(event)) is not None}:
        concerned |= Q(pk__in=keys)
    pending = PaymentOperation.objects.filter(payment=OuterRef("pk"), status=PaymentOperation.Status.PENDING)
    ours = Payment.objects.filter(concerned, connection__in={connection.pk for connection, _ in told})
    return list(ours.annotate(has_open_operations=Exists(pending)).select_for_update(of=("self",)).order_by("pk"))


def _our_id(event: NormalizedEvent) -> UUID | None:
    raw: Mapping[str, Any] = event.payment.raw if event.payment else {}
    metadata = raw.get("metadata")
    told = event.payment_id or (metadata.get(OUR_ID) if isinstance(metadata, Mapping) else "")
    try:
        return UUID(str(told))
    except ValueError:
        return None


def _update(payments: Sequence[Payment]) -> None:
    now = timezone.now()
    rows = json.dumps([_row(payment) for payment in payments], default=str)
    with database.cursor() as cursor:
        cursor.execute(_UPDATE, [now, rows])
    for payment in payments:
        payment.updated_at = now


def _row(payment: Payment) -> dict[str, Any]:
    sealed: Any = Payment._meta.get_field("client_secret")
    told = dict(zip(_TOLD, _standing(payment), strict=True))
    return {**told, "id": payment.pk, "client_secret": sealed.get_prep_value(payment.client_secret)}
