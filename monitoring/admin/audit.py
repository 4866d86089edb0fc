"""Who did what, to be read."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import (
    RangeDateTimeFilter,
)
from unfold.paginator import InfinitePaginator

from integrations.admin.base import RecordAdmin
from monitoring.models import AuditLog


@admin.register(AuditLog)
class AuditLogAdmin(RecordAdmin):
    list_display = ("created_at", "actor", "action", "object", "ip_address", "request_id")
    list_filter = (("created_at", RangeDateTimeFilter),)
    search_fields = ("actor", "action", "object", "=request_id")
    paginator = InfinitePaginator
    show_full_result_count = False
