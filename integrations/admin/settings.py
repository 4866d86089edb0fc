"""How payment, shipping and social connections do their work."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ..models import PaymentSettings, ShippingSettings, SocialAccount
from .base import SecretField, TenantAdmin


def _several(label: Any, choices: type[TextChoices]) -> forms.MultipleChoiceField:
    widget = UnfoldAdminCheckboxSelectMultipleWidget()
    return forms.MultipleChoiceField(label=label, choices=choices.choices, required=False, widget=widget)


@admin.register(PaymentSettings)
class PaymentSettingsAdmin(TenantAdmin):
    list_display = (
        "connection", "provider_name", "merchant_id", "is_test_mode", "auto_capture", "fee_percent", "fee_fixed",
        "settlement_schedule",
    )  # fmt: skip
    list_filter = (("settlement_schedule", ChoicesDropdownFilter),)
    list_select_related = ("connection",)
    search_fields = ("provider_name", "merchant_id", "connection__connection_name")
    autocomplete_fields = ("connection",)


class ShippingSettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    service_types = _several(_("Services"), ShippingSettings.ServiceType)
    supported_regions = _several(_("Regions"), ShippingSettings.Region)


@admin.register(ShippingSettings)
class ShippingSettingsAdmin(TenantAdmin):
    form = ShippingSettingsForm
    list_display = ("connection", "provider_name", "account_number", "default_service_type", "pricing_model")
    list_filter = (("pricing_model", ChoicesDropdownFilter),)
    list_select_related = ("connection",)
    search_fields = ("provider_name", "account_number", "connection__connection_name")
    autocomplete_fields = ("connection",)


class SocialAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """The tokens go in and never come out: an empty field keeps what is stored."""

    permissions = _several(_("Permissions"), SocialAccount.Permission)
    new_access_token = SecretField(label=_("New access token"), required=False)
    new_refresh_token = SecretField(label=_("New refresh token"), required=False)


@admin.register(SocialAccount)
class SocialAccountAdmin(TenantAdmin):
    form = SocialAccountForm
    list_display = ("account_name", "platform", "connection", "follower_count", "token_expires_at", "last_sync")
    list_filter = (("platform", ChoicesDropdownFilter), ("connection", AutocompleteSelectFilter))
    list_select_related = ("connection",)
    search_fields = ("account_name", "account_id")
    autocomplete_fields = ("connection",)
    exclude = ("access_token", "refresh_token")

    def save_model(self, request: HttpRequest, obj: SocialAccount, form: Any, change: bool) -> None:
        for name in ("access_token", "refresh_token"):
            if given := form.cleaned_data[f"new_{name}"]:
                setattr(obj, name, given)
        super().save_model(request, obj, form, change)
