"""Every check, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display

from integrations.admin.base import STATUS_LABELS, LoggedAdmin
from monitoring.models import HealthCheck


@admin.register(HealthCheck)
class HealthCheckAdmin(LoggedAdmin):
    list_display = (
        "check_timestamp",
        "connection_label",
        "state",
        "response_time_ms",
        "http_status_code",
        "check_type",
    )
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        ("check_timestamp", RangeDateTimeFilter),
    )

    @display(description=_("status"), label=STATUS_LABELS)  # type: ignore[untyped-decorator]
    def state(self, check: HealthCheck) -> tuple[str, str]:
        return check.status, check.get_status_display()
