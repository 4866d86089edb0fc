"""Closing operations whose answer never came, by what the provider has said of the payment since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from ..models import Payment, PaymentOperation
from ..providers.results import PaymentResult

Kind, Status = PaymentOperation.Kind, PaymentOperation.Status
# After so long, an operation that the provider's own state does not show has not happened.
NO_EFFECT_AFTER = timedelta(minutes=10)


def settle_operations(payment: Payment) -> None:
    """Mark as succeeded the pending operations that the payment's state, locked by the caller, proves."""
    pending = list(payment.operations.filter(status=Status.PENDING).order_by("id"))
    if not pending:
        return
    unexplained = payment.amount_refunded - _refunded_by_us(payment)
    for operation in pending:
        if _is_proven(operation, payment, unexplained):
            if operation.kind == Kind.REFUND:
                unexplained -= operation.amount or Decimal(0)
            operation.status, operation.error_code, operation.error_message = Status.SUCCEEDED, "", ""
            operation.save(update_fields=["status", "error_code", "error_message"])


def fail_refunds_sent_back(payment: Payment) -> None:
    """After a refund failed at the payer's bank: mark the newest of ours as failed, until the rest fit the total."""
    surplus = _refunded_by_us(payment) - payment.amount_refunded
    for refund in payment.operations.filter(kind=Kind.REFUND, status=Status.SUCCEEDED).order_by("-id"):
        if surplus <= 0:
            return
        surplus -= refund.amount or Decimal(0)
        refund.status, refund.error_code = Status.FAILED, "sent_back"
        refund.error_message = "The payer's bank sent the refund back."
        refund.save(update_fields=["status", "error_code", "error_message"])


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
