"""API tokens: issued here, shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from ..models import ApiToken, User
from ..operations.tokens import issue_token, revoke_token
from .base import TenantAdmin


class ApiTokenForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"), choices=ApiToken.Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )

    class Meta:
        model = ApiToken
        fields = ("organization", "name", "scopes", "expires_at")


@admin.register(ApiToken)
class ApiTokenAdmin(TenantAdmin):
    form = ApiTokenForm
    list_display = ("name", "prefix", "state", "listed_scopes", "last_used_at", "expires_at", "created_at")
    list_filter = (("expires_at", RangeDateTimeFilter), ("revoked_at", RangeDateTimeFilter))
    search_fields = ("name", "prefix")
    fields = ("organization", "name", "scopes", "expires_at")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is not None:
            return ["name", "prefix", "listed_scopes", "expires_at", "last_used_at", "revoked_at", "created_at"]
        asked = ["name", "scopes", "expires_at"]
        return ["organization", *asked] if request.user.is_superuser else asked

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.get_fields(request, obj) if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A token is revoked, so that it stays known what it was."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if change:
            return
        person = request.user if isinstance(request.user, User) else None
        token, text = issue_token(
            obj.organization, name=obj.name, scopes=obj.scopes, expires_at=obj.expires_at, created_by=person
        )
        obj.pk = token.pk
        obj.refresh_from_db()
        shown = _("Copy the token now, it is not shown again:")
        messages.warning(request, format_html('{} <code class="hub-mono hub-token">{}</code>', shown, text))

    @admin.action(description=gettext_lazy("Revoke the selected tokens"), permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        for token in tokens:
            revoke_token(token)
        messages.success(request, _("Revoked."))

    @display(description=gettext_lazy("state"), label={"usable": "success", "over": "danger"})
    def state(self, token: ApiToken) -> tuple[str, str]:
        if token.revoked_at is not None:
            return "over", _("Revoked")
        return ("usable", _("Usable")) if token.is_usable else ("over", _("Expired"))

    @admin.display(description=gettext_lazy("scopes"))
    def listed_scopes(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)
