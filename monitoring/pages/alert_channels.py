"""Where alerts are told: added with help for each service, tested, switched off, deleted."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.errors import IntegrationError, InvalidRequest
from integrations.pages.paging import newest
from integrations.pages.rendering import current_organization, page, staff_page
from integrations.retelling import retold

from ..alerting.channels import create_channel, delete_channel, update_channel
from ..alerting.deliver import send_test
from ..alerting.services import SERVICES
from ..models import AlertChannel, AlertNotification
from .alert_forms import ChannelForm


@require_safe
@staff_page("monitoring.view_alertchannel")
def channels(request: HttpRequest) -> HttpResponse:
    rows = AlertChannel.objects.filter(organization=current_organization(request))
    return page(request, "monitoring/alerts/channels.html", {"title": _("Alert channels"), "channels": rows})


@sensitive_post_parameters("url")
@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.add_alertchannel")
def new_channel(request: HttpRequest) -> HttpResponseBase:
    form = ChannelForm(request.POST or None)
    if form.is_valid():
        try:
            made = create_channel(current_organization(request), **form.settings())
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The channel is added. Send a test to see whether it works."))
            return redirect("alert-channel", pk=made.pk)
    return _form(request, form, _("New channel"))


@sensitive_post_parameters("url")
@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.change_alertchannel")
def change_channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    form = ChannelForm(request.POST or None, channel=found)
    if form.is_valid():
        try:
            update_channel(found, **form.settings())
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The channel is changed."))
            return redirect("alert-channel", pk=pk)
    return _form(request, form, found.name, channel=found)


@require_safe
@staff_page("monitoring.view_alertchannel")
def channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _found(request, pk)
    stretch = newest(found.notifications.select_related("alert"), request.GET.get("before", ""))
    context = {"title": found.name, "channel": found, "stretch": stretch}
    return page(request, "monitoring/alerts/channel.html", context)


@require_POST
@staff_page("monitoring.change_alertchannel")
def test_channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    sent = send_test(_found(request, pk))
    if sent.status == AlertNotification.Status.SENT:
        messages.success(request, _("The test message was sent: look whether it has arrived."))
    else:
        messages.error(request, _("The test message was not sent: {error}").format(error=retold(sent.error)))
    return redirect("alert-channel", pk=pk)


@require_POST
@staff_page("monitoring.change_alertchannel")
def toggle_channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    update_channel(found, is_active=not found.is_active)
    messages.success(request, _("The channel is off.") if found.is_active else _("The channel is on."))
    return redirect("alert-channel", pk=pk)


@require_POST
@staff_page("monitoring.delete_alertchannel")
def remove_channel(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    delete_channel(_found(request, pk))
    messages.success(request, _("The channel is deleted."))
    return redirect("alert-channels")


def _form(request: HttpRequest, form: ChannelForm, title: str, channel: AlertChannel | None = None) -> HttpResponse:
    context = {"title": title, "form": form, "channel": channel, "services": SERVICES}
    return page(request, "monitoring/alerts/channel_form.html", context, status=400 if form.errors else 200)


def _blame(form: ChannelForm, error: IntegrationError) -> None:
    """Whatever is not about the name is about where the address leads."""
    field = error.field if isinstance(error, InvalidRequest) else "url"
    form.add_error(field if field in form.fields else None, error.translated())


def _found(request: HttpRequest, pk: uuid.UUID) -> AlertChannel:
    return get_object_or_404(AlertChannel, organization=current_organization(request), pk=pk)
