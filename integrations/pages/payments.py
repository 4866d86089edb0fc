"""The payments of an organization, and what those come to that are looked for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ..bounded import TookTooLong, reading_within
from ..models import Connection, Organization
from ..operations.payment_search import ADDED_UP_AT_MOST, PaymentSearch, sums_of
from .paging import Stretch, newest
from .payment_filters import PaymentFilter
from .rendering import current_organization, page, staff_page

_SECONDS = 8.0


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
                "is_older": bool(before),
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
