"""What can be done to a sandbox payment. Each step locks it, checks its state, and announces what became of it."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation

from ..models.sandbox import SandboxPayment
from ..money import currency_exponent
from .delivery import announce
from .marked_amounts import FAILURES, decline_code
from .refusals import Refusal

Status = SandboxPayment.Status


@transaction.atomic
def create(account: str, fields: dict[str, Any], payment_token: str) -> SandboxPayment:
    """A new payment; with a token it is paid at once, otherwise on the hosted page."""
    payment = SandboxPayment.objects.create(account=account, **fields)
    if payment_token:
        return pay(payment.id)
    _announce(payment, "payment.created")
    return payment


@transaction.atomic
def pay(payment_id: uuid.UUID) -> SandboxPayment:
    """The payer pays; a marked amount is declined."""
    payment = _locked(payment_id, Status.AWAITING_PAYER)
    if code := decline_code(payment.amount):
        return _fail(payment, code)
    if not payment.capture:
        return _become(payment, Status.AUTHORISED, "payment.authorised")
    payment.amount_captured = payment.amount
    return _become(payment, Status.CAPTURED, "payment.captured")


@transaction.atomic
def decline(payment_id: uuid.UUID) -> SandboxPayment:
    return _fail(_locked(payment_id, Status.AWAITING_PAYER), "declined_by_payer")


@transaction.atomic
def capture(payment_id: uuid.UUID, amount: Decimal | None) -> SandboxPayment:
    """Once only: what is not captured is let go."""
    payment = _locked(payment_id, Status.AUTHORISED)
    if amount is not None and amount > payment.amount:
        raise Refusal(422, "amount_too_large", "More than was authorised cannot be captured.", field="amount")
    payment.amount_captured = payment.amount if amount is None else amount
    return _become(payment, Status.CAPTURED, "payment.captured")


@transaction.atomic
def void(payment_id: uuid.UUID) -> SandboxPayment:
    payment = _locked(payment_id, Status.AUTHORISED, Status.AWAITING_PAYER)
    return _become(payment, Status.CANCELLED, "payment.cancelled")


@transaction.atomic
def refund(payment_id: uuid.UUID, amount: Decimal | None) -> dict[str, str]:
    """Give back `amount`, or all that is left; answers the refund."""
    payment = _locked(payment_id, Status.CAPTURED, Status.PARTIALLY_REFUNDED)
    left = payment.amount_captured - payment.amount_refunded
    amount = left if amount is None else amount
    if amount > left:
        raise Refusal(422, "amount_too_large", "More than is left cannot be refunded.", field="amount")
    payment.amount_refunded += amount
    is_whole = payment.amount_refunded == payment.amount_captured
    _become(payment, Status.REFUNDED if is_whole else Status.PARTIALLY_REFUNDED, "payment.refunded")
    return {
        "id": f"ref_{uuid.uuid4().hex}",
        "object": "refund",
        "payment": payment.public_id,
        "status": "succeeded",
        "amount": plain(amount, payment.currency),
        "currency": payment.currency,
    }


def represent(payment: SandboxPayment) -> dict[str, Any]:
    """A payment as the API and its events show it."""
    failure = {"code": payment.failure_code, "message": failure_message(payment)} if payment.failure_code else None
    awaits = payment.status == Status.AWAITING_PAYER
    return {
        "id": payment.public_id,
        "object": "payment",
        "status": str(payment.status),
        "amount": plain(payment.amount, payment.currency),
        "currency": payment.currency,
        "amount_captured": plain(payment.amount_captured, payment.currency),
        "amount_refunded": plain(payment.amount_refunded, payment.currency),
        "reference": payment.reference,
        "capture": payment.capture,
        "metadata": payment.metadata,
        "payment_url": settings.PUBLIC_URL + reverse("sandbox:pay", args=[payment.id]) if awaits else None,
        "failure": failure,
        "created_at": payment.created_at.isoformat(),
    }


def failure_message(payment: SandboxPayment) -> str:
    """In English, as the API says it; the hosted page translates."""
    with translation.override("en"):
        return str(FAILURES.get(payment.failure_code, ""))


def plain(amount: Decimal, currency: str) -> str:
    """`12.50`: with the currency's own decimals."""
    return f"{amount:.{currency_exponent(currency)}f}"


def _locked(payment_id: uuid.UUID, *allowed: str) -> SandboxPayment:
    payment = SandboxPayment.objects.select_for_update().get(id=payment_id)
    if payment.status not in allowed:
        raise Refusal(409, "invalid_state", f"The payment is {payment.status}; this is not possible now.")
    return payment


def _fail(payment: SandboxPayment, code: str) -> SandboxPayment:
    payment.failure_code = code
    return _become(payment, Status.FAILED, "payment.failed")


def _become(payment: SandboxPayment, status: str, event_type: str) -> SandboxPayment:
    payment.status = status
    payment.save()
    _announce(payment, event_type)
    return payment


def _announce(payment: SandboxPayment, event_type: str) -> None:
    event = {"type": event_type, "created_at": timezone.now().isoformat(), "data": represent(payment)}
    announce(payment.account, event)
