"""The watch's records, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from integrations.admin.base import STATUS_LABELS, LoggedAdmin, RecordAdmin
from monitoring.models import Alert, AuditLog, CallLog, DailyAnalytics, HealthCheck, HourlyMetrics, RollupWatermark


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


@admin.register(Alert)
class AlertAdmin(LoggedAdmin):
    list_display = ("opened_at", "connection_label", "kind", "told", "state")
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("resolved_at", EmptyFieldListFilter),
    )
    fields = ("connection", "kind", "told", "opened_at", "resolved_at")
    readonly_fields = ("told",)

    @display(description=_("message"))  # type: ignore[untyped-decorator]
    def told(self, alert: Alert) -> str:
        return alert.told

    @display(description=_("state"), label={"open": "danger", "resolved": "success"})  # type: ignore[untyped-decorator]
    def state(self, alert: Alert) -> tuple[str, str]:
        return ("resolved", gettext("Resolved")) if alert.resolved_at else ("open", pgettext("alert", "Open"))


@admin.register(RollupWatermark)
class RollupWatermarkAdmin(RecordAdmin):
    list_display = ("level", "read_until")


@admin.register(AuditLog)
class AuditLogAdmin(RecordAdmin):
    list_display = ("created_at", "actor", "action", "object", "ip_address", "request_id")
    list_filter = (("created_at", RangeDateTimeFilter),)
    search_fields = ("actor", "action", "object", "=request_id")
    paginator = InfinitePaginator
    show_full_result_count = False
