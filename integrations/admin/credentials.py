"""Credentials: a value goes in, is rotated, and never comes out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanSwitchWidget

from ..configuration import validate_credential
from ..errors import IntegrationError, InvalidRequest
from ..models import Credential
from ..operations.credentials import add_credential, deactivate_credential, rotate_credential
from ..providers.registry import get_provider
from ..secrecy import Secret
from .base import SecretField, TenantAdmin, blame

MAX_OVERLAP_HOURS = 30 * 24


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """Adds a credential. What the provider expects of the value is checked before anything is written."""

    value = SecretField(
        label=gettext_lazy("Value"), help_text=gettext_lazy("Stored encrypted; it cannot be read again.")
    )

    class Meta:
        model = Credential
        fields = ("connection", "credential_key", "rotation_policy", "expires_at")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            connection, key = cleaned["connection"], cleaned["credential_key"]
            provider, environment = get_provider(connection.provider.slug), connection.environment
            try:
                validate_credential(provider, environment=environment, key=key, value=cleaned["value"])
            except InvalidRequest as error:
                blame(self, error)
        return cleaned


class RotationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """Rotates a credential when a new value is given, and changes how often it should be."""

    new_value = SecretField(
        label=gettext_lazy("New value"),
        required=False,
        help_text=gettext_lazy("Leave empty to keep the value. The old one stays valid during the overlap."),
    )
    overlap_hours = forms.IntegerField(
        label=gettext_lazy("Overlap (hours)"),
        min_value=0,
        max_value=MAX_OVERLAP_HOURS,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    untested = forms.BooleanField(
        label=gettext_lazy("Save without a test"),
        required=False,
        help_text=gettext_lazy("The provider is otherwise called with the new value, and nothing changes if it fails."),
        widget=UnfoldBooleanSwitchWidget(),
    )

    class Meta:
        model = Credential
        fields = ("rotation_policy",)

    def clean_new_value(self) -> Secret:
        value: Secret = self.cleaned_data["new_value"]
        if value:
            connection, key = self.instance.connection, self.instance.credential_key
            provider, environment = get_provider(connection.provider.slug), connection.environment
            try:
                validate_credential(provider, environment=environment, key=key, value=value)
            except InvalidRequest as error:
                raise forms.ValidationError(error.translated()) from error
        return value


@admin.register(Credential)
class CredentialAdmin(TenantAdmin):
    list_display = (
        "credential_key",
        "connection",
        "credential_type",
        "fingerprint",
        "state",
        "expires_at",
        "last_rotated",
    )
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("credential_type", ChoicesDropdownFilter),
        ("rotation_policy", ChoicesDropdownFilter),
        ("is_active", BooleanRadioFilter),
    )
    list_select_related = ("connection",)
    search_fields = ("credential_key", "fingerprint", "connection__connection_name")
    autocomplete_fields = ("connection",)
    actions = ("deactivate",)
    described = (
        "credential_key", "credential_type", "fingerprint", "encryption_method", "key_id", "is_active", "expires_at",
        "last_rotated", "created_at",
    )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = RotationForm if obj is not None else CredentialForm
        return super().get_form(request, obj, change, **{"form": form, **kwargs})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            fields = ("connection", "credential_key", "value", "rotation_policy", "expires_at")
            return [(None, {"fields": fields})]
        described = (None, {"fields": ("connection", *self.described)})
        if not self.has_change_permission(request, obj):
            return [described]
        return [(_("Rotate"), {"fields": ("new_value", "overlap_hours", "untested", "rotation_policy")}), described]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), *(self.described if obj is not None else ())]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A credential is deactivated, so that it stays known what was in use when."""
        return False

    @method_decorator(sensitive_post_parameters())
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kw: Any
    ) -> HttpResponse:
        """A rotation asks the provider, which may take its time: outside of the transaction that a change runs in."""
        if request.method == "POST" and object_id and request.POST.get("new_value"):
            credential = self.get_object(request, unquote(object_id))
            if credential is not None and self.has_change_permission(request, credential):
                form = self.get_form(request, credential, change=True)(request.POST, instance=credential)
                if form.is_valid():
                    return self._rotate(request, credential, form)
        return super().changeform_view(request, object_id, *args, **kw)

    def save_model(self, request: HttpRequest, obj: Credential, form: Any, change: bool) -> None:
        if not change:
            self._add(obj, form.cleaned_data["value"])
        else:
            obj.save(update_fields=["rotation_policy", "updated_at"])

    def _add(self, row: Credential, value: str) -> None:
        added = add_credential(
            row.connection,
            key=row.credential_key,
            value=value,
            expires_at=row.expires_at,
            rotation_policy=row.rotation_policy,
        )
        row.pk = added.pk
        row.refresh_from_db()

    def _rotate(self, request: HttpRequest, row: Credential, form: Any) -> HttpResponse:
        given = form.cleaned_data
        overlap = timedelta(hours=given["overlap_hours"])
        try:
            fresh = rotate_credential(row, value=given["new_value"], overlap=overlap, untested=given["untested"])
        except IntegrationError as error:
            messages.error(request, _("Nothing was changed. %(reason)s") % {"reason": error.translated()})
            return HttpResponseRedirect(request.get_full_path())
        fresh.rotation_policy = given["rotation_policy"]
        fresh.save(update_fields=["rotation_policy", "updated_at"])
        self.log_change(request, row, self.construct_change_message(request, form, None))
        messages.success(
            request, _("Rotated. The new value is in use as …%(fingerprint)s.") % {"fingerprint": fresh.fingerprint}
        )
        return HttpResponseRedirect(reverse("admin:integrations_credential_change", args=[fresh.pk]))

    @admin.action(description=gettext_lazy("Deactivate the selected credentials"), permissions=["change"])
    def deactivate(self, request: HttpRequest, credentials: QuerySet[Credential]) -> None:
        for credential in credentials:
            deactivate_credential(credential)
        messages.success(request, _("Deactivated."))

    @display(description=gettext_lazy("state"), label={"active": "success"})
    def state(self, credential: Credential) -> tuple[str, str]:
        return ("active", _("Active")) if credential.is_active else ("inactive", _("Inactive"))
