"""Every call, to be read."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)

from integrations.admin.base import LoggedAdmin
from monitoring.log_places import around
from monitoring.models import CallLog

UNLESS_SAID = timedelta(days=31)


class PeriodFilter(RangeDateTimeFilter):
    """The log is partitioned by time: without a beginning the newest month is looked into."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        rows: QuerySet[Any] | None = super().queryset(request, queryset)
        if rows is None or all(self.used_parameters.get(f"created_at_from_{part}") for part in (0, 1)):
            return rows
        return rows.filter(created_at__gte=timezone.now() - UNLESS_SAID)


@admin.register(CallLog)
class CallLogAdmin(LoggedAdmin):
    list_display = (
        "created_at", "connection_label", "method", "endpoint", "response_status", "response_time_ms", "error_code",
    )  # fmt: skip
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("log_type", ChoicesDropdownFilter),
        ("created_at", PeriodFilter),
    )
    search_fields = ("=request_id",)
    search_help_text = _("Search by request id. Without a beginning, calls of the last 31 days are listed.")

    def get_object(self, request: HttpRequest, object_id: str, from_field: None = None) -> CallLog | None:
        try:
            pk = uuid.UUID(str(object_id))
        except ValueError:
            return None
        when = around(pk)
        if when is None:
            return None
        found: CallLog | None = self.get_queryset(request).filter(when, pk=pk).first()
        return found
