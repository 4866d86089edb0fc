"""Which organization a signed-in person works for, and what they may do there."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest

from .models import Membership, Organization, User
from .request_id import identify
from .tenancy import SERVICE, Acting, current_organization_id

SESSION_KEY = "hub_organization"

# No person stands behind these, or the person is just coming or going: sessions and users are the service's tables.
SERVICE_PATHS = ("/webhooks/", "/sandbox/", "/static/", "/healthz", "/readyz", "/metrics", "/i18n/")
ACCOUNT_PATHS = ("/admin/login/", "/admin/logout/", "/admin/password_change/")


def acting_for_request(request: HttpRequest) -> Acting:
    """As whom the request's SQL runs. Sets `request.organization` (None for the service and for strangers)."""
    request.organization = None  # type: ignore[attr-defined]  # ours, on Django's request
    if request.path.startswith(SERVICE_PATHS) or _carries_token(request):
        return SERVICE
    user = request.user
    if not user.is_authenticated:
        return SERVICE
    identify(user.get_username(), user.pk)
    organization = organization_of_session(request, user)
    request.organization = organization  # type: ignore[attr-defined]  # the same
    if request.path.startswith(ACCOUNT_PATHS) or (user.is_superuser and request.path.startswith("/admin/")):
        return SERVICE
    return Acting(tenant=True, organization_id=organization.pk if organization else None)


def _carries_token(request: HttpRequest) -> bool:
    """A program's call: `TokenAuthentication` refuses it or enters its organization before any view runs."""
    return request.path.startswith("/api/") and request.headers.get("Authorization", "").startswith("Bearer ")


def organizations_of(user: User) -> QuerySet[Organization]:
    """The organizations that `user` may work for."""
    active = Organization.objects.filter(is_active=True)
    if user.is_superuser:
        return active
    return active.filter(pk__in=Membership.objects.filter(user=user).values("organization"))


def organization_of_session(request: HttpRequest, user: User) -> Organization | None:
    """The organization chosen in this session if it is still theirs, else the first of theirs."""
    organizations = organizations_of(user)
    chosen = _as_uuid(request.session.get(SESSION_KEY))
    if chosen and (organization := organizations.filter(pk=chosen).first()):
        return organization
    return organizations.first()


def role_in(user: User, organization_id: uuid.UUID | None) -> str:
    """The role of `user` there: viewer, staff or admin, or an empty string. Read once a request."""
    if not hasattr(user, "_hub_roles"):
        rows = Membership.objects.filter(user=user).values_list("organization_id", "role")
        user._hub_roles = dict(rows)  # type: ignore[attr-defined]  # kept with the row, which a request reads once
    roles: dict[uuid.UUID | None, str] = user._hub_roles  # type: ignore[attr-defined]  # the same
    return roles.get(organization_id, "")


class MembershipBackend(ModelBackend):
    """Django's permissions, granted by the role in the current organization."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if isinstance(user_obj, AnonymousUser) or not user_obj.is_active:
            return False
        return super().has_perm(user_obj, perm, obj) or perm in permissions_of_role(
            role_in(user_obj, current_organization_id())
        )

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        role = role_in(user_obj, current_organization_id()) if user_obj.is_active else ""
        return super().has_module_perms(user_obj, app_label) or any(
            perm.startswith(f"{app_label}.") for perm in permissions_of_role(role)
        )


_STAFF_CHANGES = [
    "integrations.connection",
    "integrations.ratelimit",
    "integrations.paymentsettings",
    "integrations.payment",
    "integrations.shippingsettings",
    "integrations.socialaccount",
    "webhooks.webhookendpoint",
    "webhooks.webhookevent",
    "webhooks.webhookdestination",
    "webhooks.webhookdelivery",
    "monitoring.healthrule",
    "monitoring.maintenancewindow",
]
_VIEWED = [
    *_STAFF_CHANGES,
    "integrations.integrationprovider",
    "integrations.paymentoperation",
    "integrations.paymentroute",
    "integrations.paymentdispute",
    "integrations.paymentmovement",
    "integrations.paymentsettlement",
    "webhooks.webhookreplay",
    "webhooks.webhookdeliveryattempt",
    "monitoring.calllog",
    "monitoring.healthcheck",
    "monitoring.uptimeday",
    "monitoring.hourlymetrics",
    "monitoring.dailyanalytics",
    "monitoring.dailytotals",
    "monitoring.alert",
    "monitoring.alertchannel",
    "monitoring.alertnotification",
    "monitoring.alertrule",
    "monitoring.alertsilence",
]
_ADMIN_VIEWS = ["integrations.organization", "webhooks.webhookaccesslog", "monitoring.auditlog"]
_ADMIN_CHANGES = [
    "integrations.credential",
    "integrations.apitoken",
    "integrations.membership",
    "integrations.paymentroute",
    "monitoring.alertchannel",
    "monitoring.alertrule",
    "monitoring.alertsilence",
]


def _codes(models: list[str], *actions: str) -> frozenset[str]:
    return frozenset(f"{app}.{action}_{model}" for app, model in (m.split(".") for m in models) for action in actions)


_VIEWER = _codes(_VIEWED, "view")
_STAFF_ALSO = {
    "webhooks.read_webhook_body", "integrations.export_payment", "monitoring.change_alert",
    "monitoring.export_calllog", "monitoring.view_logexport", "monitoring.share_savedsearch",
}  # fmt: skip
_STAFF = _VIEWER | _codes(_STAFF_CHANGES, "add", "change") | _STAFF_ALSO
_ADMIN = (
    _STAFF
    | _codes(_STAFF_CHANGES, "delete")
    | _codes(_ADMIN_VIEWS, "view")
    | _codes(_ADMIN_CHANGES, "view", "add", "change", "delete")
    | {"monitoring.view_savedsearch", "monitoring.delete_savedsearch"}
)


def permissions_of_role(role: str) -> frozenset[str]:
    """The permission codes (`app.action_model`) that a role carries; none for no role."""
    by_role: dict[str, frozenset[str]] = {
        Membership.Role.VIEWER: _VIEWER,
        Membership.Role.STAFF: _STAFF,
        Membership.Role.ADMIN: _ADMIN,
    }
    return by_role.get(role, frozenset())


def _as_uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(value)) if value else None
    except ValueError:
        return None
