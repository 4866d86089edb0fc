"""When nobody is told."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.errors import IntegrationError, InvalidRequest
from integrations.pages.rendering import current_organization, page, staff_page

from ..alerting.silence_input import create_silence, delete_silence, update_silence
from ..alerting.silences import silent_until
from ..models import AlertSilence
from .alert_forms import WEEKDAYS, SilenceForm


@require_safe
@staff_page("monitoring.view_alertsilence")
def silences(request: HttpRequest) -> HttpResponse:
    organization, now = current_organization(request), timezone.now()
    rows = list(AlertSilence.objects.filter(organization=organization).select_related("organization", "connection"))
    names = dict(WEEKDAYS)
    shown = [
        {
            "silence": silence,
            "days": [names[day] for day in silence.weekdays],
            "until": silent_until(silence, now),
            "is_over": bool(silence.ends_at and silence.ends_at <= now),
        }
        for silence in rows
    ]
    return page(request, "monitoring/alerts/silences.html", {"title": _("Alert silences"), "silences": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.add_alertsilence")
def new_silence(request: HttpRequest) -> HttpResponseBase:
    is_weekly = request.GET.get("every") == "week"
    return _edited(request, is_weekly=is_weekly)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.change_alertsilence")
def change_silence(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    silence = _found(request, pk)
    return _edited(request, is_weekly=silence.is_weekly, silence=silence)


@require_POST
@staff_page("monitoring.delete_alertsilence")
def remove_silence(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    delete_silence(_found(request, pk))
    messages.success(request, _("The silence is deleted."))
    return redirect("alert-silences")


def _edited(request: HttpRequest, *, is_weekly: bool, silence: AlertSilence | None = None) -> HttpResponseBase:
    organization = current_organization(request)
    form = SilenceForm(request.POST or None, organization=organization, is_weekly=is_weekly, silence=silence)
    if form.is_valid() and _saved(request, form, silence):
        return redirect("alert-silences")
    title = silence.name if silence else _("Silent every week") if is_weekly else _("Silent once")
    context = {"title": title, "form": form, "silence": silence, "zone": organization.timezone}
    return page(request, "monitoring/alerts/silence.html", context, status=400 if form.errors else 200)


def _saved(request: HttpRequest, form: SilenceForm, silence: AlertSilence | None) -> bool:
    try:
        if silence is None:
            create_silence(current_organization(request), **form.cleaned_data)
        else:
            update_silence(silence, **form.cleaned_data)
    except IntegrationError as error:
        field = error.field if isinstance(error, InvalidRequest) else ""
        form.add_error(field if field in form.fields else None, error.translated())
        return False
    messages.success(request, _("The silence is saved."))
    return True


def _found(request: HttpRequest, pk: uuid.UUID) -> AlertSilence:
    return get_object_or_404(AlertSilence, organization=current_organization(request), pk=pk)
