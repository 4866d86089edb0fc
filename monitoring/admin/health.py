"""Every check, to be read; by which rules they are judged, and for how long connections were up."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display

from integrations.admin.base import STATUS_LABELS, LoggedAdmin, TenantAdmin, blame
from integrations.errors import InvalidRequest
from monitoring.health_settings import PARTS, change_rule, reset_rule
from monitoring.models import HealthCheck, HealthRule, UptimeDay


@admin.register(HealthCheck)
class HealthCheckAdmin(LoggedAdmin):
    list_display = (
        "check_timestamp",
        "connection_label",
        "state",
        "response_time_ms",
        "http_status_code",
        "check_type",
        "outcome",
        "in_maintenance",
    )
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        ("check_type", ChoicesDropdownFilter),
        ("outcome", ChoicesDropdownFilter),
        ("check_timestamp", RangeDateTimeFilter),
    )

    @display(description=_("status"), label=STATUS_LABELS)
    def state(self, check: HealthCheck) -> tuple[str, str]:
        return check.status, check.get_status_display()


@admin.register(UptimeDay)
class UptimeDayAdmin(LoggedAdmin):
    list_display = ("date", "connection_label", "up_seconds", "down_seconds")
    list_filter = (("connection", AutocompleteSelectFilter),)


class HealthRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = HealthRule
        fields = ("connection", *PARTS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        usual, slow = cleaned.get("baseline_ms"), cleaned.get("slow_ms")
        if usual is not None and slow is not None and usual > slow:
            told = InvalidRequest("What is usual must not be slow: {slow_ms} ms.", slow_ms=slow, field="baseline_ms")
            blame(self, told)
        return cleaned


@admin.register(HealthRule)
class HealthRuleAdmin(TenantAdmin):
    form = HealthRuleForm
    list_display = ("connection", "interval_seconds", "failures_until_down", "successes_until_recovery", "slow_ms")
    list_filter = (("connection", AutocompleteSelectFilter),)
    list_select_related = ("connection",)
    search_fields = ("connection__connection_name",)
    autocomplete_fields = ("connection",)
    fields = ("connection", *PARTS)

    def save_model(self, request: HttpRequest, obj: HealthRule, form: Any, change: bool) -> None:
        saved = change_rule(obj.connection, **{name: form.cleaned_data[name] for name in PARTS})
        if saved.pk is None or not HealthRule.objects.filter(pk=saved.pk).exists():
            saved.save()  # the defaults, kept as a rule of its own
        obj.pk = saved.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: HealthRule) -> None:
        reset_rule(obj.connection)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[HealthRule]) -> None:
        for rule in queryset.select_related("connection"):
            reset_rule(rule.connection)
