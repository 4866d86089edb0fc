"""What calls and checks add up to, to be read."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display

from integrations.admin.base import LoggedAdmin, RecordAdmin, TenantRecordAdmin
from monitoring.models import DailyAnalytics, DailyTotals, HourlyMetrics, RollupWatermark

_LEVELS = {"hourly": _("Hourly metrics")}


@admin.register(HourlyMetrics)
class HourlyMetricsAdmin(LoggedAdmin):
    list_display = ("hour", "connection_label", "requests", "failures", "p50_ms", "p95_ms", "rate_limited", "cost_aed")
    list_filter = (("connection", AutocompleteSelectFilter), ("hour", RangeDateTimeFilter))
    exclude = ("response_time_histogram",)


@admin.register(DailyAnalytics)
class DailyAnalyticsAdmin(LoggedAdmin):
    list_display = (
        "date", "connection_label", "total_requests", "failed_requests", "error_rate_percent", "uptime_percent",
        "avg_response_time_ms", "total_cost_aed",
    )  # fmt: skip
    list_filter = (("connection", AutocompleteSelectFilter), ("date", RangeDateFilter))
    exclude = ("response_time_histogram",)


@admin.register(DailyTotals)
class DailyTotalsAdmin(TenantRecordAdmin):
    list_display = (
        "date", "organization", "level", "provider", "environment", "requests", "failures", "webhooks_received",
        "cost_aed",
    )  # fmt: skip
    list_select_related = ("organization", "provider")
    list_filter = ("level", ("organization", AutocompleteSelectFilter), ("date", RangeDateFilter))
    exclude = ("response_time_histogram",)


@admin.register(RollupWatermark)
class RollupWatermarkAdmin(RecordAdmin):
    list_display = ("named", "counted_until")
    fields = list_display

    @display(description=_("level"))
    def named(self, watermark: RollupWatermark) -> str:
        return str(_LEVELS.get(watermark.level, watermark.level))

    @display(description=_("Counted up to"))
    def counted_until(self, watermark: RollupWatermark) -> datetime:
        return watermark.read_until
