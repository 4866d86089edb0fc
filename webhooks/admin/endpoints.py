"""The door's addresses."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter

from integrations.admin.base import SecretField, TenantAdmin
from integrations.errors import InvalidRequest

from ..addresses import check_networks
from ..endpoints import create_endpoint, rotate_secret, update_endpoint
from ..models import WebhookEndpoint


class NewEndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    webhook_secret = SecretField(
        label=_("Signing secret"),
        required=False,
        help_text=_("The one that the provider issues. Empty: one is made and shown once."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("connection", "event_types")


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    new_webhook_secret = SecretField(
        label=_("New signing secret"),
        required=False,
        help_text=_("Leave empty to keep the secret. The old one stays valid for a day."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("event_types", "is_active", "is_paused", "allowed_networks", "max_per_minute", "retry_policy")

    def clean_allowed_networks(self) -> list[str]:
        networks: list[str] = self.cleaned_data["allowed_networks"]
        try:
            check_networks(networks)
        except InvalidRequest as error:
            raise forms.ValidationError(error.translated()) from error
        return networks


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(TenantAdmin):
    list_display = (
        "webhook_url",
        "connection",
        "is_active",
        "is_paused",
        "total_triggers",
        "failure_count",
        "last_triggered",
    )
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("is_active", BooleanRadioFilter),
        ("is_paused", BooleanRadioFilter),
    )
    list_select_related = ("connection",)
    search_fields = ("webhook_url", "connection__connection_name")
    autocomplete_fields = ("connection",)
    counted = ("total_triggers", "success_count", "failure_count", "last_triggered")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).exclude(webhook_url="")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = EndpointForm if obj is not None else NewEndpointForm
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["connection", "event_types", "webhook_secret"]
        secret = ["new_webhook_secret"] if self.has_change_permission(request, obj) else []
        return ["connection", "webhook_url", *EndpointForm.Meta.fields, *secret, *self.counted]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["connection", "webhook_url", *self.counted] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if not change:
            self._create(request, obj, form.cleaned_data["webhook_secret"])
            return
        changed = {name: form.cleaned_data[name] for name in form.changed_data if name in EndpointForm.Meta.fields}
        if changed:
            update_endpoint(obj, **changed)
        if secret := form.cleaned_data["new_webhook_secret"]:
            # After the form's transaction: a provider may have to be told by a call.
            transaction.on_commit(partial(rotate_secret, obj, webhook_secret=secret))

    def _create(self, request: HttpRequest, row: WebhookEndpoint, secret: str) -> None:
        """Without a call to the provider, since the form is saved in a transaction; the Webhooks page registers too."""
        made, text = create_endpoint(row.connection, event_types=row.event_types, webhook_secret=secret)
        row.pk = made.pk
        row.refresh_from_db()
        if text and not secret:
            shown = _("Copy the signing secret now, it is not shown again:")
            messages.warning(request, format_html('{} <code class="hub-mono hub-token">{}</code>', shown, text))
