"""The side entrance: a provider's event needs no session, language, account or CSRF token, and so passes none.

`Door` stands before Django and answers most calls: setting Django's machinery going costs more than an event does.
`DoorMiddleware` is the same within Django, for who comes by another server (a test's), or unencrypted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse

from integrations.request_id import origin_of, originating
from integrations.request_lines import write_line

from .calls import Call, call_of
from .receive import receive

_StartResponse = Callable[[str, list[tuple[str, str]]], Any]
_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Door:
    """A WSGI application around another."""

    def __init__(self, application: _Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: _StartResponse) -> Iterable[bytes]:
        call = call_of(environ)
        if call is None or not _came_safely(environ):
            return self._application(environ, start_response)
        with originating(origin_of(environ, "provider")):
            return _answer(call, start_response)


class DoorMiddleware:
    """Stands behind the middleware that every request needs (TLS, request id) and before the one that people need."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        call = call_of(request.META)
        if call is None:
            return self.get_response(request)
        reply = receive(call)
        response = HttpResponse(reply.body, status=reply.status, headers=dict(reply.all_headers()))
        # Django would write the path, which may hold a token, beside each refusal.
        response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark
        return response


def _answer(call: Call, start_response: _StartResponse) -> list[bytes]:
    started = time.monotonic()
    try:
        reply = receive(call)
    finally:
        # As Django does at a request's end: the session goes back to the pool.
        if connection.connection is not None:
            connection.close()
    if settings.LOG_REQUESTS:
        write_line(call.method, "webhooks/<uuid>/", reply.status, started, endpoint=str(call.endpoint_id))
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", reply.all_headers())
    return [reply.body]


def _came_safely(environ: Mapping[str, Any]) -> bool:
    """False where Django's security middleware sends the caller on to https."""
    if not settings.SECURE_SSL_REDIRECT:
        return True
    name, value = settings.SECURE_PROXY_SSL_HEADER or ("", "")
    told = environ.get(name)
    if told is not None:
        return str(told).partition(",")[0].strip() == value
    return str(environ.get("wsgi.url_scheme")) == "https"
