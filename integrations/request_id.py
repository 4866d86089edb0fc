"""Where the work at hand comes from: one id through web, worker, gateway and logs, and who asked.

`integrations.task_origin` carries it from who sends a task to the worker that does it.
"""

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
# https://www.w3.org/TR/trace-context/#traceparent-header; versions after 00 may have more than the four parts.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.{1,64})?"
)


@dataclass(frozen=True)
class Origin:
    """Who set this work going. `actor` is fit to be shown; `user_id` is set when a person did.

    `kind` is what a log may say of the actor: anonymous, payer, person, provider, system or token. `caused_by` is the
    request whose work led to this, where this has an id of its own. `traceparent` is the caller's, of W3C's form.
    """

    request_id: str
    actor: str = "system"
    user_id: uuid.UUID | None = None
    ip_address: str | None = None
    user_agent: str = ""
    kind: str = "system"
    caused_by: str = ""
    traceparent: str = ""

    @property
    def trace_id(self) -> str:
        found = _TRACEPARENT.fullmatch(self.traceparent)
        return found[1] if found else ""


_origin: ContextVar[Origin | None] = ContextVar("hub_origin", default=None)


def current_origin() -> Origin:
    """The origin of this request or task; work that has none gets an id of its own."""
    return _origin.get() or Origin(request_id=str(uuid7()))


def known_origin() -> Origin | None:
    """The origin of the work at hand, or None outside of any: for log lines, and for what is passed on."""
    return _origin.get()


def current_request_id() -> str:
    """The id of the work at hand, or an empty string outside of any."""
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


def take_up(origin: Origin | None) -> None:
    """What this thread does from now on is on behalf of `origin`: for who is told of a beginning and of an end."""
    _origin.set(origin)


@contextmanager
def working_as(actor: str, *, request_id: str = "", user_id: uuid.UUID | None = None) -> Iterator[Origin]:
    """Work in this block is our own, in the name of a part of Hub, under the id of what led to it.

    With an id of its own (that of an event, say) it remembers the other as `caused_by`.
    """
    cause = _origin.get()
    own = Origin(request_id or (cause.request_id if cause else str(uuid7())), actor, user_id)
    if cause:
        caused_by = cause.request_id if request_id and request_id != cause.request_id else cause.caused_by
        own = replace(own, caused_by=caused_by, traceparent=cause.traceparent)
    with originating(own):
        yield own


def identify(actor: str, user_id: uuid.UUID | None = None) -> None:
    """Say who is behind the current request, once authentication knows it: a person has a `user_id`, a token none."""
    kind = "person" if user_id else "token"
    _origin.set(replace(current_origin(), actor=actor[:255], user_id=user_id, kind=kind))


def origin_of(environ: Mapping[str, Any], kind: str = "anonymous") -> Origin:
    """The origin of a request, from its WSGI environment, with its caller's `X-Request-Id` where that is harmless."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return Origin(
        request_id=given if is_acceptable_id(given) else str(uuid7()),
        actor="anonymous",
        ip_address=client_address(environ),
        user_agent=environ.get("HTTP_USER_AGENT", "")[:512],
        kind=kind,
        traceparent=acceptable_traceparent(environ.get("HTTP_TRACEPARENT", "")),
    )


def is_acceptable_id(given: str) -> bool:
    """Whether a request id of somebody else's is harmless in a log, a header and a table."""
    return _ACCEPTABLE.fullmatch(given) is not None


def acceptable_traceparent(given: str) -> str:
    """W3C's `traceparent`, or an empty string for what is none: the trace is then not ours to go on with."""
    return given if len(given) <= 128 and _TRACEPARENT.fullmatch(given) else ""


class RequestIdMiddleware:
    """Says who set the work of a request going, and gives the caller the id that is in our logs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with originating(origin_of(request.META)) as origin:
            response = self.get_response(request)
        response["X-Request-Id"] = origin.request_id
        return response
