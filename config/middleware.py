"""Django's own tidying of addresses, but for calls to the API that would lose their body over it; and a page for those
who come by its address to what only a form may ask for.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.template.loader import render_to_string

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class AddressMiddleware(CommonMiddleware):
    """A page without its final slash is redirected; so is a read by API, while a write gets its 404."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        if request.path.startswith("/api/") and request.method not in _WITHOUT_BODY:
            return False
        return super().should_redirect_with_slash(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Signing in leads here by the address of a form that was sent when the session had ended."""
        if isinstance(response, HttpResponseNotAllowed) and request.method == "GET":
            response.content = render_to_string("405.html", request=request)
        return super().process_response(request, response)
