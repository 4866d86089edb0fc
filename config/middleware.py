"""Django's own tidying of addresses, but for calls to the API that would lose their body over it."""

from __future__ import annotations

from django.http import HttpRequest
from django.middleware.common import CommonMiddleware

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class AddressMiddleware(CommonMiddleware):
    """A page without its final slash is redirected; so is a read by API, while a write gets its 404."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        if request.path.startswith("/api/") and request.method not in _WITHOUT_BODY:
            return False
        return super().should_redirect_with_slash(request)
