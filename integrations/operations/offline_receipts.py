"""Money that came without a gateway: what people say has arrived is written into the payment, once for each reference.

Each is one short transaction under the payment's lock. Of what arrives nothing is lost: less than was ordered leaves
the payment open unless it settles it, and more, or what comes after a payment was cancelled, marks a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from ..errors import Conflict, InvalidRequest, NotSupported
from ..gateway import standing_of
from ..models import Payment, PaymentOperation
from ..money import parse_amount
from ..providers.events import EventType
from ..providers.offline import OfflinePaymentProvider
from ..providers.results import PaymentStatus
from .announce import record_action
from .card_numbers import refuse_card_number
from .locks import lock_until_commit
from .offline_news import tell_of_payment
from .payment_attempts import payment_provider
from .payment_differences import mark
from .payment_states import ALLOWED_IN, apply_result

Kind, Status, Difference = PaymentOperation.Kind, PaymentOperation.Status, Payment.Difference
OPEN = frozenset({Payment.Status.PENDING, Payment.Status.REQUIRES_ACTION})
_OLDEST = timedelta(days=3650)


@dataclass(frozen=True)
class Receipt:
    """Money that has arrived: `reference` is the bank's or the courier's, and `settles`: no more will come.

    `fee` is what the courier has kept of it.
    """

    amount: str
    currency: str
    reference: str
    received_on: date
    settles: bool = False
    fee: Decimal | None = None

    def checked(self) -> Receipt:
        """With the reference as it is kept. Raises InvalidRequest naming the field that is wrong."""
        reference = " ".join(self.reference.split())
        if not 1 <= len(reference) <= 100 or not reference.isprintable():
            raise InvalidRequest("A reference has 1 to 100 printable characters.", field="reference")
        today = timezone.localdate()
        if not today - _OLDEST <= self.received_on <= today:
            raise InvalidRequest("The day on which it arrived lies in the past.", field="received_on")
        return replace(self, reference=reference)


def offline_provider(payment: Payment) -> OfflinePaymentProvider:
    """Raises NotSupported for a payment that a gateway takes, whose word alone counts."""
    provider = payment_provider(payment.connection) if payment.connection else None
    if not isinstance(provider, OfflinePaymentProvider):
        raise NotSupported("Only payments that no gateway takes are confirmed by hand.")
    return provider


def is_offline(payment: Payment) -> bool:
    try:
        return bool(offline_provider(payment))
    except NotSupported:
        return False


def confirm_payment(payment: Payment, receipt: Receipt) -> Payment:
    """Write down that money has arrived. The same reference with the same amount again changes nothing, but that it may
    settle what is open for the rest.

    Raises NotSupported where a gateway takes the payment, InvalidRequest for another currency than the payment's, and
    Conflict where the reference was used for another receipt, or for another payment.
    """
    provider, receipt = offline_provider(payment), receipt.checked()
    refuse_card_number("reference", receipt.reference)  # of a person; couriers' numbers may be as long, and right
    with transaction.atomic():
        if not provider.is_handed_over_once:
            lock_until_commit("receipt", payment.connection_id, receipt.reference)
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        return book_receipt(locked, receipt, provider)


def book_receipt(locked: Payment, receipt: Receipt, provider: OfflinePaymentProvider) -> Payment:
    """The part of `confirm_payment` that writes, of a payment that the caller has locked. What it raises, it raises
    before anything is changed."""
    amount = _amount_of(locked, receipt)
    if not locked.provider_reference:
        raise Conflict("This payment is still being created: try again in a minute.")
    before, status = _received(locked), locked.status
    if _was_booked(locked, receipt, amount, provider):
        return _settle(locked, before, receipt, provider)
    is_told_again = provider.is_handed_over_once and before > 0
    received = amount if is_told_again else before + amount
    if not is_told_again and locked.status != Payment.Status.CANCELLED:
        _take_in(locked, received, receipt, provider)
    _mark(locked, received, told_before=before if is_told_again else None)
    locked.save()
    booked = _note(locked, receipt, amount, told_again=is_told_again)
    if locked.status == Payment.Status.CAPTURED != status:
        tell_of_payment(locked, EventType.PAYMENT_SUCCEEDED, event_id=str(booked.pk))
    changes = {"amount": str(amount), "currency": receipt.currency, "reference": receipt.reference}
    more = {"received_on": receipt.received_on.isoformat(), "status": locked.status, "difference": locked.difference}
    record_action("payment.confirmed", locked, {**changes, **more})
    return locked


def refuse_payment(payment: Payment, *, reason: str, reference: str = "") -> Payment:
    """Cancel a payment that will not be made: nothing came, or the parcel was refused at the door. Twice is once.

    Raises NotSupported as `confirm_payment`, InvalidRequest without a reason, and Conflict once money has arrived.
    """
    offline_provider(payment)
    reason = " ".join(reason.split())
    if not 1 <= len(reason) <= 255 or not reason.isprintable():
        raise InvalidRequest("Say why, in 1 to 255 printable characters.", field="reason")
    refuse_card_number("reason", reason)
    with transaction.atomic():
        return book_refusal(Payment.objects.select_for_update().get(pk=payment.pk), reason, reference)


def book_refusal(locked: Payment, reason: str, reference: str = "") -> Payment:
    """The part of `refuse_payment` that writes, of a payment that the caller has locked."""
    if locked.status == Payment.Status.CANCELLED:
        return locked
    if locked.amount_captured or locked.status not in ALLOWED_IN[Kind.VOID] | {Payment.Status.FAILED}:
        raise Conflict("Money has arrived for this payment: confirm it and give it back instead.")
    locked.status = Payment.Status.CANCELLED
    locked.failure_code, locked.failure_message = "refused", reason
    locked.save()
    refused = locked.operations.create(
        organization_id=locked.organization_id,
        kind=Kind.VOID,
        status=Status.SUCCEEDED,
        provider_reference=reference[:255],
        raw={"reason": reason},
    )
    tell_of_payment(locked, EventType.PAYMENT_CANCELLED, event_id=str(refused.pk))
    record_action("payment.refused", locked, {"reason": reason, "reference": reference})
    return locked


def _amount_of(locked: Payment, receipt: Receipt) -> Decimal:
    if receipt.currency != locked.currency:
        raise InvalidRequest(
            "The payment is in {currency}: confirm what it came to in {currency}.",
            currency=locked.currency,
            field="currency",
        )
    return parse_amount(receipt.amount, locked.currency)


def _was_booked(locked: Payment, receipt: Receipt, amount: Decimal, provider: OfflinePaymentProvider) -> bool:
    """Raises Conflict where the reference stands for something else. A courier's may stand for a round of parcels."""
    earlier = locked.operations.filter(kind=Kind.CAPTURE, idempotency_key=receipt.reference).first()
    if earlier is not None:
        if earlier.amount != amount:
            raise Conflict("This reference was confirmed before, with another amount.", field="reference")
        return True
    elsewhere = PaymentOperation.objects.filter(
        payment__connection=locked.connection, kind=Kind.CAPTURE, idempotency_key=receipt.reference
    )
    if not provider.is_handed_over_once and elsewhere.exists():
        raise Conflict("This reference has confirmed another payment.", field="reference")
    return False


