"""The payments of an organization, and one of them with what was done to it and what can be."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ..errors import IntegrationError
from ..models import Payment
from ..operations.catalogue import offered_provider
from ..operations.payments import capture_payment, refund_payment, sync_payment, void_payment
from .paging import newest
from .rendering import current_organization, page, staff_page

# What may be asked for in each state; a provider that cannot do it is not asked.
POSSIBLE = {
    Payment.Status.AUTHORISED: ("capture", "void"),
    Payment.Status.CAPTURED: ("refund",),
    Payment.Status.PARTIALLY_REFUNDED: ("refund",),
    Payment.Status.REQUIRES_ACTION: ("void",),
}


@require_safe
@staff_page("integrations.view_payment")
def payment_list(request: HttpRequest) -> HttpResponse:
    given = {name: request.GET.get(name, "").replace("\x00", "").strip() for name in ("q", "status")}
    payments = Payment.objects.filter(organization=current_organization(request)).select_related("connection")
    if given["status"]:
        payments = payments.filter(status=given["status"])
    if given["q"]:
        payments = payments.filter(Q(reference=given["q"]) | Q(provider_reference=given["q"]))
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "title": _("Payments"),
        "stretch": newest(payments, request.GET.get("before", "")),
        "given": given,
        "filtered": any(given.values()),
        "query": f"{query.urlencode()}&" if query else "",
        "statuses": Payment.Status.choices,
    }
    return page(request, "integrations/payments/list.html", context)


@require_safe
@staff_page("integrations.view_payment")
def payment_detail(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    payment = _one(request, payment_id)
    context = {
        "title": _("Payment %(reference)s") % {"reference": payment.reference},
        "payment": payment,
        "operations": payment.operations.order_by("-pk")[:100],
        "possible": _possible(payment) if request.user.has_perm("integrations.change_payment") else (),
        "once": uuid.uuid4(),
    }
    return page(request, "integrations/payments/detail.html", context)


@require_POST
@staff_page("integrations.change_payment")
def change(request: HttpRequest, payment_id: uuid.UUID, kind: str) -> HttpResponse:
    """Capture, void, refund or look up. A form that is sent twice is done once: it carries its own key."""
    payment = _one(request, payment_id)
    amount = request.POST.get("amount", "").strip() or None
    once = {"idempotency_key": request.POST.get("once", "")[:64]}
    operations: dict[str, Any] = {
        "capture": lambda: capture_payment(payment, amount=amount, **once),
        "void": lambda: void_payment(payment, **once),
        "refund": lambda: refund_payment(payment, amount=amount, reason=request.POST.get("reason", "")[:255], **once),
        "sync": lambda: sync_payment(payment),
    }
    if kind not in operations:
        raise Http404
    try:
        operations[kind]()
    except IntegrationError as error:
        messages.error(request, error.translated())
    else:
        messages.success(request, _("Done. What the provider said is below."))
    return redirect("payment", payment.pk)


def _one(request: HttpRequest, payment_id: uuid.UUID) -> Payment:
    payments = Payment.objects.filter(organization=current_organization(request))
    return get_object_or_404(payments.select_related("connection__provider"), pk=payment_id)


def _possible(payment: Payment) -> list[str]:
    provider = offered_provider(payment.connection.provider.slug) if payment.connection else None
    able = provider.operations if provider else frozenset()
    possible = [kind for kind in POSSIBLE.get(Payment.Status(payment.status), ()) if kind in able]
    is_offline = provider is not None and provider.is_offline
    return [kind for kind in possible if kind != "void" or not is_offline]  # its own section cancels it, saying why
