"""Exports of the log, to be read: their files are downloaded on the page that they were asked for on."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from integrations.admin.base import STATUS_LABELS, TenantRecordAdmin
from monitoring.models import LogExport


@admin.register(LogExport)
class LogExportAdmin(TenantRecordAdmin):
    list_display = ("created_at", "created_by", "file_format", "state", "rows_done", "size", "expires_at")
    list_filter = (("status", ChoicesDropdownFilter), ("file_format", ChoicesDropdownFilter))
    fields = (
        "created_at", "created_by", "filters", "file_format", "status", "told", "rows_done", "rows_estimated", "is_cut",
        "parts", "size", "completed_at", "expires_at",
    )  # fmt: skip
    readonly_fields = ("told",)

    @display(description=_("status"), label=STATUS_LABELS)
    def state(self, export: LogExport) -> tuple[str, str]:
        return export.status, export.get_status_display()

    @display(description=_("error"))
    def told(self, export: LogExport) -> str:
        return export.told
