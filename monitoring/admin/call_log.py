"""Every call, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)

from integrations.admin.base import LoggedAdmin
from monitoring.models import CallLog


@admin.register(CallLog)
class CallLogAdmin(LoggedAdmin):
    list_display = (
        "created_at", "connection_label", "method", "endpoint", "response_status", "response_time_ms", "error_code",
    )  # fmt: skip
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("log_type", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("=request_id",)
    search_help_text = _("Search by request id")
