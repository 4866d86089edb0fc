"""Capture, void and refund: each is written down before it is asked for, and asked for under a key of its own."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from ..errors import Conflict, IntegrationError, InvalidRequest, InvalidResponse, NotSupported
from ..gateway import client_for
from ..models import Payment, PaymentOperation
from ..money import in_own_decimals, parse_amount
from ..providers.base import Client, PaymentProvider
from ..providers.events import EventType
from ..providers.results import PaymentResult, RefundResult, RefundStatus
from .announce import record_action
from .card_numbers import refuse_card_number
from .offline_news import tell_of_payment
from .payment_attempts import ABANDONED_AFTER, is_repeatable, may_have_taken_effect, payment_provider
from .payment_look_plan import plan_look
from .payment_order import check_idempotency_key
from .payment_settlement import settle_operations
from .payment_states import ALLOWED_IN, apply_result

logger = logging.getLogger(__name__)

Kind, Status = PaymentOperation.Kind, PaymentOperation.Status
_PAST = {Kind.CAPTURE: "captured", Kind.VOID: "voided", Kind.REFUND: "refunded"}


def capture_payment(payment: Payment, *, amount: str | None = None, idempotency_key: str = "") -> Payment:
    """Take what was authorised, or a part of it (plain decimal, major units); most gateways let the rest go.

    Raises NotSupported, Conflict when the payment is in no state for it, InvalidRequest for the amount, and what the
    provider made of it. After a time-out the capture stays pending: repeat it with the same key, or `sync_payment`.
    """
    return _change(payment, _Asked(Kind.CAPTURE, amount, idempotency_key))


def void_payment(payment: Payment, *, idempotency_key: str = "") -> Payment:
    """Let an authorisation go, or a payment that nobody has paid yet. Raises as `capture_payment` does."""
    return _change(payment, _Asked(Kind.VOID, None, idempotency_key))


def refund_payment(
    payment: Payment, *, amount: str | None = None, reason: str = "", idempotency_key: str = ""
) -> Payment:
    """Give back all that is left of what was captured, or a part of it. Raises as `capture_payment` does.

    Refunds that are under way count against what is left, so that together they never exceed what was captured.
    """
    return _change(payment, _Asked(Kind.REFUND, amount, idempotency_key, reason))


def left_of(payment: Payment, kind: PaymentOperation.Kind) -> Decimal:
    """How much of a payment can be captured or given back still, with the currency's own decimals."""
    left = _refundable(payment) if kind == Kind.REFUND else payment.amount - payment.amount_captured
    return in_own_decimals(left, payment.currency)


@dataclass(frozen=True)
class _Asked:
    kind: PaymentOperation.Kind
    amount: str | None
    idempotency_key: str
    reason: str = ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr((self.kind.value, self.amount, self.reason)).encode()).hexdigest()


def _change(payment: Payment, asked: _Asked) -> Payment:
    _check(asked)
    provider = _capable_provider(payment, asked.kind)
    operation = _write_down(payment, asked, provider)
    if operation is None:
        return Payment.objects.get(pk=payment.pk)
    try:
        result = _call(provider, operation)
        totals = _read_totals(provider, operation.payment) if isinstance(result, RefundResult) else result
        return _record_result(operation, result, totals)
    except IntegrationError as error:
        _record_failure(operation, error)
        raise


def _check(asked: _Asked) -> None:
    check_idempotency_key(asked.idempotency_key)
    if len(asked.reason) > 500 or not asked.reason.isprintable():
        raise InvalidRequest("A reason has at most 500 printable characters.", field="reason")
    refuse_card_number("reason", asked.reason)
    if asked.amount is not None and not isinstance(asked.amount, str):
        raise InvalidRequest("The amount must be a string such as 12.50.", field="amount")


def _capable_provider(payment: Payment, kind: PaymentOperation.Kind) -> PaymentProvider:
    if payment.connection is None:
        raise Conflict("The payment has no connection.")
    provider = payment_provider(payment.connection)
    if kind.value not in provider.operations:
        raise NotSupported("{provider} cannot {operation}.", provider=provider.name, operation=kind.value)
    return provider


