"""Maintenance windows, as people announce and end them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from integrations.errors import InvalidRequest
from integrations.models import Connection, IntegrationProvider, Organization, User
from integrations.pages.moment_field import MomentField
from integrations.pages.rendering import current_organization, page, staff_page

from ..maintenance import end_window, schedule_window
from ..models import MaintenanceWindow


class WindowForm(forms.Form):
    """`scope`: empty for all, `provider:` or `connection:` with a key."""

    scope = forms.ChoiceField(
        label=gettext_lazy("What it concerns"), required=False, widget=forms.Select({"class": "hub-input"})
    )
    starts_at = MomentField(label=gettext_lazy("From"))
    ends_at = MomentField(label=gettext_lazy("Until"))
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=200, widget=forms.TextInput({"class": "hub-input"}),
        help_text=gettext_lazy("What is being done: whoever sees the connection fail reads it."),
    )  # fmt: skip

    def __init__(self, *args: Any, organization: Organization, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connections = list(Connection.objects.filter(organization=organization).order_by("connection_name"))
        used = {one.provider_id for one in self._connections}
        self._providers = list(IntegrationProvider.objects.filter(pk__in=used).order_by("provider_name"))
        scope: Any = self.fields["scope"]
        scope.choices = [
            ("", _("All connections")),
            (_("All of a provider"), [(f"provider:{one.pk}", one.local_name) for one in self._providers]),
            (_("One connection"), [(f"connection:{one.pk}", one.connection_name) for one in self._connections]),
        ]

    @property
    def subject(self) -> dict[str, Any]:
        """What `schedule_window` takes for the scope that was chosen."""
        kind, _colon, key = self.cleaned_data["scope"].partition(":")
        rows: list[Any] = [*self._providers, *self._connections]
        return {kind: next(one for one in rows if str(one.pk) == key)} if kind else {}


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.add_maintenancewindow")
def new(request: HttpRequest) -> HttpResponse:
    organization = current_organization(request)
    form = WindowForm(request.POST or None, organization=organization, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("starts_at", "ends_at", "reason")}
        by = request.user if isinstance(request.user, User) else None
        try:
            schedule_window(organization, created_by=by, **form.subject, **given)
        except InvalidRequest as error:
            form.add_error(error.field if error.field in form.fields else None, error.translated())
        else:
            messages.success(request, _("The window is announced: failures in it alarm nobody."))
            return redirect("health")
    context = {"title": _("New maintenance window"), "form": form}
    return page(request, "monitoring/health_window.html", context, status=400 if form.errors else 200)


@require_POST
@staff_page("monitoring.change_maintenancewindow")
def end(request: HttpRequest, window_id: uuid.UUID) -> HttpResponse:
    own = MaintenanceWindow.objects.filter(organization=current_organization(request))
    end_window(get_object_or_404(own, pk=window_id))
    messages.success(request, _("The window is over."))
    return redirect("health")


def _initial(request: HttpRequest) -> dict[str, Any]:
    """From the next full five minutes on for an hour; of the connection in the address."""
    start = _next_five_minutes(timezone.now())
    connection = request.GET.get("connection", "")
    return {
        "scope": f"connection:{connection}" if connection else "",
        "starts_at": start,
        "ends_at": start + timedelta(hours=1),
    }


def _next_five_minutes(now: datetime) -> datetime:
    whole = now.replace(second=0, microsecond=0)
    return whole + timedelta(minutes=5 - whole.minute % 5)
