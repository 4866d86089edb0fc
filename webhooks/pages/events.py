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

from integrations.errors import IntegrationError, UnreadablePayload
from integrations.models import Organization
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..access import LONGEST_REASON, READ_BODY, download_of, read_body
from ..archive import summary_for
from ..bodies import TooLarge, unpacked
from ..forward.deliveries import deliveries_of
from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent
from ..replay_selection import Selection
from ..tallies import counts_of_a_day, hours_of
from .event_filter import EventFilter, selection_of
from .outline import outline

PAGE_SIZE = 50
ACCESSES_SHOWN = 20
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
    form.is_valid()
    chosen = form.cleaned_data
    rows = _of(organization).none() if form.not_understood else _of(organization)
    context: dict[str, Any] = {"title": _("Webhooks"), "form": form, **_events(rows, chosen)}
    if wants_fragment(request):
        return page(request, "webhooks/_events.html", context)
    endpoints = _endpoints(organization, chosen)
    context |= {
        "endpoints": endpoints,
        "hours": hours_of(endpoint.pk for endpoint in endpoints),
        "counts": counts_of_a_day(organization.pk),
    }
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


def _events(rows: QuerySet[WebhookEvent], chosen: dict[str, Any]) -> dict[str, Any]:
    """A page of events by key: it costs the same on the first page and on the thousandth."""
    selection = selection_of(chosen)
    rows = selection.among(rows.defer("raw_body", "payload", "headers", "body_key")).order_by("-pk")
    if chosen.get("before"):
        rows = rows.filter(pk__lt=chosen["before"])
    found = list(rows[: PAGE_SIZE + 1])
    return {
        "events": found[:PAGE_SIZE],
        "has_older": len(found) > PAGE_SIZE,
        "is_newest": not chosen.get("before"),
        "chosen": _as_form(selection),
    }


def _as_form(selection: Selection) -> dict[str, str]:
    """By the names of ReplayForm."""
    names = {"text": "q", "event_type": "type"}
    return {names.get(name, name): value for name, value in selection.filters.items()}


def _endpoints(organization: Organization, chosen: dict[str, Any]) -> list[WebhookEndpoint]:
    ours = WebhookEndpoint.objects.filter(organization=organization).exclude(webhook_url="")
    endpoints = ours.select_related("connection__provider")
    if chosen.get("connection"):
        endpoints = endpoints.filter(connection=chosen["connection"])
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
