from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.request import Request

from integrations.api.permissions import HasScope
from integrations.models import ApiToken
from integrations.tenancy import current_organization_id

from ..access import READ_BODY

if TYPE_CHECKING:
    from rest_framework.views import APIView


class MayReadBodies(HasScope):
    """A GET, and yet no mere reading: the scope `read` is not enough for it, nor the role of viewer."""

    def allows(self, request: Request, view: APIView, *, reading: bool) -> bool:
        if isinstance(request.auth, ApiToken):
            return super().allows(request, view, reading=False)
        return current_organization_id() is not None and request.user.has_perm(READ_BODY)
