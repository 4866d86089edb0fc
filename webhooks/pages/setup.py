"""The address of one connection, made and told: the last step of setting up a gateway, and a page of its own later."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.pages.rendering import current_organization, page, staff_page
from integrations.pages.setup import TITLES
from integrations.providers.base import Provider
from integrations.providers.registry import get_provider

from ..endpoints import address_for, create_endpoint, rotate_secret
from ..models import WebhookEndpoint
from ..own_secrets import has_own_secret, must_be_brought, signs_with_api_key

_LONGEST_SECRET = 512


@sensitive_post_parameters("webhook_secret")
@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("webhooks.view_webhookendpoint")
def connection_webhooks(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponseBase:
    """A POST makes the address, and tells the gateway where it takes that by its API, unless a person is to; or brings
    the signing secret that the gateway issued for it."""
    connections = Connection.objects.filter(organization=current_organization(request))
    connection = get_object_or_404(connections.select_related("provider", "organization"), pk=connection_id)
    provider = get_provider(connection.provider.slug)
    if provider.signature is None:
        raise Http404
    if request.method != "POST":
        return _shown(request, connection, provider, _endpoint_of(connection))
    if request.POST.get("action") == "secret":
        return _bring_secret(request, connection, provider)
    return _make(request, connection, provider)


def _make(request: HttpRequest, connection: Connection, provider: Provider) -> HttpResponseBase:
    """The secret is on this one answer and nowhere again, so that there is no redirect; made twice, it is made once."""
    if not request.user.has_perm("webhooks.add_webhookendpoint"):
        raise PermissionDenied
    if _endpoint_of(connection) is not None:
        return _back(request)
    registers = provider.registers_webhooks and request.POST.get("action") != "make_by_hand"
    brought = request.POST.get("webhook_secret", "").strip() if must_be_brought(connection, provider) else ""
    try:
        endpoint, secret = create_endpoint(connection, webhook_secret=brought, register=registers, secret_follows=True)
    except IntegrationError as error:
        messages.error(request, error.translated())
        return _back(request)
    shown = "" if registers or brought else secret
    return _shown(request, connection, provider, endpoint, secret=shown, was_registered=registers)


def _bring_secret(request: HttpRequest, connection: Connection, provider: Provider) -> HttpResponseBase:
    if not request.user.has_perm("webhooks.change_webhookendpoint"):
        raise PermissionDenied
    endpoint, given = _endpoint_of(connection), request.POST.get("webhook_secret", "").strip()
    if endpoint is None:
        raise Http404
    if not given or len(given) > _LONGEST_SECRET:
        messages.error(request, _("Enter the signing secret as the gateway shows it."))
        return _back(request)
    try:
        rotate_secret(endpoint, webhook_secret=given, told_by_hand=True)
    except IntegrationError as error:
        messages.error(request, error.translated())
    else:
        messages.success(request, _("The signing secret is in use."))
    return _back(request)


def _shown(
    request: HttpRequest,
    connection: Connection,
    provider: Provider,
    endpoint: WebhookEndpoint | None,
    *,
    secret: str = "",
    was_registered: bool | None = None,
) -> HttpResponse:
    """`secret` is ours, to be entered there. `was_registered`: just now, by a call; later nobody knows who told it."""
    awaits_secret = endpoint is not None and not endpoint.webhook_secret.reveal()
    context: dict[str, Any] = {
        "title": _("Webhooks"),
        "subtitle": connection.connection_name,
        "connection": connection,
        "provider": provider,
        "endpoint": endpoint,
        "address": _address(endpoint, secret),
        "secret": secret,
        "awaits_secret": awaits_secret,
        "is_by_hand": not provider.registers_webhooks or awaits_secret or was_registered is False,
        "was_registered": was_registered,
        "needs_secret": endpoint is None and must_be_brought(connection, provider),
        "signs_with_key": signs_with_api_key(provider),
        "knows_secret": endpoint is not None and has_own_secret(endpoint),
        "in_setup": request.GET.get("setup") == "1",
        "titles": [*TITLES.values(), _("Webhooks")],
    }
    return page(request, "webhooks/setup.html", context)


def _address(endpoint: WebhookEndpoint | None, secret: str) -> str:
    if endpoint is None:
        return ""
    return address_for(endpoint, secret) if secret else endpoint.webhook_url


def _endpoint_of(connection: Connection) -> WebhookEndpoint | None:
    """The newest that is active."""
    endpoints = WebhookEndpoint.objects.filter(connection=connection, is_active=True).order_by("-pk")
    return endpoints.select_related("connection__provider").first()


def _back(request: HttpRequest) -> HttpResponseBase:
    return redirect(request.get_full_path())
