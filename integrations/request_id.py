"""Where the work at hand comes from: one id through web, worker, gateway and logs, and who asked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse

from .client_address import client_address
from .models.base import uuid7

_ACCEPTABLE = re.compile(r"[A-Za-z0-9_.-]{8,64}", re.ASCII)


@dataclass(frozen=True)
class Origin:
    """Who set this work going. `actor` is fit to be shown; `user_id` is set when a person did."""

    request_id: str
    actor: str = "system"
    user_id: uuid.UUID | None = None
    ip_address: str | None = None
    user_agent: str = ""


_origin: ContextVar[Origin | None] = ContextVar("hub_origin", default=None)


def current_origin() -> Origin:
    """The origin of this request or task; work that has none gets an id of its own."""
    return _origin.get() or Origin(request_id=str(uuid7()))


def current_request_id() -> str:
    """The id of the work at hand, or an empty string outside of any: for log lines."""
    origin = _origin.get()
    return origin.request_id if origin else ""


@contextmanager
def originating(origin: Origin) -> Iterator[Origin]:
    """Work in this block is done on behalf of `origin`."""
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def identify(actor: str, user_id: uuid.UUID | None = None) -> None:
    """Say who is behind the current request, once authentication knows it."""
    _origin.set(replace(current_origin(), actor=actor[:255], user_id=user_id))


def origin_of(environ: Mapping[str, Any]) -> Origin:
    """The origin of a request, from its WSGI environment, with its caller's `X-Request-Id` where that is harmless."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return Origin(
        request_id=given if _ACCEPTABLE.fullmatch(given) else str(uuid7()),
        actor="anonymous",
        ip_address=client_address(environ),
        user_agent=environ.get("HTTP_USER_AGENT", "")[:512],
    )


class RequestIdMiddleware:
    """Says who set the work of a request going, and gives the caller the id that is in our logs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with originating(origin_of(request.META)) as origin:
            response = self.get_response(request)
        response["X-Request-Id"] = origin.request_id
        return response
