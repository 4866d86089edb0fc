"""Searches of the log that are shared, and one's own: what somebody else keeps to themselves is theirs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from integrations.admin.base import TenantRecordAdmin
from monitoring.models import SavedSearch
from monitoring.saved_searches import delete_search, may_change


@admin.register(SavedSearch)
class SavedSearchAdmin(TenantRecordAdmin):
    """They are saved and renamed on the log's pages; an administrator may delete them here."""

    list_display = ("name", "user", "is_shared", "updated_at")
    list_select_related = ("user",)
    list_filter = ("is_shared",)
    search_fields = ("name",)
    fields = ("name", "user", "filters", "is_shared", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedSearch]:
        found: QuerySet[SavedSearch] = super().get_queryset(request)
        return found.filter(Q(is_shared=True) | Q(user=request.user.pk))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and may_change(obj, request.user)

    def delete_model(self, request: HttpRequest, obj: SavedSearch) -> None:
        delete_search(obj)
