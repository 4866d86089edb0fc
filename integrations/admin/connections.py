"""Connections and how much they may call. They are made in the set-up wizard and looked after on their own page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from ..configuration import validate_configuration
from ..errors import IntegrationError, InvalidRequest
from ..models import Connection, RateLimit
from ..operations.connections import (
    activate_connection,
    deactivate_connection,
    provider_of,
    reset_circuit,
    test_connection,
    update_connection,
)
from .base import STATUS_LABELS, TenantAdmin, blame, retelling


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = Connection
        fields = ("connection_name", "is_primary", "region", "price_per_call_aed", "configuration")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                validate_configuration(
                    provider_of(self.instance),
                    environment=self.instance.environment,
                    configuration=cleaned["configuration"] or {},
                )
            except InvalidRequest as error:
                blame(self, error)
        return cleaned

    def validate_constraints(self) -> None:
        """A new primary takes the place of the one before, which the operation sees to."""


@admin.register(Connection)
class ConnectionAdmin(TenantAdmin):
    form = ConnectionForm
    list_display = ("connection_name", "provider", "environment", "state", "health", "is_primary", "last_health_check")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("health_status", ChoicesDropdownFilter),
        ("environment", ChoicesDropdownFilter),
        ("provider_type", ChoicesDropdownFilter),
        ("is_primary", BooleanRadioFilter),
    )
    list_select_related = ("provider",)
    search_fields = ("connection_name", "provider__provider_name", "provider__slug")
    actions = ("test", "activate", "deactivate", "reset_circuit")
    actions_detail = ("open_page",)
    editable = ("connection_name", "is_primary", "region", "price_per_call_aed", "configuration")
    described = (
        "provider", "environment", "status", "health_status", retelling("error_message"), "last_health_check",
        "connected_at", "disconnected_at", "created_by", "created_at",
    )  # fmt: skip
    immutable = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.editable, *self.described]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.described)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return redirect("setup")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting is on the connection's own page, which says what goes with it."""
        return False

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        changed = {name: form.cleaned_data[name] for name in form.changed_data if name in self.editable}
        if changed:
            update_connection(Connection.objects.get(pk=obj.pk), **changed)

    @action(description=gettext_lazy("Open its page"), icon="open_in_new", permissions=["view"])
    def open_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("connection", object_id)

    @admin.action(description=gettext_lazy("Test the selected connections"), permissions=["change"])
    def test(self, request: HttpRequest, connections: QuerySet[Connection]) -> None:
        for connection in connections:
            outcome = test_connection(connection)
            if outcome.ok:
                said = _("%(name)s answered in %(time)s ms.")
                messages.success(request, said % {"name": connection, "time": outcome.response_time_ms})
            else:
                messages.error(request, f"{connection}: {outcome.translated()}")

    @admin.action(description=gettext_lazy("Test and activate the selected connections"), permissions=["change"])
    def activate(self, request: HttpRequest, connections: QuerySet[Connection]) -> None:
        for connection in connections:
            try:
                activate_connection(connection)
            except IntegrationError as error:
                messages.error(request, f"{connection}: {error.translated()}")
            else:
                messages.success(request, _("%(name)s is active.") % {"name": connection})

    @admin.action(description=gettext_lazy("Deactivate the selected connections"), permissions=["change"])
    def deactivate(self, request: HttpRequest, connections: QuerySet[Connection]) -> HttpResponse | None:
        for connection in connections:
            deactivate_connection(connection)
        messages.success(request, _("Deactivated."))
        return HttpResponseRedirect(request.get_full_path())

    @admin.action(description=gettext_lazy("Let calls of the selected connections through"), permissions=["change"])
    def reset_circuit(self, request: HttpRequest, connections: QuerySet[Connection]) -> None:
        for connection in connections:
            reset_circuit(connection)
        messages.success(request, _("Calls go through again."))

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_LABELS)
    def state(self, connection: Connection) -> tuple[str, str]:
        return connection.status, connection.get_status_display()

    @display(description=gettext_lazy("health"), ordering="health_status", label=STATUS_LABELS)
    def health(self, connection: Connection) -> tuple[str, str]:
        return connection.health_status, connection.get_health_status_display()


@admin.register(RateLimit)
class RateLimitAdmin(TenantAdmin):
    list_display = ("connection", "limit_type", "max_requests", "current_usage", "is_exceeded", "reset_at")
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("limit_type", ChoicesDropdownFilter),
        ("is_exceeded", BooleanRadioFilter),
    )
    list_select_related = ("connection",)
    search_fields = ("connection__connection_name",)
    autocomplete_fields = ("connection",)
    readonly_fields = ("is_documented", "current_usage", "is_exceeded", "exceeded_at", "reset_at")
    fields = ("connection", "limit_type", "max_requests", *readonly_fields)
    immutable = ("connection", "limit_type")

    def save_model(self, request: HttpRequest, obj: RateLimit, form: Any, change: bool) -> None:
        obj.is_documented = obj.is_documented and "max_requests" not in form.changed_data
        super().save_model(request, obj, form, change)
