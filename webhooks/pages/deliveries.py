"""What was sent to a destination, attempt by attempt, and the buttons that send it again."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_POST, require_safe

from integrations.errors import IntegrationError
from integrations.pages.rendering import current_organization, page, staff_page

from ..forward.deliveries import retry_deliveries, retry_delivery
from ..models import WebhookDelivery, WebhookDestination


@require_safe
@staff_page("webhooks.view_webhookdelivery")
def delivery(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    context = {
        "title": pgettext("webhook", "Delivery"),
        "subtitle": found.event_type,
        "delivery": found,
        "attempts": found.attempts.order_by("-number")[:50],
    }
    return page(request, "webhooks/destinations/delivery.html", context)


@require_POST
@staff_page("webhooks.change_webhookdelivery")
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    try:
        retry_delivery(_found(request, pk))
    except IntegrationError as error:
        messages.error(request, error.translated())
    else:
        messages.success(request, _("It is sent again within seconds."))
    return redirect("webhook-delivery", pk=pk)


@require_POST
@staff_page("webhooks.change_webhookdelivery")
def retry_many(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The chosen deliveries of a destination, or all that failed or were held."""
    organization = current_organization(request)
    destination = get_object_or_404(WebhookDestination, organization=organization, pk=pk)
    chosen = destination.deliveries.all()
    if request.POST.get("all") != "1":
        if not (keys := _chosen(request)):
            messages.error(request, _("First choose what is to be sent again."))
            return redirect("webhook-destination", pk=pk)
        chosen = chosen.filter(pk__in=keys)
    count = retry_deliveries(organization, chosen)
    told = ngettext("%(count)d is sent again within seconds.", "%(count)d are sent again within seconds.", count)
    messages.success(request, told % {"count": count})
    return redirect("webhook-destination", pk=pk)


def _chosen(request: HttpRequest) -> list[uuid.UUID]:
    chosen = []
    for text in request.POST.getlist("delivery")[:1000]:
        try:
            chosen.append(uuid.UUID(text))
        except ValueError:
            continue
    return chosen


def _found(request: HttpRequest, pk: uuid.UUID) -> WebhookDelivery:
    rows = WebhookDelivery.objects.select_related("destination", "event__webhook_endpoint__connection")
    return get_object_or_404(rows, organization=current_organization(request), pk=pk)
