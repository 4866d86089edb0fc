"""A payment's page: how it stands, what was done to it, and what can be asked for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ..models import Payment, PaymentDispute, PaymentOperation
from ..operations.catalogue import offered_provider
from ..operations.payment_changes import left_of
from ..personal_data import Kind, mask
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
_OPERATIONS_SHOWN = 100
_SHOWN_OF_CUSTOMER = {"name": Kind.NAME, "email": Kind.EMAIL, "phone": Kind.PHONE}


@dataclass(frozen=True)
class Possible:
    """What can be asked for: at most `left` of the payment's currency, and less where `in_parts`. `typed`: what was
    asked for already, and refused."""

    kind: str
    left: Decimal
    in_parts: bool
    typed: Mapping[str, str] | None = None


@require_safe
@staff_page("integrations.view_payment")
def payment_detail(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    return show_payment(request, payment_id)


def show_payment(request: HttpRequest, payment_id: uuid.UUID, *, refused: str = "", mistake: str = "") -> HttpResponse:
    """`refused`: which of its forms came with this request and was not taken. It is shown as it was filled in, with
    the `mistake`, which is told above all else where that form is gone."""
    payment = find_payment(request, payment_id)
    may_change = request.user.has_perm("integrations.change_payment")
    typed = {refused: request.POST} if refused else {}
    changes = possible_changes(payment, typed) if may_change else []
    if mistake and not any(change.typed for change in changes):
        messages.error(request, mistake)
    context = {
        "title": _("Payment %(reference)s") % {"reference": payment.reference},
        "payment": payment,
        "customer": _customer(payment, in_full=may_change),
        "operations": payment.operations.order_by("-pk")[:_OPERATIONS_SHOWN],
        "disputes": sorted(payment.disputes.order_by("-pk")[:20], key=_is_closed),
        "possible": [change.kind for change in changes],
        "changes": changes,
        "may_change": may_change,
        "payer_link": _payer_link(payment),
        "typed": typed,
        "mistake": mistake,
    }
    return page(request, "integrations/payments/detail.html", context, status=400 if refused else 200)


def _is_closed(dispute: PaymentDispute) -> bool:
    return dispute.status != PaymentDispute.Status.OPEN


def possible_changes(payment: Payment, typed: Mapping[str, Mapping[str, str]] | None = None) -> list[Possible]:
    """What makes sense now, of what the payment's gateway can do at all."""
    provider = offered_provider(payment.connection.provider.slug) if payment.connection else None
    if not isinstance(provider, PaymentProvider):
        return []
    kinds = [kind for kind in POSSIBLE.get(Payment.Status(payment.status), ()) if kind in provider.operations]
    if provider.is_offline:
        kinds = [kind for kind in kinds if kind != "void"]  # its own section cancels it, saying why
    return [
        Possible(kind, left, _in_parts(provider, kind), (typed or {}).get(kind))
        for kind in kinds
        if (left := left_of(payment, PaymentOperation.Kind(kind))) > 0
    ]


def _in_parts(provider: PaymentProvider, kind: str) -> bool:
    if kind == "void":
        return False
    return provider.takes_partial_captures if kind == "capture" else provider.takes_partial_refunds


def _payer_link(payment: Payment) -> str:
    """The gateway's page, for as long as the payer can still pay there."""
    return payment.redirect_url if payment.status == Payment.Status.REQUIRES_ACTION else ""


def _customer(payment: Payment, *, in_full: bool) -> dict[str, str]:
    """Who pays; masked for those who may look at payments alone."""
    given = {key: str(payment.customer.get(key) or "") for key in _SHOWN_OF_CUSTOMER}
    return {key: text if in_full else mask(text, _SHOWN_OF_CUSTOMER[key]) for key, text in given.items() if text}
