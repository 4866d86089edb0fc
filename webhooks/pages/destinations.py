"""Where events are forwarded to: made, shown with what was sent there, changed, switched off and on."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.errors import IntegrationError, InvalidRequest
from integrations.pages.paging import newest
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..forward.deliveries import UNDELIVERED
from ..forward.destinations import (
    create_destination,
    delete_destination,
    disable_destination,
    enable_destination,
    rotate_secret,
    send_test,
    update_destination,
)
from ..forward.schedule import schedule_of
from ..models import WebhookDelivery, WebhookDestination
from .destination_form import DestinationForm


@require_safe
@staff_page("webhooks.view_webhookdestination")
def destinations(request: HttpRequest) -> HttpResponse:
    rows = WebhookDestination.objects.filter(organization=current_organization(request)).order_by("-pk")
    return page(request, "webhooks/destinations/list.html", {"title": _("Destinations"), "destinations": rows})


@require_http_methods(["GET", "POST"])
@staff_page("webhooks.add_webhookdestination")
def new_destination(request: HttpRequest) -> HttpResponseBase:
    """The secret is shown on this one answer and nowhere again, so there is no redirect that would repeat it."""
    organization = current_organization(request)
    form = DestinationForm(request.POST or None, organization=organization)
    if form.is_valid():
        try:
            made, secret = create_destination(organization, **form.settings())
        except IntegrationError as error:
            _blame(form, error)
        else:
            return _shown(request, made, secret=secret)
    return _form(request, form, _("New destination"))


@require_http_methods(["GET", "POST"])
@staff_page("webhooks.change_webhookdestination")
def change_destination(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    form = DestinationForm(request.POST or None, organization=current_organization(request), destination=found)
    if form.is_valid():
        try:
            update_destination(found, **form.settings())
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The destination is changed."))
            return redirect("webhook-destination", pk=pk)
    return _form(request, form, _("Change the destination"), destination=found)


@require_safe
@staff_page("webhooks.view_webhookdestination")
def destination(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The destination and its log; htmx fetches the log alone."""
    found = _found(request, pk)
    if wants_fragment(request):
        return page(request, "webhooks/destinations/_log.html", {"destination": found, **_log(request, found)})
    return _shown(request, found)


@require_POST
@staff_page("webhooks.change_webhookdestination")
def rotate_destination(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    rotated, secret = rotate_secret(_found(request, pk))
    return _shown(request, rotated, secret=secret)


@require_POST
@staff_page("webhooks.change_webhookdestination")
def toggle_destination(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """As the button says: pressed twice, or on a page that is out of date, it does not do the contrary."""
    found = _found(request, pk)
    if request.POST.get("active") == "1":
        enable_destination(found)
        messages.success(request, _("The destination is on. What was held is sent when you say so."))
    else:
        disable_destination(found)
        messages.success(request, _("The destination is off. What comes meanwhile is held."))
    return redirect("webhook-destination", pk=pk)


@require_POST
@staff_page("webhooks.change_webhookdestination")
def test_destination(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    return redirect("webhook-delivery", pk=send_test(_found(request, pk)).pk)


@require_POST
@staff_page("webhooks.delete_webhookdestination")
def remove_destination(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    delete_destination(_found(request, pk))
    messages.success(request, _("The destination and its log are deleted."))
    return redirect("webhook-destinations")


def _shown(request: HttpRequest, found: WebhookDestination, *, secret: str = "") -> HttpResponse:
    context = {
        "title": found.description or _("Destination"),
        "destination": found,
        "secret": secret,
        "schedule": schedule_of(found),
        "undelivered": found.deliveries.filter(status__in=UNDELIVERED, event__isnull=False)[:1].exists(),
        **_log(request, found),
    }
    return page(request, "webhooks/destinations/detail.html", context)


def _log(request: HttpRequest, found: WebhookDestination) -> dict[str, Any]:
    status, before = request.GET.get("status", ""), request.GET.get("before", "")
    rows = found.deliveries.all()
    if status in WebhookDelivery.Status.values:
        rows = rows.filter(status=status)
    return {
        "stretch": newest(rows, before),
        "statuses": WebhookDelivery.Status.choices,
        "status": status,
        "is_newest": not before,
    }


def _form(
    request: HttpRequest, form: DestinationForm, title: str, *, destination: WebhookDestination | None = None
) -> HttpResponse:
    context = {"title": title, "form": form, "destination": destination}
    return page(request, "webhooks/destinations/form.html", context, status=400 if form.errors else 200)


def _blame(form: DestinationForm, error: IntegrationError) -> None:
    """Beside the field that is wrong, where the form has it."""
    field = error.field.partition(".")[0] if isinstance(error, InvalidRequest) else ""
    form.add_error(field if field in form.fields else None, error.translated())


def _found(request: HttpRequest, pk: uuid.UUID) -> WebhookDestination:
    rows = WebhookDestination.objects.select_related("connection")
    return get_object_or_404(rows, organization=current_organization(request), pk=pk)
