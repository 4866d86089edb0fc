"""Capture, void and refund from a payment's page: the step in which a person confirms it, and the change itself."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ..errors import IntegrationError, InvalidRequest
from ..models import Payment
from ..money import parse_amount
from ..operations.card_numbers import refuse_card_number
from ..operations.offline_receipts import is_offline
from ..operations.payments import capture_payment, refund_payment, sync_payment, void_payment
from .finding import find_payment
from .payment_page import Possible, possible_changes, show_payment
from .rendering import page, staff_page

LONGEST_REASON = 500


@require_POST
@staff_page("integrations.change_payment")
def confirm(request: HttpRequest, payment_id: uuid.UUID, kind: str) -> HttpResponse:
    """Says once more what is about to happen, of how much money; only its own button does it, and only once."""
    if kind not in ("capture", "void", "refund"):
        raise Http404
    payment = find_payment(request, payment_id)
    possible = next((one for one in possible_changes(payment) if one.kind == kind), None)
    if possible is None:
        messages.error(request, _("This cannot be done with this payment as it stands now."))
        return redirect("payment", payment.pk)
    try:
        amount = _asked_amount(request, payment, possible)
        reason = _asked_reason(request)
    except IntegrationError as error:
        return show_payment(request, payment.pk, refused=kind, mistake=error.translated())
    context = {
        "title": _("Payment %(reference)s") % {"reference": payment.reference},
        "payment": payment,
        "kind": kind,
        "amount": amount,
        "is_all": amount == possible.left,
        "left_after": possible.left - amount,
        "reason": reason,
        "once": f"{kind}-{uuid.uuid4()}",
    }
    return page(request, "integrations/payments/confirm.html", context)


@require_POST
@staff_page("integrations.change_payment")
def change(request: HttpRequest, payment_id: uuid.UUID, kind: str) -> HttpResponse:
    """Capture, void, refund or look up. A form that is sent twice is done once: it carries its own key."""
    payment = find_payment(request, payment_id)
    amount = request.POST.get("amount", "").strip() or None
    once = {"idempotency_key": request.POST.get("once", "")[:64]}
    operations: dict[str, Any] = {
        "capture": lambda: capture_payment(payment, amount=amount, **once),
        "void": lambda: void_payment(payment, **once),
        "refund": lambda: refund_payment(payment, amount=amount, reason=_asked_reason(request), **once),
        "sync": lambda: sync_payment(payment),
    }
    if kind not in operations:
        raise Http404
    try:
        operations[kind]()
    except IntegrationError as error:
        if kind in ("capture", "refund"):
            return show_payment(request, payment.pk, refused=kind, mistake=error.translated())
        messages.error(request, error.translated())
        return redirect("payment", payment.pk)
    if is_offline(payment):
        messages.success(request, _("Written down. Pay the money back, and then say below how."))
    else:
        messages.success(request, _("Done. What the provider said is below."))
    return redirect("payment", payment.pk)


def _asked_reason(request: HttpRequest) -> str:
    """What was typed, in one line. Raises InvalidRequest."""
    reason = " ".join(request.POST.get("reason", "").split())
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise InvalidRequest("A reason has at most 500 printable characters.", field="reason")
    refuse_card_number("reason", reason)  # before it is shown again, to be confirmed
    return reason


def _asked_amount(request: HttpRequest, payment: Payment, possible: Possible) -> Decimal:
    """What was typed, or all that is left. Raises InvalidRequest."""
    typed = request.POST.get("amount", "").strip()
    if possible.kind == "void" or not typed:
        return possible.left
    amount = parse_amount(typed, payment.currency)
    if amount > possible.left:
        raise InvalidRequest(
            "The amount is more than the {left} {currency} that is left.",
            left=possible.left,
            currency=payment.currency,
            field="amount",
        )
    return amount
