"""Where in a webhook its signature or token is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from ...errors import NotSupported, SignatureRefused
from .base import InboundRequest
from .blanking import blank_in_form, blank_in_json
from .fields import fields_of, is_form, json_of, query_value, text_at


class Place(Protocol):
    def find(self, request: InboundRequest) -> str:
        """What is there; empty where nothing is."""
        ...

    def put(self, request: InboundRequest, value: str) -> InboundRequest: ...


@dataclass(frozen=True)
class Header:
    """A header, in lower case; after `prefix`, without which nothing is there."""

    name: str
    prefix: str = ""

    def find(self, request: InboundRequest) -> str:
        value = request.headers.get(self.name, "")
        return value.removeprefix(self.prefix) if value.startswith(self.prefix) else ""

    def put(self, request: InboundRequest, value: str) -> InboundRequest:
        return replace(request, headers={**request.headers, self.name: self.prefix + value})


@dataclass(frozen=True)
class QueryParameter:
    name: str

    def find(self, request: InboundRequest) -> str:
        return query_value(request, self.name)

    def put(self, request: InboundRequest, value: str) -> InboundRequest:
        parts = urlsplit(request.url)
        query = "&".join(filter(None, (parts.query, urlencode({self.name: value}))))
        return replace(request, url=urlunsplit(parts._replace(query=query)))


@dataclass(frozen=True)
class PathEnd:
    """The last part of the address's path: `/webhooks/<endpoint>/<token>/`."""

    def find(self, request: InboundRequest) -> str:
        try:
            path = urlsplit(request.url).path
        except ValueError as error:
            raise SignatureRefused("The address that was called cannot be read.") from error
        return unquote(path.rstrip("/").rpartition("/")[2])

    def put(self, request: InboundRequest, value: str) -> InboundRequest:
        parts = urlsplit(request.url)
        path = f"{parts.path.rstrip('/')}/{quote(value, safe='')}/"
        return replace(request, url=urlunsplit(parts._replace(path=path)))


@dataclass(frozen=True)
class BodyField:
    """A field of the body, by its dotted path in JSON or its name in a form."""

    path: str

    def find(self, request: InboundRequest) -> str:
        return text_at(fields_of(request), self.path)

    def put(self, request: InboundRequest, value: str) -> InboundRequest:
        """Added at the end, as it stands: what else is in the body may be signed as it is written."""
        if is_form(request):
            form = b"&".join(filter(None, (request.body, urlencode({self.path: value}).encode("ascii"))))
            return replace(request, body=form)
        if "." in self.path:
            raise NotSupported("A field inside another cannot be added.")
        comma = b", " if json_of(request) else b""
        added = json.dumps({self.path: value}).encode()
        return replace(request, body=request.body.rstrip().removesuffix(b"}") + comma + added.removeprefix(b"{"))

    def blank(self, request: InboundRequest) -> bytes:
        """The body without what `find` found there: every other byte is as it came."""
        if not request.body:
            return b""
        blanked = blank_in_form if is_form(request) else blank_in_json
        return blanked(request.body, self.path)
