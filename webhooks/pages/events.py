"""What providers sent: the list, and one event with its body."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from integrations.models import Organization
from integrations.pages.rendering import current_organization, page, staff_page
from integrations.request_id import current_origin

from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent
from ..replay_selection import Selection
from ..tallies import counts_of_a_day, hours_of

PAGE_SIZE = 50
PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class EventFilter(forms.Form):
    q = forms.CharField(label=gettext_lazy("Event id, subject or error"), required=False, max_length=255)
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[("", gettext_lazy("Any status")), *WebhookEvent.Status.choices],
    )
    type = forms.CharField(label=gettext_lazy("Event type"), required=False, max_length=100)
    endpoint = forms.ModelChoiceField(
        label=gettext_lazy("Address"),
        queryset=WebhookEndpoint.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any address"),
    )
    period = forms.ChoiceField(
        label=gettext_lazy("Period"),
        required=False,
        choices=[
            ("", gettext_lazy("Any time")),
            ("1h", gettext_lazy("Last hour")),
            ("24h", gettext_lazy("Last 24 hours")),
            ("7d", gettext_lazy("Last 7 days")),
            ("30d", gettext_lazy("Last 30 days")),
        ],
    )
    connection = forms.UUIDField(required=False, widget=forms.HiddenInput)
    replay = forms.UUIDField(required=False, widget=forms.HiddenInput)
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        endpoints: Any = self.fields["endpoint"]
        endpoints.queryset = WebhookEndpoint.objects.filter(organization=organization).select_related("connection")
        endpoints.label_from_instance = lambda endpoint: f"{endpoint.connection} …{str(endpoint.pk)[-6:]}"
        for field in self.fields.values():
            field.widget.attrs["class"] = "hub-input"


@require_GET
@staff_page("webhooks.view_webhookevent")
def webhooks(request: HttpRequest) -> HttpResponse:
    """Endpoints above, the newest events below; htmx fetches the events alone."""
    organization = current_organization(request)
    form = EventFilter(organization, request.GET)
    form.is_valid()  # what makes no sense is left out, and an address that is not ours has no events
    chosen = form.cleaned_data
    rows = _of(organization).none() if "endpoint" in form.errors else _of(organization)
    context: dict[str, Any] = {"title": _("Webhooks"), "form": form, **_events(rows, chosen)}
    if request.headers.get("HX-Request"):
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
    return page(request, "webhooks/event.html", context)


def _of(organization: Organization) -> QuerySet[WebhookEvent]:
    return (
        WebhookEvent.objects.filter(organization=organization)
        .select_related("webhook_endpoint__connection__provider")
        .order_by("-id")
    )


def _events(rows: QuerySet[WebhookEvent], chosen: dict[str, Any]) -> dict[str, Any]:
    """A page of events by key: it costs the same on the first page and on the thousandth."""
    selection = _selection(chosen)
    rows = selection.among(rows.defer("raw_body", "payload", "headers")).order_by("-pk")
    if chosen.get("before"):
        rows = rows.filter(pk__lt=chosen["before"])
    found = list(rows[: PAGE_SIZE + 1])
    return {
        "events": found[:PAGE_SIZE],
        "has_older": len(found) > PAGE_SIZE,
        "is_newest": not chosen.get("before"),
        "chosen": _as_form(selection),
    }


def _selection(chosen: dict[str, Any]) -> Selection:
    """What is shown is what "Replay all that fit" replays."""
    endpoint, period = chosen.get("endpoint"), PERIODS.get(chosen.get("period", ""))
    return Selection(
        endpoint=endpoint.pk if endpoint else None,
        connection=chosen.get("connection"),
        replay=chosen.get("replay"),
        status=chosen.get("status", ""),
        event_type=chosen.get("type", ""),
        text=chosen.get("q", ""),
        since=timezone.now() - period if period else None,
    )


def _as_form(selection: Selection) -> dict[str, str]:
    """By the names of ReplayForm."""
    names = {"text": "q", "event_type": "type"}
    return {names.get(name, name): value for name, value in selection.filters.items()}


def _endpoints(organization: Organization, chosen: dict[str, Any]) -> list[WebhookEndpoint]:
    endpoints = WebhookEndpoint.objects.filter(organization=organization).select_related("connection__provider")
    if chosen.get("connection"):
        endpoints = endpoints.filter(connection=chosen["connection"])
    return list(endpoints[:60])


def _readable(found: WebhookEvent) -> str:
    """The body indented where it is JSON, else as text; archived bodies are read in the archive."""
    raw = bytes(found.raw_body or b"")
    try:
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")
    # Escaped, JSON may hold half of a character, which no page can.
    return text.encode(errors="replace").decode()
