"""What a signature scheme is, and what all of them need."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...errors import SignatureRefused
from ..events import Trust

# Twelve digits reach the year 33658: enough for a clock, too few for an overflow.
_UNIX_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


def _fetches_nothing(url: str) -> bytes:
    raise SignatureRefused("The certificate cannot be fetched here.")


@dataclass(frozen=True)
class InboundRequest:
    """A webhook as it came in. `headers` have lower-case names; `received_at` is in seconds since 1970.

    `url` is the endpoint's address as the provider was given it, with the query string that came with the call.
    `fetch` reads a certificate by its address, kept for a while; a scheme has pinned the address to its provider's own
    hosts before it asks.
    """

    body: bytes
    headers: Mapping[str, str]
    received_at: float
    method: str = "POST"
    url: str = ""
    fetch: Callable[[str], bytes] = field(default=_fetches_nothing, repr=False)


class Signature(Protocol):
    """A scheme. `verify` raises SignatureRefused unless one of `secrets` (newest first) made the signature."""

    @property
    def trust(self) -> Trust: ...

    @property
    def header(self) -> str:
        """The header that carries the signature, in lower case; kept with the event."""
        ...

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None: ...

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        """The headers that a genuine sender would put on `body`."""
        ...

    def generate_secret(self) -> str:
        """A fresh secret in the form that this scheme's senders use."""
        ...


def header_of(request: InboundRequest, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise SignatureRefused("The header {name} is missing.", name=name)
    return value


def check_age(timestamp: str, received_at: float, tolerance_seconds: int) -> None:
    """Refuse a replay from long ago, and a timestamp so far ahead that it could be replayed for long."""
    if not _UNIX_TIME.fullmatch(timestamp):
        raise SignatureRefused("The signature's timestamp is not a time in seconds.")
    if abs(received_at - int(timestamp)) > tolerance_seconds:
        raise SignatureRefused(
            "The signature's timestamp is more than {tolerance_seconds} seconds away.",
            tolerance_seconds=tolerance_seconds,
        )


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
