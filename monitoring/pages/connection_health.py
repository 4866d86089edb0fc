"""A connection's health on its own page, which is of the floor below and fetches this; and by what it is judged."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.errors import InvalidRequest
from integrations.models import Connection
from integrations.pages.rendering import current_organization, page, piece_of, staff_page, wants_fragment

from ..health import check_connection
from ..health_overview import standings, strip
from ..health_settings import PARTS, change_rule, reset_rule, rule_for
from ..models import HealthCheck, HealthRule

SHOWN_CHECKS = 8


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = HealthRule
        fields = PARTS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs |= {"class": "hub-input hub-input--inline", "inputmode": "decimal", "dir": "ltr"}


@require_safe
@staff_page("monitoring.view_healthcheck")
@piece_of("connection", anchor="connection-health")
def section(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    return _section(request, _one(request, connection_id))


@require_POST
@staff_page("integrations.change_connection")
def check(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """Check it at once; the section then says what was found."""
    connection = _one(request, connection_id)
    found = check_connection(connection)
    if wants_fragment(request):
        return _section(request, connection)
    told = _("%(name)s was checked: %(state)s.")
    messages.info(request, told % {"name": connection, "state": found.get_status_display()})
    return redirect("connection", connection.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.change_healthrule")
def rule(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    connection = _one(request, connection_id)
    form = RuleForm(request.POST or None, instance=rule_for(connection))
    if request.method == "POST" and form.is_valid():
        try:
            change_rule(connection, **form.cleaned_data)
        except InvalidRequest as error:
            form.add_error(error.field if error.field in form.fields else None, error.translated())
        else:
            messages.success(request, _("The next check goes by it."))
            return redirect("connection", connection.pk)
    context = {
        "title": _("How %(name)s is checked") % {"name": connection},
        "connection": connection,
        "form": form,
        "has_rule": HealthRule.objects.filter(connection=connection).exists(),
    }
    return page(request, "monitoring/health_rule.html", context, status=400 if form.errors else 200)


@require_POST
@staff_page("monitoring.change_healthrule")
def reset(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    connection = _one(request, connection_id)
    reset_rule(connection)
    messages.success(request, _("It is checked as all others are."))
    return redirect("connection", connection.pk)


def _section(request: HttpRequest, connection: Connection) -> HttpResponse:
    organization = current_organization(request)
    [standing] = standings(organization, [connection])
    checks = HealthCheck.objects.filter(connection=connection).order_by("-check_timestamp", "-id")
    context = {
        "standing": standing,
        "strip": strip(organization, connection),
        "checks": checks[:SHOWN_CHECKS],
        "rule": rule_for(connection),
        "may_check": request.user.has_perm("integrations.change_connection"),
        "may_change_rule": request.user.has_perm("monitoring.change_healthrule"),
        "may_add_windows": request.user.has_perm("monitoring.add_maintenancewindow"),
    }
    return page(request, "monitoring/_connection_health.html", context)


def _one(request: HttpRequest, connection_id: uuid.UUID) -> Connection:
    own = Connection.objects.filter(organization=current_organization(request))
    return get_object_or_404(own.select_related("provider", "organization"), pk=connection_id)
