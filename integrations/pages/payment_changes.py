"""Capture, void and refund from a payment's page: what can be asked for, and the step in which a person confirms it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ..errors import IntegrationError, InvalidRequest
from ..models import Payment, PaymentOperation
from ..money import parse_amount
from ..operations.catalogue import offered_provider
from ..operations.payment_changes import left_of
from ..providers.base import PaymentProvider
from .finding import find_payment
from .rendering import page, staff_page

# What may be asked for in each state; a provider that cannot do it is not asked.
POSSIBLE = {
    Payment.Status.AUTHORISED: ("capture", "void"),
    Payment.Status.CAPTURED: ("refund",),
    Payment.Status.PARTIALLY_REFUNDED: ("refund",),
    Payment.Status.REQUIRES_ACTION: ("void",),
}
LONGEST_REASON = 500


@dataclass(frozen=True)
class Possible:
    """What can be asked for: at most `left` of the payment's currency, and less where `in_parts`."""

    kind: str
    left: Decimal
    in_parts: bool


def possible_changes(payment: Payment) -> list[Possible]:
    """What makes sense now, of what the payment's gateway can do at all."""
    provider = offered_provider(payment.connection.provider.slug) if payment.connection else None
    if not isinstance(provider, PaymentProvider):
        return []
    kinds = [kind for kind in POSSIBLE.get(Payment.Status(payment.status), ()) if kind in provider.operations]
    if provider.is_offline:
        kinds = [kind for kind in kinds if kind != "void"]  # its own section cancels it, saying why
    return [
        Possible(kind, left, _in_parts(provider, kind))
        for kind in kinds
        if (left := left_of(payment, PaymentOperation.Kind(kind))) > 0
    ]


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
        reason = asked_reason(request)
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("payment", payment.pk)
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


def asked_reason(request: HttpRequest) -> str:
    """What was typed, in one line. Raises InvalidRequest."""
    reason = " ".join(request.POST.get("reason", "").split())
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise InvalidRequest("A reason has at most 500 printable characters.", field="reason")
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


def _in_parts(provider: PaymentProvider, kind: str) -> bool:
    if kind == "void":
        return False
    return provider.takes_partial_captures if kind == "capture" else provider.takes_partial_refunds
