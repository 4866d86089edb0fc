"""The rules by which alerts are opened and told."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from integrations.errors import IntegrationError, InvalidRequest
from integrations.pages.rendering import current_organization, page, staff_page

from ..alerting.messages import duration
from ..alerting.rules import create_rule, delete_rule, update_rule
from ..models import Alert, AlertRule
from .alert_forms import RuleForm


@require_safe
@staff_page("monitoring.view_alertrule")
def rules(request: HttpRequest) -> HttpResponse:
    rows = AlertRule.objects.filter(organization=current_organization(request)).select_related("connection")
    told = rows.annotate(
        first_count=Count("chosen", filter=Q(chosen__is_escalation=False)),
        escalation_count=Count("chosen", filter=Q(chosen__is_escalation=True)),
    )
    shown = list(told)
    for rule in shown:
        rule.pause = duration(timedelta(minutes=rule.repeat_minutes or 0))  # type: ignore[attr-defined]  # for the template
    return page(request, "monitoring/alerts/rules.html", {"title": _("Alert rules"), "rules": shown})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.add_alertrule")
def new_rule(request: HttpRequest) -> HttpResponseBase:
    """First its kind, then what that kind wants to know."""
    kind = request.GET.get("kind", "")
    if kind not in Alert.Kind.values:
        return page(request, "monitoring/alerts/rule_kinds.html", {"title": _("New rule"), "kinds": Alert.Kind.choices})
    organization = current_organization(request)
    form = RuleForm(request.POST or None, organization=organization, kind=kind)
    if form.is_valid():
        try:
            create_rule(organization, kind=kind, **form.cleaned_data)
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The rule is in force."))
            return redirect("alert-rules")
    return _shown(request, form, _("New rule"))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page("monitoring.change_alertrule")
def change_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    rule = _found(request, pk)
    form = RuleForm(request.POST or None, organization=current_organization(request), kind=rule.kind, rule=rule)
    if form.is_valid():
        try:
            update_rule(rule, **form.cleaned_data)
        except IntegrationError as error:
            _blame(form, error)
        else:
            messages.success(request, _("The rule is changed."))
            return redirect("alert-rules")
    return _shown(request, form, str(_found(request, pk)), rule=rule)


@require_POST
@staff_page("monitoring.delete_alertrule")
def remove_rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    delete_rule(_found(request, pk))
    messages.success(request, _("The rule is deleted."))
    return redirect("alert-rules")


def _shown(request: HttpRequest, form: RuleForm, title: str, rule: AlertRule | None = None) -> HttpResponse:
    context = {"title": title, "form": form, "rule": rule, "kind": form.instance.get_kind_display()}
    return page(request, "monitoring/alerts/rule.html", context, status=400 if form.errors else 200)


def _blame(form: RuleForm, error: IntegrationError) -> None:
    field = error.field if isinstance(error, InvalidRequest) else ""
    form.add_error(field if field in form.fields else None, error.translated())


def _found(request: HttpRequest, pk: uuid.UUID) -> AlertRule:
    return get_object_or_404(AlertRule, organization=current_organization(request), pk=pk)
