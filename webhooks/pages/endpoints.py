"""The addresses that providers call: made, shown, paused, and given a new secret here."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from integrations.errors import IntegrationError
from integrations.models import Connection, Organization
from integrations.pages.rendering import current_organization, page, staff_page
from integrations.providers.registry import providers

from ..endpoints import create_endpoint, rotate_secret, set_active
from ..models import WebhookEndpoint


def _listening_slugs() -> list[str]:
    return [slug for slug, provider in providers().items() if provider.signature is not None]


class EndpointForm(forms.Form):
    connection = forms.ModelChoiceField(
        label=gettext_lazy("Connection"),
        queryset=Connection.objects.none(),
        widget=forms.Select(attrs={"class": "hub-input"}),
    )
    event_types = forms.CharField(
        label=gettext_lazy("Event types"),
        required=False,
        help_text=gettext_lazy("The provider's names of the events to act on, separated by spaces. Empty: all."),
        widget=forms.TextInput(attrs={"class": "hub-input", "dir": "ltr"}),
    )
    webhook_secret = forms.CharField(
        label=gettext_lazy("Signing secret"),
        required=False,
        strip=True,
        help_text=gettext_lazy("Where the provider issues one, paste it. Left empty, one is made and shown once."),
        widget=forms.PasswordInput(attrs={"class": "hub-input", "autocomplete": "off", "dir": "ltr"}),
    )
    register = forms.BooleanField(
        label=gettext_lazy("Tell the provider the address"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Where its API allows that; otherwise enter the address in its dashboard."),
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listening = Connection.objects.filter(organization=organization, provider__slug__in=_listening_slugs())
        choices: Any = self.fields["connection"]
        choices.queryset = listening.select_related("provider").order_by("connection_name")


@require_http_methods(["GET", "POST"])
@staff_page("webhooks.add_webhookendpoint")
def new_endpoint(request: HttpRequest) -> HttpResponseBase:
    organization = current_organization(request)
    form = EndpointForm(organization, request.POST or None, initial={"connection": request.GET.get("connection")})
    if form.is_valid():
        try:
            return _created(request, form.cleaned_data)
        except IntegrationError as error:
            form.add_error(None, error.translated())
    context = {"title": _("New webhook address"), "form": form}
    return page(request, "webhooks/endpoint_new.html", context, status=400 if form.errors else 200)


def _created(request: HttpRequest, chosen: dict[str, Any]) -> HttpResponse:
    """The secret is shown on this one answer and nowhere again, so there is no redirect that would repeat it."""
    connection: Connection = chosen["connection"]
    given = chosen["webhook_secret"]
    endpoint, secret = create_endpoint(
        connection,
        event_types=chosen["event_types"].replace(",", " ").split(),
        webhook_secret=given,
        register=chosen["register"] and _registers(connection),
    )
    return _shown(request, endpoint, secret="" if given else secret)


@require_GET
@staff_page("webhooks.view_webhookendpoint")
def endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    return _shown(request, _found(request, pk), secret="")


@require_POST
@staff_page("webhooks.change_webhookendpoint")
def toggle_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    set_active(found, active=not found.is_active)
    messages.success(request, _("The address is active.") if found.is_active else _("The address is switched off."))
    return redirect("webhook-endpoint", pk=pk)


@require_POST
@staff_page("webhooks.change_webhookendpoint")
def rotate_endpoint(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """A new secret of ours; the old one stays valid for a day, so that nothing on its way is lost."""
    found = _found(request, pk)
    return _shown(request, found, secret=rotate_secret(found))


def _shown(request: HttpRequest, found: WebhookEndpoint, *, secret: str) -> HttpResponse:
    provider = providers()[found.connection.provider.slug]
    context = {
        "title": _("Webhook address"),
        "subtitle": found.connection.connection_name,
        "endpoint": found,
        "secret": secret,
        "registers": _registers(found.connection),
        "recommended_events": provider.recommended_events,
    }
    return page(request, "webhooks/endpoint.html", context)


def _registers(connection: Connection) -> bool:
    return providers()[connection.provider.slug].registers_webhooks


def _found(request: HttpRequest, pk: uuid.UUID) -> WebhookEndpoint:
    endpoints = WebhookEndpoint.objects.select_related("connection__provider")
    return get_object_or_404(endpoints, organization=current_organization(request), pk=pk)
