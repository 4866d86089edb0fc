"""The addresses that providers call: made, shown, paused, and given a new secret here."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.pages.rendering import current_organization, page, piece_of, staff_page
from integrations.providers.registry import providers

from ..endpoints import address_for, create_endpoint, rotate_secret, update_endpoint
from ..models import WebhookEndpoint
from ..own_secrets import signs_with_api_key
from ..samples import sampled_types
from ..tallies import hours_of
from .endpoint_forms import EventPicker, NewEndpointForm, listening, provider_of


@require_http_methods(["GET", "POST"])
@staff_page("webhooks.add_webhookendpoint")
def new_endpoint(request: HttpRequest) -> HttpResponseBase:
    chosen = _chosen_connection(request)
    form = NewEndpointForm(current_organization(request), request.POST or None, initial={"connection": chosen})
    provider = provider_of(chosen)
    picker = EventPicker(provider, request.POST or None)
    if form.is_valid() & picker.is_valid():
        try:
            return _created(request, form.cleaned_data, picker.event_types)
        except IntegrationError as error:
            form.add_error(None, error.translated())
    context = {"title": _("New webhook address"), "form": form, "picker": picker, "provider": provider}
    return page(request, "webhooks/endpoint_new.html", context, status=400 if form.errors or picker.errors else 200)


@require_GET
@staff_page("webhooks.add_webhookendpoint")
@piece_of("webhook-endpoint-new", anchor="event-choices")
def event_choices(request: HttpRequest) -> HttpResponseBase:
    """The events to pick from, and where the secret is found, for the connection that has just been chosen."""
    provider = provider_of(_chosen_connection(request))
    context = {"picker": EventPicker(provider), "provider": provider, "is_swap": True}
    return page(request, "webhooks/_event_choices.html", context)


def _chosen_connection(request: HttpRequest) -> Connection | None:
    given = request.POST.get("connection") or request.GET.get("connection") or ""
    offered = {str(one.pk): one for one in listening(current_organization(request))}
    return offered.get(given) or (next(iter(offered.values()), None) if not given else None)


def _created(request: HttpRequest, chosen: dict[str, Any], event_types: list[str]) -> HttpResponse:
    """The secret is shown on this one answer and nowhere again, so there is no redirect that would repeat it."""
    connection: Connection = chosen["connection"]
    given = chosen["webhook_secret"]
    endpoint, secret = create_endpoint(
        connection,
        event_types=event_types,
        webhook_secret=given,
        register=chosen["register"] and _registers(connection),
    )
    return _shown(request, endpoint, secret="" if given else secret)


@require_GET
@staff_page("webhooks.view_webhookendpoint")
def endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    return _shown(request, found_endpoint(request, pk), secret="")


@require_http_methods(["GET", "POST"])
@staff_page("webhooks.change_webhookendpoint")
def edit_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """Which events it acts on."""
    found = found_endpoint(request, pk)
    picker = EventPicker(provider_of(found.connection), request.POST or None, chosen=found.event_types)
    if picker.is_valid():
        try:
            update_endpoint(found, event_types=picker.event_types)
        except IntegrationError as error:
            picker.add_error("others", error.translated())
        else:
            messages.success(request, _("From now on it acts on these events."))
            return redirect("webhook-endpoint", pk=pk)
    context = {
        "title": _("Events of the address"),
        "subtitle": found.connection.connection_name,
        "endpoint": found,
        "picker": picker,
    }
    return page(request, "webhooks/endpoint_edit.html", context, status=400 if picker.errors else 200)


@require_POST
@staff_page("webhooks.change_webhookendpoint")
def rotate_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The secret that the provider has issued, or a new one of ours; the old one stays valid for a day, so that nothing
    on its way is lost."""
    found, given = found_endpoint(request, pk), request.POST.get("webhook_secret", "").strip()
    try:
        secret = rotate_secret(found, webhook_secret=given)
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("webhook-endpoint", pk=pk)
    if secret and not given:
        return _shown(request, found, secret=secret)
    messages.success(request, _("Its events are verified by this secret now, and for a day by the one before, too."))
    return redirect("webhook-endpoint", pk=pk)


def _shown(request: HttpRequest, found: WebhookEndpoint, *, secret: str) -> HttpResponse:
    provider = providers()[found.connection.provider.slug]
    context = {
        "title": _("Webhook address"),
        "subtitle": found.connection.connection_name,
        "endpoint": found,
        "address": address_for(found, secret) if secret else found.webhook_url,
        "secret": secret,
        "test_types": sampled_types(provider),
        "tests_are_signed": provider.signature is not None and provider.signature.can_sign,
        "provider": provider,
        "signs_with_api_key": signs_with_api_key(provider),
        "provider_name": found.connection.provider.local_name,
        "hours": hours_of([found.pk]),
        "registers": _registers(found.connection),
        "recommended_events": provider.recommended_events,
    }
    return page(request, "webhooks/endpoint.html", context)


def _registers(connection: Connection) -> bool:
    return providers()[connection.provider.slug].registers_webhooks


def found_endpoint(request: HttpRequest, pk: uuid.UUID) -> WebhookEndpoint:
    """Of the organization that the request works for."""
    endpoints = WebhookEndpoint.objects.exclude(webhook_url="").select_related("connection__provider")
    return get_object_or_404(endpoints, organization=current_organization(request), pk=pk)
