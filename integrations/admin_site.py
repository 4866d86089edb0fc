"""The admin site: open to super admins, and to members, who see what their role and the wall allow."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from .membership import organizations_of, role_in
from .models import Organization, User
from .tenancy import acting_as_service

SWITCHABLE_ORGANIZATIONS = 50


class MemberAuthenticationForm(AuthenticationForm):
    """Lets in whoever belongs to an organization, where Django's asks for `is_staff`."""

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        person = cast(User, user)
        if not (person.is_active and (person.is_superuser or organizations_of(person).exists())):
            raise ValidationError(
                _("This account belongs to no organization. Ask an administrator to add you to one."),
                code="no_organization",
            )


class HubAdminSite(UnfoldAdminSite):
    login_form = MemberAuthenticationForm

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if isinstance(user, AnonymousUser) or not user.is_active:
            return False
        organization = getattr(request, "organization", None)
        return user.is_superuser or (organization is not None and role_in(user, organization.pk) != "")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        return context | {
            "organization": getattr(request, "organization", None),
            "organizations": _organizations(request),
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Made when somebody looks at it: the admin's index does, no page of ours does, and it takes 8 ms."""
        made = super().get_app_list
        return cast(list[Any], SimpleLazyObject(lambda: made(request, app_label)))


def _organizations(request: HttpRequest) -> list[Organization]:
    """What the switch in the sidebar offers: the organizations of this person, who sees only one of them at a time."""
    if isinstance(request.user, AnonymousUser):
        return []
    with acting_as_service():
        return list(organizations_of(request.user)[:SWITCHABLE_ORGANIZATIONS])
