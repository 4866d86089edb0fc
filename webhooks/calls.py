"""A call at the door as the server hands it over, and what it is answered: WSGI, and no more of it than is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings

from integrations.errors import UnreadablePayload
from integrations.request_id import current_origin, current_request_id

from .bodies import check_size

# What follows the endpoint's id is its own: a token, for a provider that can prove itself by nothing better. No other
# page may get it, whose log would have it.
_DOOR = re.compile(r"/webhooks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(|/.*)", re.DOTALL)
_LONGEST_END = 1_024


@dataclass(frozen=True)
class Call:
    """`end` is the rest of the path as it came: a slash, or a token between two; more is no endpoint's address."""

    endpoint_id: UUID
    end: str = field(repr=False)
    environ: Mapping[str, Any] = field(repr=False)

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    @property
    def is_known_form(self) -> bool:
        return self.end.rstrip("/").count("/") <= 1 and len(self.end) <= _LONGEST_END

    @property
    def address(self) -> str | None:
        return current_origin().ip_address

    def url(self, public_url: str) -> str:
        """The address that was called, with its query string, as the provider knows it; a proxy may have another."""
        query = self.environ.get("QUERY_STRING", "")
        return f"{public_url.rstrip('/')}{self.end}{'?' if query else ''}{query}"

    def headers(self) -> dict[str, str]:
        """By lower-case names."""
        given = self.environ.items()
        headers = {name[5:].replace("_", "-").lower(): value for name, value in given if name.startswith("HTTP_")}
        headers["content-type"] = self.environ.get("CONTENT_TYPE", "")
        return headers

    def read(self) -> bytes:
        """The raw body. One that says it is too large is not read at all, and none is read beyond the limit."""
        announced = self.environ.get("CONTENT_LENGTH") or ""
        if not announced.isdecimal():
            # Sent in chunks a body announces no length; where the server tells its end, it can be read all the same.
            return self._read(settings.MAX_WEBHOOK_BYTES + 1) if self.environ.get("wsgi.input_terminated") else b""
        length = int(announced)
        check_size(length)
        body = self._read(length)
        if len(body) < length:
            raise UnreadablePayload("The body broke off.")
        return body

    def _read(self, most: int) -> bytes:
        source, pieces, size = self.environ["wsgi.input"], [], 0
        try:
            while size < most and (piece := source.read(most - size)):
                pieces.append(piece)
                size += len(piece)
        except OSError as error:
            raise UnreadablePayload("The body broke off.") from error
        check_size(size)
        return b"".join(pieces)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def all_headers(self) -> list[tuple[str, str]]:
        """Whatever is given back to a caller, a challenge of its own too, is not for a browser to make a page of."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-Id", current_request_id()),
            *((name, value) for name, value in self.headers.items() if name.lower() != "x-content-type-options"),
        ]


def call_of(environ: Mapping[str, Any]) -> Call | None:
    """The call, if it is one of an endpoint's address; None for all others."""
    path: str = environ.get("PATH_INFO", "")
    found = _DOOR.fullmatch(path) if path.startswith("/webhooks/") else None
    if found is None:
        return None
    # WSGI hands over the path decoded, its bytes as Latin-1.
    return Call(UUID(found[1]), quote(found[2].encode("latin-1", "replace"), safe="/"), environ)


def error_reply(status: int, code: str, message: str, headers: Mapping[str, str]) -> Reply:
    error = {"code": code, "message": message, "request_id": current_request_id()}
    return Reply(status, json.dumps({"error": error}).encode(), {"Hub-Error": code, **headers})
