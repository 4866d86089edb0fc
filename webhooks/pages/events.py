"""What providers sent: the list, one event in outline with its body for who says why, and the replay of it."""

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

from integrations.errors import IntegrationError
from integrations.models import Organization
from integrations.models.base import first_uuid7
from integrations.pages.rendering import current_organization, page, staff_page

from ..access import LONGEST_REASON, READ_BODY, download_of, read_body
from ..archive import summary_for
from ..inbox import replay_event
from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent
from .outline import outline

PAGE_SIZE = 50
ACCESSES_SHOWN = 20
Action = WebhookAccessLog.Action


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


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why do you need it?"),
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"class": "hub-input", "autocomplete": "off"}),
        help_text=gettext_lazy("It is written in the access log with your name, the time and your address."),
    )
    action = forms.ChoiceField(choices=Action.choices, widget=forms.HiddenInput)


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
    """One event in outline: its summary shows nobody's data."""
    return _shown(request, _found(request, pk), ReasonForm())


@require_POST
@staff_page(READ_BODY)
def body(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The whole body, on the page or as a file. Who reads it, and why, is written down first."""
    found, form = _found(request, pk), ReasonForm(request.POST)
    if not form.is_valid():
        return _shown(request, found, form, status=400)
    action = form.cleaned_data["action"]
    try:
        read = read_body(found, reason=form.cleaned_data["reason"], action=action)
    except IntegrationError as error:
        form.add_error(None, error.translated())
        return _shown(request, found, form, status=error.http_status)
    if action == Action.DOWNLOAD:
        return download_of(found, read)
    return _shown(request, found, form, body=_readable(read))


@require_POST
@staff_page("webhooks.change_webhookevent")
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    replay_event(found)
    messages.success(request, _("The event is due again. Applying it twice changes nothing that is already so."))
    return redirect("webhook-event", pk=pk)


def _found(request: HttpRequest, pk: uuid.UUID) -> WebhookEvent:
    return get_object_or_404(_of(current_organization(request)), pk=pk)


def _shown(
    request: HttpRequest, found: WebhookEvent, form: ReasonForm, *, body: str | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "title": found.event_type,
        "subtitle": found.event_id,
        "event": found,
        "payload": outline(summary_for(found)),
        "form": form,
        "body": body,
        "accesses": WebhookAccessLog.objects.filter(webhook_event=found)[:ACCESSES_SHOWN],
    }
    return page(request, "webhooks/event.html", context, status=status)


def _of(organization: Organization) -> QuerySet[WebhookEvent]:
    return (
        WebhookEvent.objects.filter(organization=organization)
        .select_related("webhook_endpoint__connection__provider")
        .order_by("-id")
    )


def _events(organization: Organization, chosen: dict[str, Any]) -> dict[str, Any]:
    """A page of events by key: it costs the same on the first page and on the thousandth."""
    rows = _of(organization).defer("raw_body", "payload", "headers", "body_key")
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


def _readable(raw: bytes) -> str:
    """The body indented where it is JSON, else as text."""
    try:
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
    # Escaped, JSON may hold half of a character, which no page can.
    return text.encode(errors="replace").decode()
