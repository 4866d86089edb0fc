"""Organizations, their people, and Django's groups."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from ..models import Connection, Membership, Organization, User
from ..object_storage import has_storage
from ..tenancy import acting_as_service
from .base import HubModelAdmin, TenantAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, HubModelAdmin):
    pass


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    class Meta:
        model = Organization
        fields = (
            "name", "slug", "country", "timezone", "locale", "data_region", "webhook_body_days", "webhook_summary_days",
            "is_active",
        )  # fmt: skip

    def clean_data_region(self) -> str:
        """Files lie where the organization says, or it does not say so."""
        region = str(self.cleaned_data["data_region"])
        if not has_storage(region):
            raise forms.ValidationError(_("No storage is set up in this region."))
        if "data_region" in self.changed_data and Connection.objects.filter(organization_id=self.instance.pk).exists():
            raise forms.ValidationError(
                _("Its files would stay behind: the region is settled by the first connection.")
            )
        return region


@admin.register(Organization)
class OrganizationAdmin(HubModelAdmin):
    form = OrganizationForm
    list_display = ("name", "slug", "country", "timezone", "locale", "is_active", "created_at")
    list_filter = (("is_active", BooleanRadioFilter), ("locale", ChoicesDropdownFilter))
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 - Django's own shape
    readonly_fields = ("created_at", "updated_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """An organization is switched off, not deleted: its records are kept for five years."""
        return False

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, HubModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "get_full_name", "is_active", "is_superuser", "last_login")
    list_filter = (("is_active", BooleanRadioFilter), ("is_superuser", BooleanRadioFilter))
    readonly_fields = ("last_login", "date_joined")


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """The wall hides strangers from an administrator, so that a person is named rather than picked."""

    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The user name or e-mail address of somebody who has an account already."),
    )

    class Meta:
        model = Membership
        fields = ("organization", "role")

    def clean_username(self) -> str:
        given = str(self.cleaned_data["username"])
        with acting_as_service():
            people = User.objects.filter(is_active=True)
            found = people.filter(username=given)[:1] or people.filter(email__iexact=given)[:2]
        if len(found) != 1:
            raise forms.ValidationError(_("There is no account with this name."))
        self.instance.user = found[0]
        return given


@admin.register(Membership)
class MembershipAdmin(TenantAdmin):
    list_display = ("user", "labelled_role", "created_at")
    list_filter = (("role", ChoicesDropdownFilter),)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email")
    immutable = ("user",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({"form": MembershipForm, **kwargs} if obj is None else kwargs))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is not None:
            return ["user", "role"]
        return ["username", "role", *(["organization"] if request.user.is_superuser else [])]

    @display(description=_("role"), label={"admin": "primary", "staff": "info"})
    def labelled_role(self, membership: Membership) -> tuple[str, str]:
        return membership.role, membership.get_role_display()
