"""Refunds of money that came without a gateway: asked for like any other, and made when somebody has made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ..errors import Conflict, InvalidRequest
from ..models import Payment, PaymentOperation
from ..providers.events import EventType
from .announce import record_action
from .card_numbers import refuse_card_number
from .offline_news import tell_of_payment
from .offline_receipts import offline_provider
from .payment_changes import count_own_refunds

Kind, Status = PaymentOperation.Kind, PaymentOperation.Status
METHODS = ("bank_transfer", "cash", "cheque", "card", "other")


@dataclass(frozen=True)
class Repayment:
    """How the money went back: `reference` is the bank's, the receipt's or the cheque's."""

    method: str
    reference: str
    paid_on: date

    def checked(self) -> Repayment:
        if self.method not in METHODS:
            raise InvalidRequest("A refund is made by {methods}.", methods=", ".join(METHODS), field="method")
        reference = " ".join(self.reference.split())
        if not 1 <= len(reference) <= 100 or not reference.isprintable():
            raise InvalidRequest("A reference has 1 to 100 printable characters.", field="reference")
        refuse_card_number("reference", reference)
        if self.paid_on > timezone.localdate() or self.paid_on.year < 2000:
            raise InvalidRequest("The day on which it was paid lies in the past.", field="paid_on")
        return Repayment(self.method, reference, self.paid_on)


def record_refund(payment: Payment, refund_id: UUID, repayment: Repayment) -> Payment:
    """Write down that a refund that was asked for has been made. The same again changes nothing.

    Raises Conflict where it was made otherwise, or was dropped.
    """
    repayment = repayment.checked()
    with transaction.atomic():
        locked, refund = _locked(payment, refund_id)
        if refund.status == Status.SUCCEEDED and refund.provider_reference == repayment.reference:
            return locked
        _expect_open(refund)
        refund.status, refund.provider_reference = Status.SUCCEEDED, repayment.reference
        refund.raw = {**refund.raw, "method": repayment.method, "paid_on": repayment.paid_on.isoformat()}
        refund.save(update_fields=["status", "provider_reference", "raw"])
        count_own_refunds(locked)
        locked.save()
        tell_of_payment(locked, EventType.PAYMENT_REFUNDED, event_id=str(refund.pk))
        changes = {"amount": str(refund.amount), "method": repayment.method, "reference": repayment.reference}
        record_action("payment.refund_recorded", locked, {**changes, "paid_on": repayment.paid_on.isoformat()})
    return locked


def drop_refund(payment: Payment, refund_id: UUID) -> Payment:
    """Let go of a refund that was asked for and will not be made. Raises Conflict once it was."""
    with transaction.atomic():
        locked, refund = _locked(payment, refund_id)
        if refund.status != Status.CANCELLED:
            _expect_open(refund)
            refund.status = Status.CANCELLED
            refund.save(update_fields=["status"])
            record_action("payment.refund_dropped", locked, {"amount": str(refund.amount)})
    return locked


def _locked(payment: Payment, refund_id: UUID) -> tuple[Payment, PaymentOperation]:
    offline_provider(payment)
    locked = Payment.objects.select_for_update().get(pk=payment.pk)
    refund = locked.operations.filter(kind=Kind.REFUND, pk=refund_id).first()
    if refund is None:
        raise InvalidRequest("This payment has no such refund.", field="refund")
    return locked, refund


def _expect_open(refund: PaymentOperation) -> None:
    if refund.status != Status.PENDING:
        raise Conflict("This refund is {status} already.", status=refund.status)
