"""What a caller may do: a token by its scopes, a person by their role."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from ..membership import role_in
from ..models import ApiToken, Membership, User
from ..tenancy import current_organization_id, is_walled

if TYPE_CHECKING:
    # rest_framework.views reads the settings that name this module
    from rest_framework.views import APIView

_READ = ApiToken.Scope.READ


class HasScope(BasePermission):
    """A view names its `scope`; reading needs that or `read`. `admin_only` asks a person for the role of admin.

    With `always_needs_scope` a GET is no reading: neither the scope `read` nor the role of viewer is enough for it.

    No view runs as the service: without an organization's wall there is no permission.
    """

    message = "The token lacks the scope for this, or your role does not allow it."

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not (request.user and request.user.is_authenticated and is_walled()):
            return False
        reading = request.method in SAFE_METHODS and not getattr(view, "always_needs_scope", False)
        return self.allows(request, view, reading=reading)

    def allows(self, request: Request, view: APIView, *, reading: bool) -> bool:
        if isinstance(request.auth, ApiToken):
            needed = {getattr(view, "scope", _READ)} | ({_READ} if reading else set())
            return bool(needed.intersection(request.auth.scopes))
        return self._role_allows(request, view, reading=reading)

    def _role_allows(self, request: Request, view: APIView, *, reading: bool) -> bool:
        if current_organization_id() is None:
            return False
        if request.user.is_superuser:
            return True
        role = role_in(cast(User, request.user), current_organization_id())
        if role == Membership.Role.ADMIN:
            return True
        if getattr(view, "admin_only", False):
            return False
        return role == Membership.Role.STAFF or (reading and role == Membership.Role.VIEWER)
