"""The payments of an organization, and one of them with what was done to it and what can be."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ..bounded import TookTooLong, reading_within
from ..errors import IntegrationError
from ..models import Connection, Organization, Payment
from ..operations.payment_search import ADDED_UP_AT_MOST, PaymentSearch, sums_of
from ..operations.payments import capture_payment, refund_payment, sync_payment, void_payment
from ..personal_data import Kind, mask
from .finding import find_payment
from .paging import Stretch, newest
from .payment_changes import asked_reason, possible_changes
from .payment_filters import PaymentFilter
from .rendering import current_organization, page, staff_page

_SECONDS = 8.0
_OPERATIONS_SHOWN = 100
_SHOWN_OF_CUSTOMER = {"name": Kind.NAME, "email": Kind.EMAIL, "phone": Kind.PHONE}


@require_safe
@staff_page("integrations.view_payment")
def payment_list(request: HttpRequest) -> HttpResponse:
    form = PaymentFilter(current_organization(request), request.GET)
    query = request.GET.copy()
    for name in ("before", "format"):
        query.pop(name, None)
    context = {
        "title": _("Payments"),
        "form": form,
        "query": query.urlencode(),
        "may_export": request.user.has_perm("integrations.export_payment"),
        "added_up_at_most": ADDED_UP_AT_MOST,
    }
    if not form.is_valid():
        return page(request, "integrations/payments/list.html", context | {"stretch": Stretch([], "")}, status=400)
    return page(request, "integrations/payments/list.html", context | _found(request, form.search))


@require_safe
@staff_page("integrations.view_payment")
def payment_detail(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    payment = find_payment(request, payment_id)
    may_change = request.user.has_perm("integrations.change_payment")
    changes = possible_changes(payment) if may_change else []
    context = {
        "title": _("Payment %(reference)s") % {"reference": payment.reference},
        "payment": payment,
        "customer": _customer(payment, in_full=may_change),
        "operations": payment.operations.order_by("-pk")[:_OPERATIONS_SHOWN],
        "disputes": payment.disputes.order_by("-pk")[:20],
        "possible": [change.kind for change in changes],
        "changes": changes,
        "may_change": may_change,
        "payer_link": _payer_link(payment),
    }
    return page(request, "integrations/payments/detail.html", context)


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
        "refund": lambda: refund_payment(payment, amount=amount, reason=asked_reason(request), **once),
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


def _found(request: HttpRequest, search: PaymentSearch) -> dict[str, Any]:
    """A page of what was looked for and what all of it comes to; a search that is too wide says so."""
    try:
        with reading_within(_SECONDS):
            payments = search.among(current_organization(request))
            before = request.GET.get("before", "")
            stretch = newest(payments.select_related("connection__provider"), before)
            return {
                "stretch": stretch,
                "sums": sums_of(payments),
                "filtered": search.is_filtered,
                "are_mixed": _may_be_mixed(current_organization(request), search),
            }
    except TookTooLong:
        return {"stretch": Stretch([], ""), "took_too_long": True, "filtered": True}


def _may_be_mixed(organization: Organization, search: PaymentSearch) -> bool:
    """Whether test payments may be among those that were found, beside live ones."""
    if search.mode or search.connection:
        return False
    environments = Connection.objects.filter(organization=organization, provider_type="payment")
    known = set(environments.order_by().values_list("environment", flat=True).distinct())
    return Connection.Environment.PRODUCTION in known and len(known) > 1


def _payer_link(payment: Payment) -> str:
    """The gateway's page, for as long as the payer can still pay there."""
    return payment.redirect_url if payment.status == Payment.Status.REQUIRES_ACTION else ""


def _customer(payment: Payment, *, in_full: bool) -> dict[str, str]:
    """Who pays; masked for those who may look at payments alone."""
    given = {key: str(payment.customer.get(key) or "") for key in _SHOWN_OF_CUSTOMER}
    return {key: text if in_full else mask(text, _SHOWN_OF_CUSTOMER[key]) for key, text in given.items() if text}
