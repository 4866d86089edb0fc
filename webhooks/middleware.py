"""The side entrance: a provider's event needs no session, language, account or CSRF token, and so passes none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .receive import receive

# As `urls.py` has it, where the same address is named.
_DOOR = re.compile(r"/webhooks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")


class DoorMiddleware:
    """Stands behind the middleware that every request needs (TLS, request id) and before the one that people need."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = _DOOR.fullmatch(request.path_info)
        if found is None:
            return self.get_response(request)
        response = receive(request, uuid.UUID(found[1]))
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
