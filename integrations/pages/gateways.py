"""The payment gateways of an organization: how each stands, what it took and paid out, and how it is set."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from ..bounded import TookTooLong, reading_within
from ..models import Connection, IntegrationProvider, Organization
from ..operations.gateway_figures import DAYS_COUNTED, DAYS_LISTED, GatewayFigures, figures_of
from ..operations.payment_settings import change_payment_settings, settings_for
from .finding import find_gateway
from .gateway_forms import GatewaySettingsForm
from .rendering import current_organization, page, staff_page

PAGE_SIZE = 20
_SECONDS = 8.0


@require_safe
@staff_page("integrations.view_payment")
def gateways(request: HttpRequest) -> HttpResponse:
    organization = current_organization(request)
    shown = Paginator(_gateways_of(organization), PAGE_SIZE).get_page(request.GET.get("page"))
    connections = list(shown.object_list)
    figures = _figures(organization, connections)
    context = {
        "title": _("Payment gateways"),
        "page": shown,
        "connections": connections,
        "gateways": [(connection, figures.get(connection.pk)) for connection in connections],
        "days_counted": DAYS_COUNTED,
        "days_listed": DAYS_LISTED,
        "may_change": request.user.has_perm("integrations.change_paymentsettings"),
        "routes": _address_of("payment-routes"),
    }
    return page(request, "integrations/payments/gateways.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("integrations.change_paymentsettings")
def gateway_settings(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponseBase:
    connection = find_gateway(request, connection_id)
    form = GatewaySettingsForm(connection, settings_for(connection), request.POST or None)
    if form.is_valid():
        change_payment_settings(connection, form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("payment-gateways")
    context = {
        "title": _("Payment settings"),
        "subtitle": connection.connection_name,
        "connection": connection,
        "form": form,
    }
    return page(request, "integrations/payments/settings.html", context, status=400 if form.errors else 200)


def _gateways_of(organization: Organization) -> Any:
    """Live ones first, and of each the primary."""
    connections = Connection.objects.filter(organization=organization, provider_type=IntegrationProvider.Type.PAYMENT)
    is_test = Case(When(environment=Connection.Environment.PRODUCTION, then=0), default=1)
    in_order = connections.order_by(is_test, "-is_primary", "connection_name", "pk")
    return in_order.select_related("provider", "payment_settings")


def _figures(organization: Organization, connections: list[Connection]) -> dict[uuid.UUID, GatewayFigures]:
    """None where they cannot be read in time: the gateways themselves are shown all the same."""
    try:
        with reading_within(_SECONDS):
            return dict(figures_of(organization, [connection.pk for connection in connections]))
    except TookTooLong:
        return {}


def _address_of(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
