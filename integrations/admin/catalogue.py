"""The catalogue: made from code by `sync_providers`; what remains to a person is to switch a provider off."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter

from ..models import IntegrationProvider
from .base import HubModelAdmin


@admin.register(IntegrationProvider)
class IntegrationProviderAdmin(HubModelAdmin):
    list_display = ("local_name", "provider_type", "is_mena_provider", "api_version", "is_active", "updated_at")
    list_filter = (
        ("provider_type", ChoicesDropdownFilter),
        ("is_mena_provider", BooleanRadioFilter),
        ("is_active", BooleanRadioFilter),
    )
    search_fields = ("slug", "provider_name", "provider_name_ar")
    editable = ("is_active", "price_per_call_aed")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if field.name not in ("id", *self.editable)]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.editable, *self.get_readonly_fields(request, obj)]

    @admin.display(description=_("name"), ordering="provider_name")
    def local_name(self, provider: IntegrationProvider) -> str:
        return provider.local_name
