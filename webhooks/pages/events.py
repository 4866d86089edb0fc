"""What providers sent: the list, and one event in outline, with its body for who says why."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from integrations.bounded import TookTooLong, reading_within
from integrations.errors import IntegrationError, UnreadablePayload
from integrations.models import Organization
from integrations.pages.paging import newest
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..access import LONGEST_REASON, READ_BODY, download_of, read_body
from ..archive import summary_for
from ..bodies import TooLarge, unpacked
from ..forward.deliveries import deliveries_of
from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent
from ..replay_selection import Selection
from ..tallies import counts_of_a_day, hours_of
from .event_filter import EventFilter
from .outline import outline

ACCESSES_SHOWN = 20
LOOKED_THROUGH = 50_000  # events, where a search says no time: a tenth of a second
SECONDS = 5.0
Action = WebhookAccessLog.Action


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
    form = EventFilter(organization, request.GET)
    context: dict[str, Any] = {"title": _("Webhooks"), "form": form}
    if form.is_valid():
        context |= _events(organization, form.selection, request.GET.get("before", ""))
    if wants_fragment(request):
        return page(request, "webhooks/_events.html", context)
    endpoints = _endpoints(organization, form.cleaned_data.get("connection"))
    context |= {
        "endpoints": endpoints,
        "hours": hours_of(endpoint.pk for endpoint in endpoints),
        "counts": counts_of_a_day(organization.pk),
    }
    return page(request, "webhooks/webhooks.html", context, status=200 if form.is_valid() else 400)


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
    return _shown(request, found, form, body=_readable(_unpacked(read, found)))


def _found(request: HttpRequest, pk: uuid.UUID) -> WebhookEvent:
    return get_object_or_404(_of(current_organization(request)), pk=pk)


def _shown(
    request: HttpRequest, found: WebhookEvent, form: ReasonForm, *, body: str | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "title": _("Webhook event"),
        "subtitle": found.event_type,
        "event": found,
        "payload": outline(summary_for(found)),
        "form": form,
        "body": body,
        "deliveries": deliveries_of(found),
        "accesses": WebhookAccessLog.objects.filter(webhook_event=found)[:ACCESSES_SHOWN],
    }
    return page(request, "webhooks/event.html", context, status=status)


def _of(organization: Organization) -> QuerySet[WebhookEvent]:
    return (
        WebhookEvent.objects.filter(organization=organization)
        .select_related("webhook_endpoint__connection__provider")
        .order_by("-id")
    )


def _events(organization: Organization, selection: Selection, before: str) -> dict[str, Any]:
    """A page of events by key, or why there is none.

    What they belong to is read apart: joined, it can have PostgreSQL sort all events before it takes the first fifty.
    """
    events = WebhookEvent.objects.filter(organization=organization).prefetch_related("webhook_endpoint__connection")
    try:
        with reading_within(SECONDS):
            searched = selection.among_newest(events, LOOKED_THROUGH)
            stretch = newest(searched.among(events.defer("raw_body", "payload", "headers", "body_key")), before)
    except TookTooLong:
        return {"took_too_long": True}
    return {
        "stretch": stretch,
        "is_newest": not before,
        "chosen": _as_form(searched),
        "looked_through": LOOKED_THROUGH,
        "looked_through_since": searched.since if searched != selection else None,
    }


def _as_form(selection: Selection) -> dict[str, str]:
    """By the names of ReplayForm."""
    names = {"text": "q", "event_type": "type"}
    return {names.get(name, name): value for name, value in selection.filters.items()}


def _endpoints(organization: Organization, connection: uuid.UUID | None) -> list[WebhookEndpoint]:
    ours = WebhookEndpoint.objects.filter(organization=organization).exclude(webhook_url="")
    endpoints = ours.select_related("connection__provider")
    if connection:
        endpoints = endpoints.filter(connection=connection)
    return list(endpoints[:60])


def _unpacked(raw: bytes, event: WebhookEvent) -> bytes:
    try:
        return unpacked(raw, event.headers)
    except (TooLarge, UnreadablePayload):
        return raw  # a lower limit than the door had: as it lies there


def _readable(raw: bytes) -> str:
    """The body indented where it is JSON, else as text."""
    try:
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
    # Escaped, JSON may hold half of a character, which no page can.
    return text.encode(errors="replace").decode()
