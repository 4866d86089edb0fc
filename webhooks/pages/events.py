"""What providers sent: the list, one event with its body, and the button that applies it again."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from integrations.models import Organization
from integrations.models.base import first_uuid7
from integrations.pages.rendering import current_organization, page, staff_page
from integrations.request_id import current_origin

from ..forward.deliveries import deliveries_of
from ..inbox import replay_event
from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent

PAGE_SIZE = 50


class EventFilter(forms.Form):
    q = forms.CharField(label=gettext_lazy("Event id or type"), required=False, max_length=255)
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[("", gettext_lazy("Any status")), *WebhookEvent.Status.choices],
    )
    connection = forms.UUIDField(required=False, widget=forms.HiddenInput)
    endpoint = forms.UUIDField(required=False, widget=forms.HiddenInput)
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)


@require_GET
@staff_page("webhooks.view_webhookevent")
def webhooks(request: HttpRequest) -> HttpResponse:
    """Endpoints above, the newest events below; htmx fetches the events alone."""
    organization = current_organization(request)
    form = EventFilter(request.GET)
    chosen = form.cleaned_data if form.is_valid() else {}
    context = {"title": _("Webhooks"), "form": form, **_events(organization, chosen)}
    if request.headers.get("HX-Request"):
        return page(request, "webhooks/_events.html", context)
    context |= {"endpoints": _endpoints(organization, chosen), "counts": _counts_of_a_day(organization)}
    return page(request, "webhooks/webhooks.html", context)


@require_GET
@staff_page("webhooks.view_webhookevent")
def event(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """One event. Showing its body is reading personal data, so who did is written down first."""
    found = get_object_or_404(_of(current_organization(request)), pk=pk)
    origin = current_origin()
    WebhookAccessLog.objects.create(
        organization_id=found.organization_id,
        webhook_event=found,
        actor=origin.actor,
        user_id=origin.user_id,
        ip_address=origin.ip_address,
        reason="page",
    )
    context = {"title": found.event_type, "subtitle": found.event_id, "event": found, "body": _readable(found)}
    context["deliveries"] = deliveries_of(found)
    return page(request, "webhooks/event.html", context)


@require_POST
@staff_page("webhooks.change_webhookevent")
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = get_object_or_404(_of(current_organization(request)), pk=pk)
    replay_event(found)
    messages.success(request, _("The event is due again. Applying it twice changes nothing that is already so."))
    return redirect("webhook-event", pk=pk)


def _of(organization: Organization) -> QuerySet[WebhookEvent]:
    return (
        WebhookEvent.objects.filter(organization=organization)
        .select_related("webhook_endpoint__connection__provider")
        .order_by("-id")
    )


def _events(organization: Organization, chosen: dict[str, Any]) -> dict[str, Any]:
    """A page of events by key: it costs the same on the first page and on the thousandth."""
    rows = _of(organization).defer("raw_body", "payload", "headers")
    if chosen.get("q"):
        rows = rows.filter(Q(event_id=chosen["q"]) | Q(event_type__startswith=chosen["q"]))
    if chosen.get("status"):
        rows = rows.filter(processing_status=chosen["status"])
    if chosen.get("connection"):
        rows = rows.filter(webhook_endpoint__connection=chosen["connection"])
    if chosen.get("endpoint"):
        rows = rows.filter(webhook_endpoint=chosen["endpoint"])
    if chosen.get("before"):
        rows = rows.filter(pk__lt=chosen["before"])
    found = list(rows[: PAGE_SIZE + 1])
    return {"events": found[:PAGE_SIZE], "has_older": len(found) > PAGE_SIZE, "is_newest": not chosen.get("before")}


def _endpoints(organization: Organization, chosen: dict[str, Any]) -> list[WebhookEndpoint]:
    endpoints = WebhookEndpoint.objects.filter(organization=organization).select_related("connection__provider")
    if chosen.get("connection"):
        endpoints = endpoints.filter(connection=chosen["connection"])
    return list(endpoints[:60])


def _counts_of_a_day(organization: Organization) -> dict[str, int]:
    since = first_uuid7(timezone.now() - timedelta(days=1))
    statuses = WebhookEvent.Status
    return WebhookEvent.objects.filter(organization=organization, pk__gte=since).aggregate(
        received=Count("pk"),
        completed=Count("pk", filter=Q(processing_status=statuses.COMPLETED)),
        waiting=Count("pk", filter=Q(processing_status__in=[statuses.PENDING, statuses.PROCESSING, statuses.RETRYING])),
        failed=Count("pk", filter=Q(processing_status=statuses.FAILED)),
    )


def _readable(found: WebhookEvent) -> str:
    """The body indented where it is JSON, else as text; archived bodies are read in the archive."""
    raw = bytes(found.raw_body or b"")
    try:
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
    # Escaped, JSON may hold half of a character, which no page can.
    return text.encode(errors="replace").decode()
