"""The manifest of the log's archive, to be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display

from integrations.admin.base import TenantRecordAdmin
from monitoring.models import LogArchive

_LABELS = {"archived": "success", "restored": "info", **dict.fromkeys(map(str, LogArchive.OPEN), "warning")}


@admin.register(LogArchive)
class LogArchiveAdmin(TenantRecordAdmin):
    list_display = (
        "month", "part", "rows", "file_bytes", "first_at", "last_at", "status_label", "restored_until",
    )  # fmt: skip
    list_filter = (("month", RangeDateFilter), ("status", ChoicesDropdownFilter))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Where files lie is for those who look after the installation."""
        return bool(request.user.is_superuser)

    @display(description=_("status"), label=_LABELS)
    def status_label(self, row: LogArchive) -> tuple[str, str]:
        return row.status, row.get_status_display()
