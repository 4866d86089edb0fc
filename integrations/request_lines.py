"""A log line for each request, where HUB_LOG_REQUESTS asks for it: its route, never its address.

The server's own access log stays off: an address may carry a token, and the server does not know the request's id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger("hub.requests")


class RequestLineMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.LOG_REQUESTS:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        response = self.get_response(request)
        route = request.resolver_match.route if request.resolver_match else "-"
        organization = getattr(request, "organization", None)
        write_line(
            request.method or "", route, response.status_code, started,
            organization_id=str(organization.pk) if organization else "",
        )  # fmt: skip
        return response


def write_line(method: str, route: str, status: int, started: float, **known: str) -> None:
    """`started` by the monotonic clock; `known` goes with the line."""
    taken = round((time.monotonic() - started) * 1000, 1)
    told = {"method": method, "route": route, "status": status, "duration_ms": taken, **known}
    logger.info("%s %s %s", method, route, status, extra=told)
