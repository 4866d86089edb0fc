"""Closing operations whose answer never came, or left them open, by what the provider has said of the payment since.

A refund is known by its own reference, or by our key, where the provider lists refunds; otherwise by the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from ..models import Payment, PaymentOperation
from ..providers.results import PaymentResult, RefundResult, RefundStatus

Kind, Status = PaymentOperation.Kind, PaymentOperation.Status
# After so long, an operation that the provider's own state does not show has not happened.
NO_EFFECT_AFTER = timedelta(minutes=10)
_ENDED_WITHOUT = frozenset({RefundStatus.FAILED, RefundStatus.CANCELLED})


def settle_operations(payment: Payment, told: PaymentResult | None) -> None:
    """End the pending operations of which `told` tells the end, and those that the payment's state, locked by the
    caller, proves to have succeeded."""
    pending = list(payment.operations.filter(status=Status.PENDING).order_by("id"))
    refunds = told.refunds if told else ()
    untold = [operation for operation in pending if not _is_told(operation, refunds)]
    if not untold:
        return
    unexplained = payment.amount_refunded - _refunded_by_us(payment)
    for operation in untold:
        if _is_proven(operation, payment, unexplained):
            if operation.kind == Kind.REFUND:
                unexplained -= operation.amount or Decimal(0)
            operation.status, operation.error_code, operation.error_message = Status.SUCCEEDED, "", ""
            operation.save(update_fields=["status", "error_code", "error_message"])


def has_open_refunds(payment: Payment) -> bool:
    return bool(payment.operations.filter(kind=Kind.REFUND, status=Status.PENDING).exists())


def refunds_sent_back(payment: Payment, told: PaymentResult) -> list[PaymentOperation]:
    """Ours that had succeeded, and that the provider now lists as ended otherwise."""
    ended = {refund.provider_reference for refund in told.refunds if refund.status in _ENDED_WITHOUT}
    if not ended:
        return []
    succeeded = payment.operations.filter(kind=Kind.REFUND, status=Status.SUCCEEDED)
    return list(succeeded.filter(provider_reference__in=ended))


def fail_sent_back(refunds: Iterable[PaymentOperation]) -> None:
    for refund in refunds:
        refund.status, refund.error_code = Status.FAILED, "sent_back"
        refund.error_message = "The payer's bank sent the refund back."
        refund.save(update_fields=["status", "error_code", "error_message"])


def fail_refunds_sent_back(payment: Payment) -> None:
    """After a refund failed at the payer's bank: mark the newest of ours as failed, until the rest fit the total."""
    surplus = _refunded_by_us(payment) - payment.amount_refunded
    for refund in payment.operations.filter(kind=Kind.REFUND, status=Status.SUCCEEDED).order_by("-id"):
        if surplus <= 0:
            return
        surplus -= refund.amount or Decimal(0)
        fail_sent_back([refund])


def drop_operations_without_effect(payment: Payment, told: PaymentResult) -> None:
    """Fail those that, long after they were asked for, a state fresh from the provider does not show.

    A refund stays open where the provider does not tell of refunds: what it does not show may have been made.
    """
    kinds = [Kind.CAPTURE, Kind.VOID] if told.amount_refunded is None else [Kind.CAPTURE, Kind.VOID, Kind.REFUND]
    _fail_without_effect(payment, kinds)


def fail_changes_without_effect(payment: Payment) -> None:
    """Of a payment that the provider does not show: nobody has captured it or made it void."""
    _fail_without_effect(payment, [Kind.CAPTURE, Kind.VOID])


def _fail_without_effect(payment: Payment, kinds: Sequence[PaymentOperation.Kind]) -> None:
    payment.operations.filter(
        kind__in=kinds,
        status=Status.PENDING,
        provider_reference="",
        created_at__lt=timezone.now() - NO_EFFECT_AFTER,
    ).update(
        status=Status.FAILED, error_code="no_effect", error_message="The provider shows no trace of this operation."
    )


def _is_told(operation: PaymentOperation, refunds: Iterable[RefundResult]) -> bool:
    """Whether the refund is one of those that the provider lists; its end is then written down, if it has one."""
    refund = next((one for one in refunds if _is_same(operation, one)), None)
    if refund is None:
        return False
    is_failed = refund.status is RefundStatus.FAILED
    operation.provider_reference, operation.status = refund.provider_reference, Status(refund.status.value)
    operation.error_code = "refund_failed" if is_failed else ""
    operation.error_message = refund.failure_message
    operation.save(update_fields=["provider_reference", "status", "error_code", "error_message"])
    return True


def _is_same(operation: PaymentOperation, refund: RefundResult) -> bool:
    if operation.kind != Kind.REFUND:
        return False
    if operation.provider_reference:
        return bool(operation.provider_reference == refund.provider_reference)
    return refund.idempotency_key == str(operation.pk)


def _is_proven(operation: PaymentOperation, payment: Payment, unexplained: Decimal) -> bool:
    match operation.kind:
        case Kind.CREATE:
            return bool(payment.provider_reference) and payment.status != Payment.Status.FAILED
        case Kind.CAPTURE:
            return bool(payment.amount_captured > 0)
        case Kind.VOID:
            return payment.status == Payment.Status.CANCELLED
        case Kind.REFUND:
            return operation.amount is not None and operation.amount <= unexplained
    return False


def _refunded_by_us(payment: Payment) -> Decimal:
    succeeded = payment.operations.filter(kind=Kind.REFUND, status=Status.SUCCEEDED)
    return succeeded.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
