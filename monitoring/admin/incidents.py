"""Work that was announced, and providers that failed for many."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from integrations.admin.base import RecordAdmin, TenantAdmin
from integrations.models import User
from monitoring.maintenance import change_window, end_window, schedule_window
from monitoring.models import MaintenanceWindow, ProviderIncident

_TIMES = ("starts_at", "ends_at", "reason")


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(TenantAdmin):
    list_display = ("reason", "connection", "provider", "starts_at", "ends_at")
    list_filter = (("connection", AutocompleteSelectFilter), ("starts_at", RangeDateTimeFilter))
    list_select_related = ("connection", "provider")
    search_fields = ("reason", "connection__connection_name")
    autocomplete_fields = ("connection", "provider")
    fields = ("organization", "connection", "provider", *_TIMES)
    immutable = ("organization", "connection", "provider")

    def get_exclude(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """A window of all connections has none that says whose it is: a super admin says it."""
        return [] if request.user.is_superuser else ["organization"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        excluded = self.get_exclude(request, obj)
        return [name for name in self.fields if name not in excluded]

    def save_model(self, request: HttpRequest, obj: MaintenanceWindow, form: Any, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in _TIMES}
        if change:
            change_window(obj, **{name: given[name] for name in form.changed_data if name in given})
            return
        by = request.user if isinstance(request.user, User) else None
        made = schedule_window(
            obj.organization, connection=obj.connection, provider=obj.provider, created_by=by, **given
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: MaintenanceWindow) -> None:
        """What was is not undone: one that has begun ends now."""
        end_window(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MaintenanceWindow]) -> None:
        for window in queryset:
            end_window(window)


@admin.register(ProviderIncident)
class ProviderIncidentAdmin(RecordAdmin):
    """Of all organizations together: for super admins alone."""

    list_display = ("opened_at", "provider", "state", "how_many", "failing_organizations", "resolved_at")
    list_filter = (("provider", AutocompleteSelectFilter), ("resolved_at", EmptyFieldListFilter))
    list_select_related = ("provider",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @display(description=_("connections failing"))
    def how_many(self, incident: ProviderIncident) -> str:
        return gettext("%(failing)s of %(all)s, at worst %(worst)s") % {
            "failing": incident.failing_connections,
            "all": incident.all_connections,
            "worst": incident.worst_connections,
        }

    @display(description=_("state"), label={"open": "danger", "resolved": "success"})
    def state(self, incident: ProviderIncident) -> tuple[str, str]:
        if incident.resolved_at:
            return "resolved", gettext("Resolved")
        return "open", pgettext("alert", "Open")
