"""Any call to a provider, sent with a connection's credentials: its answer comes back as it is, but for those.

Our own failures are told apart by the header `Hub-Error`, which a provider's answer never carries. A call that finds a
limit used up is refused with 429, or waits for room as long as `Prefer: wait=5` says, for 20 seconds at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import IO, Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from ..gateway import client_for
from ..models import Connection
from ..providers.base import Answer, Rest
from ..redaction import is_secret_name
from .idempotency import idempotency_key
from .openapi import IDEMPOTENCY_KEY
from .parsers import read_bounded
from .serializers import organization_of
from .viewsets import HubView

# A provider has headers of its own, so all are sent on but these and those whose names speak of secrets: what is for
# one hop (RFC 9110, 7.6.1), what is ours to say, what browsers and proxies add, and what tells us who is calling.
_NOT_SENT_ON = re.compile(
    r"connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|host|content-length|via|forwarded"
    r"|x-forwarded-.*|x-real-ip|x-request-id|origin|referer|sec-.*|user-agent|accept-encoding|idempotency-key|hub-.*"
    r"|x-csrf-?token|x-http-method-override",
    re.IGNORECASE,
)
_GIVEN_BACK = (
    "content-type", "content-language", "content-disposition", "content-range", "accept-ranges", "etag",
    "last-modified", "location", "link", "retry-after", "request-id", "x-request-id", "preference-applied",
    "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
    "ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
)  # fmt: skip


MAX_BODY_BYTES = 10 * 1024 * 1024
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\b", re.ASCII | re.IGNORECASE)
_LONGEST_WAIT_SECONDS = 20.0


class RawParser(BaseParser):
    """Takes any body as bytes: what it means is between the caller and the provider."""

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return read_bounded(stream, most=MAX_BODY_BYTES)


class ProxyView(HubView):
    scope = "proxy"
    always_needs_scope = True
    query_parameters = None  # they are the provider's
    parser_classes = (RawParser,)
    http_method_names = ["get", "head", "post", "put", "patch", "delete", "options"]  # noqa: RUF012 - as Django has it

    @extend_schema(
        request={"*/*": OpenApiTypes.BINARY},
        responses={(200, "*/*"): OpenApiTypes.BINARY},
        parameters=[IDEMPOTENCY_KEY],
        description=__doc__,
    )
    def get(self, request: Request, connection_pk: Any, path: str = "") -> HttpResponseBase:
        return self._forward(request, connection_pk, path)

    post = put = patch = delete = head = get
    options = get  # type: ignore[assignment]  # the provider's, where the framework's would describe this view

    def _forward(self, request: Request, connection_pk: Any, path: str) -> HttpResponseBase:
        own = Connection.objects.filter(organization=organization_of(request)).select_related(
            "provider", "organization"
        )
        connection = get_object_or_404(own, pk=connection_pk)
        body = request.data if isinstance(request.data, bytes) else b""
        client = client_for(connection, operation="proxy", wait_seconds=_patience(request.headers.get("Prefer", "")))
        answer = client.stream(
            request.method or "GET",
            path,
            params=dict(request.query_params.lists()),
            body=body or None,
            headers=_sent_on(request.headers),
            idempotency_key=idempotency_key(request),
        )
        return _returned(answer)


def _sent_on(headers: Mapping[str, str]) -> dict[str, str]:
    for_this_hop = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return {
        name: value
        for name, value in headers.items()
        if not (_NOT_SENT_ON.fullmatch(name) or name.lower() in for_this_hop or is_secret_name(name))
    }


def _patience(preferences: str) -> float:
    """`Prefer: wait=5` (RFC 7240): the seconds for which the caller would rather wait for room than be refused."""
    wait = _WAIT.search(preferences)
    return min(float(wait[1]), _LONGEST_WAIT_SECONDS) if wait else 0.0


class _Pieces:
    """The whole body again; closing it closes what was not read."""

    def __init__(self, first: bytes, rest: Rest) -> None:
        self._pieces = chain([first], rest)
        self.close = rest.close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces


def _returned(answer: Answer) -> HttpResponseBase:
    """A large body is passed on as it comes. One that breaks off on the way breaks off for the caller, too."""
    response: HttpResponse | StreamingHttpResponse
    if answer.rest is None:
        response = HttpResponse(answer.body, status=answer.status)
    else:
        response = StreamingHttpResponse(_Pieces(answer.body, answer.rest), status=answer.status)
    del response["Content-Type"]
    for name in _GIVEN_BACK:
        if name in answer.headers:
            response[name] = answer.headers[name]
    # The provider's pages are not ours: a browser must neither run nor sniff them under our name.
    response["Content-Security-Policy"] = "sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
