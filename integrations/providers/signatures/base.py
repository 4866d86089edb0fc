"""What a signature scheme is, and what all of them need."""

from __future__ import annotations

import hmac
import re
import secrets as random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from ...errors import ConfigurationError, NotSupported, SignatureRefused
from ..events import Trust

# Fifteen digits are enough for a clock in milliseconds, and too few for an overflow.
_UNIX_TIME = re.compile(r"[0-9]{1,15}", re.ASCII)
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _fetches_nothing(url: str) -> bytes:
    raise SignatureRefused("The certificate cannot be fetched here.")


@dataclass(frozen=True)
class InboundRequest:
    """A webhook as it came in. `headers` have lower-case names; `received_at` is in seconds since 1970.

    `url` is the endpoint's address as the provider was given it, with the query string that came with the call.
    `fetch` reads a certificate by its address, kept for a while, without following redirects; a scheme has pinned the
    address to its provider's own hosts before it asks.
    """

    body: bytes
    headers: Mapping[str, str]
    received_at: float
    method: str = "POST"
    url: str = ""
    fetch: Callable[[str], bytes] = field(default=_fetches_nothing, repr=False)


class Signature(Protocol):
    """A scheme. `verify` raises SignatureRefused unless one of `secrets` (newest first) made the signature.

    Whatever came in, `verify` raises nothing else, beside what `request.fetch` does.
    """

    @property
    def trust(self) -> Trust: ...

    @property
    def header(self) -> str:
        """The header that carries the signature, in lower case; kept with the event.

        Empty where the signature is elsewhere, and where what is carried is the secret itself.
        """
        ...

    @property
    def can_sign(self) -> bool:
        """False where only the provider has the key: then `sign`, `sign_request` and `generate_secret` do not work."""
        ...

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None: ...

    def body_to_keep(self, request: InboundRequest) -> bytes:
        """The body of a verified request as it is stored, shown and passed on: as it came, but for a secret in it.

        Whoever read a token there could send with it.
        """
        ...

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        """`request` as a genuine sender would send it: with headers, query parameters or body fields added.

        Raises NotSupported where only the provider can sign, ConfigurationError when `secret` is none.
        """
        ...

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        """The headers that a genuine sender would put on `body`.

        Raises NotSupported where headers alone do not do it, beside what `sign_request` raises.
        """
        ...

    def address(self, url: str, secret: str) -> str:
        """What to tell the provider as the endpoint's address: `url`, with `secret` in it where that is the proof."""
        ...

    def generate_secret(self) -> str:
        """A fresh secret in the form that this scheme's senders use. Raises NotSupported where the provider issues it.

        See `can_sign`.
        """
        ...

    def check_secret(self, secret: str) -> None:
        """Raises ConfigurationError, with a sentence for the person who entered it, when `secret` cannot be one."""
        ...


class Scheme:
    """What most schemes have in common. One whose key both sides have says in `sign_request` how it signs."""

    can_sign: ClassVar[bool] = True

    def body_to_keep(self, request: InboundRequest) -> bytes:
        return request.body

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        raise NotSupported("Only the provider itself can sign this.")

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        bare = InboundRequest(body, {}, float(timestamp))
        signed = self.sign_request(bare, secret, event_id=event_id, timestamp=timestamp)
        if (signed.body, signed.url) != (body, ""):
            raise NotSupported("This signature is not in the headers alone.")
        return signed.headers

    def address(self, url: str, secret: str) -> str:
        return url

    def generate_secret(self) -> str:
        return random.token_urlsafe(32)

    def check_secret(self, secret: str) -> None:
        if not secret:
            raise ConfigurationError("The signing secret is missing.")


class ProviderSigned(Scheme):
    """A scheme whose key only the provider has."""

    can_sign: ClassVar[bool] = False

    def generate_secret(self) -> str:
        raise NotSupported("The provider issues this itself.")


def check_any(secrets: Iterable[str], is_signed_with: Callable[[str], bool]) -> None:
    """Refuse unless one of `secrets` fits. An empty one never does: anybody could sign with it."""
    if not any(is_signed_with(secret) for secret in secrets if secret):
        raise SignatureRefused("The signature does not match.")


def matches(expected: bytes, given: Iterable[bytes]) -> bool:
    """Whether one of the signatures given is the expected one, in constant time for each."""
    return any(hmac.compare_digest(expected, signature) for signature in given)


def octets(text: str) -> bytes:
    """UTF-8 of any text that can come in: a header or a JSON string may hold what is no character."""
    return text.encode("utf-8", "surrogatepass")


def header_of(request: InboundRequest, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise SignatureRefused("The header {name} is missing.", name=name)
    return value


def check_age(timestamp: str, received_at: float, tolerance_seconds: int | None, *, per_second: int = 1) -> None:
    """Refuse a replay from long ago, and a timestamp so far ahead that it could be replayed for long.

    `timestamp` counts since 1970, `per_second` of its units a second. A tolerance of None lets any time pass.
    """
    if not _UNIX_TIME.fullmatch(timestamp):
        raise SignatureRefused("The signature's timestamp is not a time in seconds.")
    _check_distance(received_at - int(timestamp) / per_second, tolerance_seconds)


def check_iso_age(timestamp: str, received_at: float, tolerance_seconds: int | None) -> None:
    """As `check_age`, for `2026-03-06T20:00:26.893Z`."""
    try:
        at = datetime.fromisoformat(timestamp) if _ISO_TIME.fullmatch(timestamp) else None
    except ValueError:
        at = None
    if at is None:
        raise SignatureRefused("The signature's timestamp is not a time in ISO 8601.")
    _check_distance(received_at - at.timestamp(), tolerance_seconds)


def _check_distance(seconds: float, tolerance_seconds: int | None) -> None:
    if tolerance_seconds is not None and abs(seconds) > tolerance_seconds:
        raise SignatureRefused(
            "The signature's timestamp is more than {tolerance_seconds} seconds away.",
            tolerance_seconds=tolerance_seconds,
        )
