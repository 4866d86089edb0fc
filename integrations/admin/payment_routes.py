"""Rules of routing, as they are kept on their own page, too."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter

from ..errors import InvalidRequest
from ..models import PaymentRoute
from ..operations.payment_route_input import check_route
from ..operations.payment_routes import create_route, delete_route, update_route
from .base import TenantAdmin, blame

_PARTS = (
    "name", "connection", "position", "is_active", "environment", "country", "currency", "method", "min_amount",
    "max_amount",
)  # fmt: skip


class PaymentRouteForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = PaymentRoute
        fields = _PARTS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            # Of a rule that is there the connection is shown and not asked.
            connection = cleaned.pop("connection", None) or self.instance.connection
            try:
                check_route(PaymentRoute(**cleaned, connection=connection, organization=connection.organization))
            except InvalidRequest as error:
                blame(self, error)
            cleaned["connection"] = connection
        return cleaned


@admin.register(PaymentRoute)
class PaymentRouteAdmin(TenantAdmin):
    form = PaymentRouteForm
    fields = _PARTS
    list_display = ("name", "position", "connection", "environment", "country", "currency", "method", "is_active")
    list_filter = (("connection", AutocompleteSelectFilter), ("is_active", BooleanRadioFilter))
    list_select_related = ("connection",)
    search_fields = ("name", "connection__connection_name")
    autocomplete_fields = ("connection",)
    ordering = ("position", "id")

    def save_model(self, request: HttpRequest, obj: PaymentRoute, form: Any, change: bool) -> None:
        if change:
            update_route(obj, **{name: form.cleaned_data[name] for name in form.changed_data if name in _PARTS})
            return
        made = create_route(obj.organization, **{name: form.cleaned_data[name] for name in _PARTS})
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: PaymentRoute) -> None:
        delete_route(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PaymentRoute]) -> None:
        for route in queryset:
            delete_route(route)