def _received(locked: Payment) -> Decimal:
    booked = locked.operations.filter(kind=Kind.CAPTURE, status=Status.SUCCEEDED)
    return booked.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _take_in(locked: Payment, received: Decimal, receipt: Receipt, provider: OfflinePaymentProvider) -> None:
    """What is more than the payment is not the payment's: it is noted, and marked, and for a person to give back."""
    is_all = received >= locked.amount or receipt.settles or provider.is_handed_over_once
    waiting = PaymentStatus.PENDING if provider.is_handed_over_once else PaymentStatus.REQUIRES_ACTION
    told = replace(
        standing_of(locked),
        status=PaymentStatus.CAPTURED if is_all else waiting,
        amount_captured=min(received, locked.amount),
        fee=receipt.fee,
    )
    apply_result(locked, told, fresh=True)


def _settle(locked: Payment, received: Decimal, receipt: Receipt, provider: OfflinePaymentProvider) -> Payment:
    """Take what has arrived as all that will, if that is what is said now."""
    if receipt.settles and locked.status in OPEN:
        _take_in(locked, received, receipt, provider)
        locked.save()
        tell_of_payment(locked, EventType.PAYMENT_SUCCEEDED, event_id=f"{locked.pk}:settled")
        record_action("payment.settled", locked, {"received": str(received), "reference": receipt.reference})
    return locked


def _mark(locked: Payment, received: Decimal, *, told_before: Decimal | None) -> None:
    if locked.status == Payment.Status.CANCELLED:
        mark(locked, Difference.PAID_AFTER_END)
    elif told_before is not None:
        mark(locked, locked.difference if received == told_before else Difference.CAPTURED)
    elif received == locked.amount:
        mark(locked, "")
    else:
        mark(locked, Difference.UNDERPAID if received < locked.amount else Difference.OVERPAID)


def _note(locked: Payment, receipt: Receipt, amount: Decimal, *, told_again: bool) -> PaymentOperation:
    """What a courier tells twice is noted as no more than told: it is not more money."""
    noted: PaymentOperation = locked.operations.create(
        organization_id=locked.organization_id,
        kind=Kind.CAPTURE,
        status=Status.CANCELLED if told_again else Status.SUCCEEDED,
        amount=amount,
        provider_reference=receipt.reference,
        idempotency_key=receipt.reference,
        error_code="told_again" if told_again else "",
        raw={"received_on": receipt.received_on.isoformat(), "settles": receipt.settles},
    )
    return noted
