"""Destinations. Secrets and headers go in, and are not shown again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from integrations.admin.base import SecretField, TenantAdmin, blame
from integrations.errors import InvalidRequest

from ..forward.destination_input import (
    check_filters,
    check_limits,
    check_secret,
    check_url_of,
    checked_headers,
    header_lines,
)
from ..forward.destinations import create_destination, delete_destination, rotate_secret, update_destination
from ..models import WebhookDestination


class DestinationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    new_secret = SecretField(
        label=_("New signing secret"),
        required=False,
        help_text=_("Left empty, a new destination gets one that is shown once, and another keeps its own."),
    )
    new_headers = forms.CharField(
        label=_("New headers"),
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text=_("Name: value, one a line; they take the place of those that are set, and are not shown again."),
    )

    class Meta:
        model = WebhookDestination
        fields = (
            "url", "description", "form", "event_types", "provider_event_types", "provider_types", "connection",
            "retry_policy", "max_concurrency", "max_per_second", "is_ordered", "is_active",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """What the operation would refuse is said beside its field."""
        cleaned = super().clean() or {}
        for check in (self._check_settings, self._check_secrets):
            try:
                check(cleaned)
            except InvalidRequest as error:
                blame(self, error)
        return cleaned

    def _check_settings(self, cleaned: dict[str, Any]) -> None:
        check_filters(cleaned)
        check_limits(cleaned)
        if cleaned.get("url"):
            check_url_of(cleaned["url"])

    def _check_secrets(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("new_secret"):
            check_secret(cleaned["new_secret"])
        checked_headers(header_lines(cleaned.get("new_headers", "")))


@admin.register(WebhookDestination)
class WebhookDestinationAdmin(TenantAdmin):
    form = DestinationForm
    list_display = ("__str__", "is_active", "failing_since", "delivered_count", "failed_count", "last_delivered_at")
    list_filter = (("is_active", BooleanRadioFilter), ("form", ChoicesDropdownFilter))
    search_fields = ("url", "description")
    autocomplete_fields = ("connection",)
    immutable = ("organization",)
    told = (
        "header_names", "previous_secret_expires_at", "disabled_at", "disabled_reason", "failing_since",
        "last_delivered_at", "delivered_count", "failed_count",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: WebhookDestination | None = None) -> list[str]:
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        secrets = ["new_secret", "new_headers"] if may_write else []
        organization = ["organization"] if obj is None and request.user.is_superuser else []
        fields = [name for name in DestinationForm.Meta.fields if obj is not None or name != "is_active"]
        return [*organization, *fields, *secrets, *(self.told if obj is not None else ())]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.told) if obj is not None else []

    def save_model(self, request: HttpRequest, obj: WebhookDestination, form: Any, change: bool) -> None:
        """By the operations, so that the audit log, the workers and the caches hear of it."""
        given = form.cleaned_data
        headers = {"headers": header_lines(given["new_headers"])} if given.get("new_headers") else {}
        if not change:
            settings = {name: given[name] for name in DestinationForm.Meta.fields if name in given}
            settings.pop("is_active", None)
            self._create(request, obj, {**settings, **headers}, given["new_secret"])
            return
        changed = {name: given[name] for name in form.changed_data if name in DestinationForm.Meta.fields}
        if changed or headers:
            update_destination(obj, **changed, **headers)
        if given.get("new_secret"):
            rotate_secret(obj, signing_secret=given["new_secret"])

    def _has_connection(self) -> bool:
        """It may have one, but that does not say whose it is."""
        return False

    def delete_model(self, request: HttpRequest, obj: WebhookDestination) -> None:
        delete_destination(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for destination in queryset:
            delete_destination(destination)

    def _create(self, request: HttpRequest, row: WebhookDestination, settings: dict[str, Any], secret: str) -> None:
        made, text = create_destination(row.organization, signing_secret=secret, **settings)
        row.pk = made.pk
        row.refresh_from_db()
        if not secret:
            shown = _("Copy the signing secret now, it is not shown again:")
            messages.warning(request, format_html('{} <code class="hub-mono hub-token">{}</code>', shown, text))
