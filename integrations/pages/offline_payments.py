"""What staff do for payments that no gateway takes: look at proofs, confirm what came, refuse, write down refunds."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from ..errors import IntegrationError, InvalidRequest
from ..models import Payment, PaymentOperation, PaymentProof
from ..operations.offline_receipts import OPEN, Receipt, confirm_payment, is_offline, offline_provider, refuse_payment
from ..operations.offline_refunds import Repayment, drop_refund, record_refund
from ..operations.payment_instructions import instructions_of
from ..operations.payment_proofs import read_proof
from ..proof_files import download_of
from .moment_field import DayField
from .payment_page import show_payment
from .rendering import current_organization, staff_page

REFUND_METHODS = [
    ("bank_transfer", gettext_lazy("Bank transfer")),
    ("cash", gettext_lazy("Cash")),
    ("cheque", gettext_lazy("Cheque")),
    ("card", gettext_lazy("Card")),
    ("other", gettext_lazy("Other")),
]
_MAY_BE_REFUSED = OPEN | {Payment.Status.FAILED}


def offline_section(payment: Payment) -> dict[str, Any] | None:
    """What the payment's page shows of it; None for a payment that a gateway takes."""
    if not is_offline(payment):
        return None
    operations = payment.operations
    is_cash = offline_provider(payment).is_handed_over_once
    return {
        "is_cash": is_cash,
        "takes_proofs": offline_provider(payment).takes_proofs,
        "proofs": payment.proofs.order_by("-pk"),
        "receipts": [_receipt(one) for one in operations.filter(kind=PaymentOperation.Kind.CAPTURE).order_by("pk")],
        "refunds": operations.filter(kind=PaymentOperation.Kind.REFUND, status=PaymentOperation.Status.PENDING),
        "refund_methods": REFUND_METHODS,
        "may_be_confirmed": not (is_cash and payment.amount_captured),  # a payer may transfer twice, or too late
        "may_be_refused": payment.status in _MAY_BE_REFUSED and not payment.amount_captured,
        "left": max(payment.amount - payment.amount_captured, 0),
        "instructions": instructions_of(payment),
    }


def _receipt(operation: PaymentOperation) -> dict[str, Any]:
    day = operation.raw.get("received_on")
    return {
        "amount": operation.amount,
        "reference": operation.provider_reference,
        "received_on": f"{date.fromisoformat(day):%d/%m/%Y}" if day else "",
        "is_told_again": operation.error_code == "told_again",
    }


@require_POST
@staff_page("integrations.change_payment")
def confirm(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """Once for each of the bank's or the courier's references: a form that is sent twice is one receipt."""
    payment, given = _one(request, payment_id), request.POST

    def take() -> None:
        if given.get("confirmed") != "yes":
            raise InvalidRequest("Confirm that the money is there.", field="confirmed")
        receipt = Receipt(
            amount=given.get("amount", "").strip(),
            currency=given.get("currency", "").strip(),
            reference=given.get("reference", ""),
            received_on=_day(given.get("received_on", ""), "received_on"),
            settles=given.get("settles") == "yes",
        )
        confirm_payment(payment, receipt)

    return _done(request, payment, take, _("Confirmed."), form="receipt")


@require_POST
@staff_page("integrations.change_payment")
def refuse(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    payment, reason = _one(request, payment_id), request.POST.get("reason", "")
    said = _("The payment is cancelled.")
    return _done(request, payment, lambda: refuse_payment(payment, reason=reason), said, form="refusal")


@require_POST
@staff_page("integrations.change_payment")
def refund(request: HttpRequest, payment_id: uuid.UUID, refund_id: uuid.UUID) -> HttpResponse:
    """Write down how it was paid, or let go of it."""
    payment, given = _one(request, payment_id), request.POST

    def write() -> None:
        if given.get("action") == "drop":
            if given.get("confirmed") != "yes":
                raise InvalidRequest("Confirm that it will not be paid.", field="confirmed")
            drop_refund(payment, refund_id)
            return
        paid_on = _day(given.get("paid_on", ""), "paid_on")
        record_refund(payment, refund_id, Repayment(given.get("method", ""), given.get("reference", ""), paid_on))

    return _done(request, payment, write, _("Written down."), form=str(refund_id))


@require_safe
@staff_page("integrations.change_payment")
def proof(request: HttpRequest, payment_id: uuid.UUID, proof_id: uuid.UUID) -> HttpResponse:
    payment = _one(request, payment_id)
    try:
        return download_of(*read_proof(payment, proof_id))
    except PaymentProof.DoesNotExist as error:
        raise Http404 from error
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("payment", payment.pk)


def _done(request: HttpRequest, payment: Payment, act: Callable[[], object], said: str, *, form: str) -> HttpResponse:
    try:
        act()
    except IntegrationError as error:
        messages.error(request, error.translated())
        return show_payment(request, payment.pk, refused=form)
    messages.success(request, said)
    return redirect("payment", payment.pk)


def _one(request: HttpRequest, payment_id: uuid.UUID) -> Payment:
    payments = Payment.objects.filter(organization=current_organization(request))
    return get_object_or_404(payments.select_related("connection__provider", "organization"), pk=payment_id)


def _day(text: str, field: str) -> date:
    try:
        day: date = DayField().clean(text)
    except ValidationError as error:
        raise InvalidRequest("The date is not one: write it as 31/01/2026.", field=field) from error
    return day
