"""The rules by which payments find their connection, and what they come to for a payment that is only thought of."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..errors import IntegrationError, InvalidRequest
from ..models import Organization, PaymentRoute
from ..operations.payment_order import PaymentOrder
from ..operations.payment_routes import create_route, delete_route, move_route, update_route
from ..operations.routing_trial import Trial, try_route
from .payment_route_forms import RouteForm, TrialForm
from .rendering import current_organization, page, staff_page


@require_safe
@staff_page("integrations.view_paymentroute")
def route_list(request: HttpRequest) -> HttpResponse:
    """All rules in order; with a payment in the address, where it would go."""
    organization = current_organization(request)
    form = TrialForm(request.GET if "amount" in request.GET else None)
    context = {
        "title": _("Payment routes"),
        "routes": PaymentRoute.objects.filter(organization=organization).select_related("connection__provider"),
        "form": form,
        "trial": _tried(organization, form) if form.is_valid() else None,
    }
    return page(request, "integrations/payments/routes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("integrations.add_paymentroute")
def new_route(request: HttpRequest) -> HttpResponse:
    organization = current_organization(request)
    form = RouteForm(request.POST or None, organization=organization)
    if form.is_valid():
        try:
            create_route(organization, **form.cleaned_data)
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The rule is in force, after those that were there."))
            return redirect("payment-routes")
    return _shown(request, form, _("New rule"))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("integrations.change_paymentroute")
def change_route(request: HttpRequest, route_id: uuid.UUID) -> HttpResponse:
    route = _one(request, route_id)
    form = RouteForm(request.POST or None, organization=current_organization(request), route=route)
    if form.is_valid():
        try:
            update_route(route, **form.cleaned_data)
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The rule is changed."))
            return redirect("payment-routes")
    return _shown(request, form, _("Change the rule"), route=route)


@require_POST
@staff_page("integrations.change_paymentroute")
def move(request: HttpRequest, route_id: uuid.UUID, direction: str) -> HttpResponse:
    route = _one(request, route_id)
    if direction not in ("up", "down"):
        raise Http404
    move_route(route, "up" if direction == "up" else "down")
    return redirect("payment-routes")


@require_POST
@staff_page("integrations.change_paymentroute")
def toggle(request: HttpRequest, route_id: uuid.UUID) -> HttpResponse:
    """To what the button said: one that is pressed twice, or by two people, does the same."""
    route = _one(request, route_id)
    try:
        update_route(route, is_active=request.POST.get("is_active") == "1")
    except IntegrationError as error:
        messages.error(request, error.translated())
    return redirect("payment-routes")


@require_POST
@staff_page("integrations.delete_paymentroute")
def remove(request: HttpRequest, route_id: uuid.UUID) -> HttpResponse:
    route = _one(request, route_id)
    delete_route(route)
    messages.success(request, _("%(name)s is deleted.") % {"name": route.name})
    return redirect("payment-routes")


def _tried(organization: Organization, form: TrialForm) -> Trial | None:
    try:
        return try_route(organization, PaymentOrder(reference="trial", **form.cleaned_data))
    except IntegrationError as error:
        _blame(form, error)
        return None


def _shown(request: HttpRequest, form: RouteForm, title: str, *, route: PaymentRoute | None = None) -> HttpResponse:
    context = {"title": title, "form": form, "route": route}
    return page(request, "integrations/payments/routes_form.html", context, status=400 if form.errors else 200)


def _blame(form: Any, error: IntegrationError) -> None:
    """Beside the field that is wrong, where the form has it."""
    field = error.field if isinstance(error, InvalidRequest) else ""
    form.add_error(field if field in form.fields else None, error.translated())


def _one(request: HttpRequest, route_id: uuid.UUID) -> PaymentRoute:
    routes = PaymentRoute.objects.select_related("organization", "connection")
    return get_object_or_404(routes, organization=current_organization(request), pk=route_id)
