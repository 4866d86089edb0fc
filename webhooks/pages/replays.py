"""Replays: chosen on the Webhooks page, confirmed with their number, and watched until they are through."""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from integrations.errors import IntegrationError
from integrations.pages.paging import newest
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..models import WebhookEvent, WebhookReplay
from ..rehearsal import rehearse
from ..replay import cancel_replay, outcome_of, replay_event, start_replay
from ..replay_selection import Summary, summarize
from .replay_form import ReplayForm, asked_of

Status = WebhookEvent.Status


@require_POST
@staff_page("webhooks.change_webhookevent")
def new_replay(request: HttpRequest) -> HttpResponseBase:
    """First the number, by state and type, and what it is about; once that is confirmed, the run."""
    organization = current_organization(request)
    form = ReplayForm(organization, request.POST)
    if form.has_wrong_times:
        context = {"title": _("Replay events"), "form": form, "found": Summary()}
        return page(request, "webhooks/replays/new.html", context, status=400)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect(f"{reverse('webhooks')}?{urlencode(form.filters)}")
    selection = form.selection()
    if form.cleaned_data["confirmed"]:
        try:
            return redirect("webhook-replay", pk=start_replay(organization, selection).pk)
        except IntegrationError as error:
            messages.error(request, error.translated())
    found = summarize(selection.among(WebhookEvent.objects.filter(organization=organization)))
    context = {"title": _("Replay events"), "form": form, "found": found, "states": dict(Status.choices)}
    return page(request, "webhooks/replays/new.html", context)


@require_GET
@staff_page("webhooks.view_webhookevent")
def replays(request: HttpRequest) -> HttpResponseBase:
    runs = WebhookReplay.objects.filter(organization=current_organization(request)).defer("event_ids")
    context = {"title": _("Replays"), "stretch": newest(runs, request.GET.get("before", ""))}
    return page(request, "webhooks/replays/list.html", context)


@require_GET
@staff_page("webhooks.view_webhookevent")
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """A run; htmx fetches its progress alone, until nothing of it waits."""
    run = _found(request, pk)
    outcome = outcome_of(run)
    waiting = outcome[Status.PENDING] + outcome[Status.PROCESSING]
    context = {
        "title": _("Replay"),
        "run": run,
        "asked": asked_of(run),
        "key": str(run.pk),
        "outcome": outcome,
        "waiting": waiting,
        "ended": outcome[Status.COMPLETED] + outcome[Status.FAILED],
        "is_moving": run.is_open or waiting,
    }
    is_fragment = wants_fragment(request)
    return page(request, "webhooks/replays/_progress.html" if is_fragment else "webhooks/replays/run.html", context)


@require_POST
@staff_page("webhooks.change_webhookevent")
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    try:
        cancel_replay(_found(request, pk))
        messages.success(request, _("No more events are made due. Those that are, stay so."))
    except IntegrationError as error:
        messages.error(request, error.translated())
    return redirect("webhook-replay", pk=pk)


@require_GET
@staff_page("webhooks.view_webhookevent")
def rehearsal(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """What a replay of one event would do, and the button that does it."""
    event = _event(request, pk)
    context = {"title": _("Replay"), "subtitle": event.event_id, "event": event, "rehearsal": rehearse(event)}
    return page(request, "webhooks/replays/rehearsal.html", context)


@require_POST
@staff_page("webhooks.change_webhookevent")
def replay_one(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    replay_event(_event(request, pk))
    messages.success(request, _("The event is due again. Applying it twice changes nothing that is already so."))
    return redirect("webhook-event", pk=pk)


def _found(request: HttpRequest, pk: uuid.UUID) -> WebhookReplay:
    return get_object_or_404(WebhookReplay, organization=current_organization(request), pk=pk)


def _event(request: HttpRequest, pk: uuid.UUID) -> WebhookEvent:
    events = WebhookEvent.objects.select_related("webhook_endpoint__connection__provider")
    return get_object_or_404(events, organization=current_organization(request), pk=pk)
