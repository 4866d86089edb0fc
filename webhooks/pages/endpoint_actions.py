"""What the buttons of an address do: off and on, pause and go on, send a test event.

A button says what it wants: pressed twice, or on a page that is out of date, it does not do the contrary.
"""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from integrations.errors import IntegrationError
from integrations.pages.rendering import staff_page

from ..endpoints import pause, resume, set_active
from ..models import WebhookEvent
from ..samples import send_test_event
from .endpoints import found_endpoint


@require_POST
@staff_page("webhooks.change_webhookendpoint")
def toggle_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = set_active(found_endpoint(request, pk), active=request.POST.get("active") == "1")
    return _said(request, pk, _("The address is active.") if found.is_active else _("The address is switched off."))


@require_POST
@staff_page("webhooks.change_webhookendpoint")
def pause_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """Paused, it takes events and holds them; going on, they are due at once."""
    found = found_endpoint(request, pk)
    if request.POST.get("paused") == "1":
        pause(found)
        return _said(request, pk, _("Events are taken and held until you let it go on."))
    resume(found)
    return _said(request, pk, _("It goes on: the events that were held are due."))


@require_POST
@staff_page("webhooks.change_webhookendpoint")
def test_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = found_endpoint(request, pk)
    try:
        event = send_test_event(found, request.POST.get("event_type", "")[:100])
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("webhook-endpoint", pk=pk)
    if WebhookEvent.objects.filter(pk=event, signature_verified=True).exists():
        messages.success(request, _("The test event was signed, verified and stored as one from outside."))
    else:
        messages.warning(request, _("The test event was stored. It skipped the signature, which was not checked."))
    return redirect("webhook-event", pk=event)


def _said(request: HttpRequest, pk: uuid.UUID, what: str) -> HttpResponse:
    messages.success(request, what)
    return redirect("webhook-endpoint", pk=pk)