def _write_down(payment: Payment, asked: _Asked, provider: PaymentProvider) -> PaymentOperation | None:
    """Commit the operation as pending, under the payment's lock; None when it was done, or is being done, already."""
    with transaction.atomic(durable=True):
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        earlier = _earlier(locked, asked)
        if earlier is not None:
            return _to_repeat(earlier, asked, provider)
        _refuse_illegal(locked, asked.kind)
        operation = PaymentOperation.objects.create(
            organization_id=locked.organization_id,
            payment=locked,
            kind=asked.kind,
            amount=_amount_of(locked, asked, provider),
            idempotency_key=asked.idempotency_key or None,
            request_fingerprint=asked.fingerprint,
            raw={"reason": asked.reason} if asked.reason else {},
        )
        changes = {"operation": str(operation.pk), "amount": str(operation.amount), "reason": asked.reason}
        record_action(f"payment.{asked.kind.value}", locked, changes)
    return operation


def _earlier(payment: Payment, asked: _Asked) -> PaymentOperation | None:
    if not asked.idempotency_key:
        return None
    return payment.operations.filter(kind=asked.kind, idempotency_key=asked.idempotency_key).first()


def _to_repeat(earlier: PaymentOperation, asked: _Asked, provider: PaymentProvider) -> PaymentOperation | None:
    """An operation of the same key: to be asked for again only where its answer got lost."""
    if earlier.request_fingerprint != asked.fingerprint:
        raise Conflict("This idempotency key was used for another request.", field="idempotency_key")
    if earlier.status in {Status.FAILED, Status.CANCELLED}:
        message = earlier.error_message or "The provider refused it."
        raise Conflict(
            "This {operation} failed: {words} To try again, use a new idempotency key.",
            operation=asked.kind.value,
            words=message,
        )
    answer_is_lost = earlier.status == Status.PENDING and not earlier.provider_reference
    # The error says that the answer is lost; with none, another process may be waiting for it still.
    age = timezone.now() - earlier.created_at
    is_idle = bool(earlier.error_code) or age > ABANDONED_AFTER
    if not (answer_is_lost and is_idle and is_repeatable(provider, asked.kind.value, age)):
        return None
    earlier.error_code = earlier.error_code or "interrupted"  # marks what follows as a repetition
    earlier.save(update_fields=["error_code"])
    return earlier


def _refuse_illegal(payment: Payment, kind: PaymentOperation.Kind) -> None:
    if payment.status not in ALLOWED_IN[kind]:
        raise Conflict("A payment that is {status} cannot be {done}.", status=payment.status, done=_PAST[kind])
    if kind == Kind.VOID and payment.amount_captured and payment.status != Payment.Status.AUTHORISED:
        raise Conflict("Money has arrived for this payment: confirm it and give it back instead.")
    if not payment.provider_reference:
        raise Conflict("The provider's answer to this payment is still unknown: sync it first.")
    rivals = [Kind.CAPTURE, Kind.VOID]
    if kind in rivals and payment.operations.filter(kind__in=rivals, status=Status.PENDING).exists():
        raise Conflict("Another capture or void of this payment is under way.")


def _refuse_part(provider: PaymentProvider, kind: PaymentOperation.Kind) -> None:
    takes_parts = provider.takes_partial_captures if kind == Kind.CAPTURE else provider.takes_partial_refunds
    if not takes_parts:
        raise NotSupported(
            "{provider} does this only for the whole amount: {operation}.",
            provider=provider.name,
            operation=kind.value,
            field="amount",
        )


def _amount_of(payment: Payment, asked: _Asked, provider: PaymentProvider) -> Decimal | None:
    """The amount in question. Raises InvalidRequest when it is more than is left."""
    if asked.kind == Kind.VOID:
        return None
    left = left_of(payment, asked.kind)
    amount = left if asked.amount is None else parse_amount(asked.amount, payment.currency)
    if amount != left:
        _refuse_part(provider, asked.kind)
    if amount <= 0:
        raise Conflict("All of this payment is refunded, or is being refunded.")
    if amount > left:
        raise InvalidRequest(
            "The amount is more than the {left} {currency} that is left.",
            left=left,
            currency=payment.currency,
            field="amount",
        )
    return amount


