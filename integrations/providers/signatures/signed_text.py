"""The text that is signed, described as its provider's documentation does: `v0:{timestamp}:{body}`."""

from __future__ import annotations

import re
from functools import lru_cache

from ...errors import SignatureRefused
from .base import InboundRequest, header_of, octets

_OF_THE_REQUEST = frozenset({"body", "method", "url", "timestamp"})
_NAMED = re.compile(r"\{([a-z0-9-]+)\}")
_PLAIN = re.compile(r"[!-~]{1,256}", re.ASCII)


def signed_text(template: str, request: InboundRequest, *, timestamp: str = "", decoded_in_url: str = "") -> bytes:
    """`template` with `{body}`, `{method}`, `{url}`, `{timestamp}`, and `{x-any-header}` by its name, filled in.

    `decoded_in_url` are the characters whose percent codes in the address are written out first.
    """
    literals, names = _parts(template)
    text = [literals[0].encode()]
    for name, after in zip(names, literals[1:], strict=True):
        if name == "body":
            value = request.body
        elif name == "timestamp":
            value = timestamp.encode("ascii")
        elif name == "method":
            value = octets(request.method)
        elif name == "url":
            value = octets(_decoded(_address(request), decoded_in_url))
        else:
            value = _header(request, name, after)
        text += (value, after.encode())
    return b"".join(text)


def headers_in(template: str) -> list[str]:
    """The headers that are signed too: those that carry the event's id."""
    return [name for name in _parts(template)[1] if name not in _OF_THE_REQUEST]


@lru_cache(maxsize=256)
def _parts(template: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The literal text, and the names between."""
    parts = _NAMED.split(template)
    return tuple(parts[::2]), tuple(parts[1::2])


def _header(request: InboundRequest, name: str, after: str) -> bytes:
    """A header's value, without what parts it from the next: inside it could move that border."""
    value = header_of(request, name)
    if not _PLAIN.fullmatch(value) or (after and after in value):
        raise SignatureRefused("The header {header} is not in its documented form.", header=name)
    return value.encode("ascii")


def _address(request: InboundRequest) -> str:
    if not request.url:
        raise SignatureRefused("The address that was called is not known.")
    return request.url


def _decoded(url: str, characters: str) -> str:
    for character in characters:
        code = f"%{ord(character):02X}"
        url = url.replace(code, character).replace(code.lower(), character)
    return url