def _refundable(payment: Payment) -> Decimal:
    pending = payment.operations.filter(kind=Kind.REFUND, status=Status.PENDING).aggregate(sum=Sum("amount"))["sum"]
    reserved: Decimal = pending or Decimal(0)
    left: Decimal = payment.amount_captured - payment.amount_refunded - reserved
    return left


def _call(provider: PaymentProvider, operation: PaymentOperation) -> PaymentResult | RefundResult:
    payment = operation.payment
    client = _client(payment, operation=f"{operation.kind}_payment")
    reference, key = payment.provider_reference, str(operation.pk)
    if operation.kind == Kind.VOID:
        return provider.void_payment(client, reference, idempotency_key=key)
    ask = provider.capture_payment if operation.kind == Kind.CAPTURE else provider.refund_payment
    return ask(client, reference, amount=operation.amount, currency=payment.currency, idempotency_key=key)


def _read_totals(provider: PaymentProvider, payment: Payment) -> PaymentResult | None:
    """The payment after a refund, as far as the provider will tell just now: the refund itself is not in doubt."""
    if "get" not in provider.operations:
        return None
    try:
        return provider.get_payment(_client(payment, operation="get_payment"), payment.provider_reference)
    except IntegrationError:
        return None


def _client(payment: Payment, *, operation: str) -> Client:
    if payment.connection is None:
        raise Conflict("The payment has no connection.")
    return client_for(payment.connection, operation=operation)


def _record_result(
    operation: PaymentOperation, result: PaymentResult | RefundResult, totals: PaymentResult | None
) -> Payment:
    with transaction.atomic():
        payment = Payment.objects.select_for_update().get(pk=operation.payment_id)
        operation.refresh_from_db()
        before = payment.status
        _close(operation, result)
        if isinstance(result, RefundResult):
            totals = _apply_totals_if_sound(payment, totals)
            count_own_refunds(payment)
        else:
            apply_result(payment, result)
        settle_operations(payment, totals)
        if operation.status == Status.PENDING:
            plan_look(payment, is_news=True)
        payment.save()
        if payment.status == Payment.Status.CANCELLED != before:
            tell_of_payment(payment, EventType.PAYMENT_CANCELLED, event_id=str(operation.pk))
    return payment


def _apply_totals_if_sound(payment: Payment, totals: PaymentResult | None) -> PaymentResult | None:
    """The refund is made and is to be written down, whatever the provider says of the payment as a whole: that is
    returned where it can be believed."""
    try:
        if totals is not None:
            apply_result(payment, totals)
    except InvalidResponse as error:
        logger.warning("Payment %s after a refund: %s", payment.pk, error)
        return None
    return totals


def _close(operation: PaymentOperation, result: PaymentResult | RefundResult) -> None:
    operation.provider_reference = result.provider_reference
    operation.error_code = operation.error_message = ""
    if isinstance(result, RefundResult):
        operation.status = Status(result.status.value)
        operation.error_message = result.failure_message
        if result.status is RefundStatus.FAILED:
            operation.error_code = "refund_failed"
    else:
        operation.status = Status.SUCCEEDED
    operation.save()


def count_own_refunds(payment: Payment) -> None:
    """The total is at least what our own refunds gave back, even where the provider could not be asked for it."""
    succeeded = payment.operations.filter(kind=Kind.REFUND, status=Status.SUCCEEDED).aggregate(sum=Sum("amount"))["sum"]
    ours = min(succeeded or Decimal(0), payment.amount_captured)
    payment.amount_refunded = max(payment.amount_refunded, ours)
    if payment.amount_refunded and payment.status in ALLOWED_IN[Kind.REFUND]:
        is_all = payment.amount_refunded >= payment.amount_captured
        payment.status = Payment.Status.REFUNDED if is_all else Payment.Status.PARTIALLY_REFUNDED


def _record_failure(operation: PaymentOperation, error: IntegrationError) -> None:
    """A refusal ends the operation; where it may have been done, it stays pending and keeps its amount reserved.

    That holds for a repetition too, whose refusal says nothing of the first time.
    """
    code = getattr(error, "provider_code", "") or error.code
    is_repetition = bool(operation.error_code)
    status = Status.PENDING if is_repetition or may_have_taken_effect(error) else Status.FAILED
    PaymentOperation.objects.filter(pk=operation.pk, status=Status.PENDING).update(
        status=status, error_code=code[:100], error_message=error.message
    )
