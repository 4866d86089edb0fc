"""Ways a webhook is signed. A scheme verifies the raw bytes, and signs them too, for test events and the sandbox."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..errors import ConfigurationError, SignatureRefused
from .events import Trust

# Twelve digits reach the year 33658: enough for a clock, too few for an overflow.
_UNIX_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# No full stop: it parts the id from the timestamp in what is signed, so one inside the id could move that border.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)
_STANDARD_PREFIX = "whsec_"


@dataclass(frozen=True)
class InboundRequest:
    """A webhook as it came in. `headers` have lower-case names; `received_at` is in seconds since 1970."""

    body: bytes
    headers: Mapping[str, str]
    received_at: float


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


@dataclass(frozen=True)
class TimestampedHMAC:
    """Stripe's: `t=<unix time>,v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 over `<t>.<body>`, keyed with the secret's text.

    Any `v1` may match any secret, since both sides may be in the middle of a rotation; other versions are ignored, or
    a weaker one could be forced. Unlike the official packages it refuses timestamps from the far future too.
    https://docs.stripe.com/webhooks#verify-manually
    """

    header: str = "stripe-signature"
    tolerance_seconds: int = 300
    trust: Trust = Trust.SIGNED

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        timestamp, signatures = self._parse(_header(request, self.header))
        _check_age(timestamp, request.received_at, self.tolerance_seconds)
        for secret in filter(None, secrets):
            expected = self._digest(timestamp, request.body, secret)
            if any(hmac.compare_digest(expected, signature) for signature in signatures):
                return
        raise SignatureRefused("The signature does not match.")

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        return {self.header: f"t={timestamp},v1={self._digest(str(timestamp), body, secret)}"}

    def generate_secret(self) -> str:
        return "whsec_" + random.token_hex(24)

    def _parse(self, header: str) -> tuple[str, list[str]]:
        pairs = [part.strip().partition("=") for part in header.split(",")]
        timestamps = [value for key, _, value in pairs if key == "t"]
        signatures = [value for key, _, value in pairs if key == "v1" and _HEX_SHA256.fullmatch(value)]
        if len(timestamps) != 1 or not signatures:
            raise SignatureRefused("The header {header} is not in its documented form.", header=self.header)
        return timestamps[0], signatures

    @staticmethod
    def _digest(timestamp: str, body: bytes, secret: str) -> str:
        return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class StandardWebhooks:
    """The Standard Webhooks scheme: `webhook-signature: v1,<base64>[ v1,<base64>…]` over `<id>.<timestamp>.<body>`.

    HMAC-SHA256; the secret is `whsec_` and the key in base64. `v1a` (public key) entries are ignored.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    header: str = "webhook-signature"
    id_header: str = "webhook-id"
    timestamp_header: str = "webhook-timestamp"
    tolerance_seconds: int = 300
    trust: Trust = Trust.SIGNED

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        event_id, timestamp = _header(request, self.id_header), _header(request, self.timestamp_header)
        if not _MESSAGE_ID.fullmatch(event_id):
            raise SignatureRefused("The header {header} is not in its documented form.", header=self.id_header)
        _check_age(timestamp, request.received_at, self.tolerance_seconds)
        signatures = self._parse(_header(request, self.header))
        keys = [key for secret in secrets if (key := _standard_key(secret))]
        for key in keys:
            expected = self._digest(event_id, timestamp, request.body, key)
            if any(hmac.compare_digest(expected, signature) for signature in signatures):
                return
        raise SignatureRefused("The signature does not match.")

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        """Raises ConfigurationError when `secret` is not `whsec_` and base64."""
        key = _standard_key(secret)
        if not key:
            raise ConfigurationError("A signing secret must be whsec_ followed by base64.")
        signature = base64.b64encode(self._digest(event_id, str(timestamp), body, key)).decode("ascii")
        return {self.id_header: event_id, self.timestamp_header: str(timestamp), self.header: f"v1,{signature}"}

    def is_secret(self, text: str) -> bool:
        """Whether `text` is a secret as the specification wants it: 24 to 64 bytes."""
        return text.startswith(_STANDARD_PREFIX) and 24 <= len(_standard_key(text)) <= 64

    def generate_secret(self) -> str:
        return _STANDARD_PREFIX + base64.b64encode(random.token_bytes(32)).decode("ascii")

    def _parse(self, header: str) -> list[bytes]:
        entries = [entry.partition(",") for entry in header.split(" ")]
        return [digest for version, _, text in entries if version == "v1" and (digest := _base64(text))]

    @staticmethod
    def _digest(event_id: str, timestamp: str, body: bytes, key: bytes) -> bytes:
        return hmac.digest(key, f"{event_id}.{timestamp}.".encode() + body, "sha256")


@dataclass(frozen=True)
class SharedToken:
    """A constant in a header of the provider's choosing, after `prefix`: proves who sends, nothing about the body."""

    header: str
    prefix: str = ""
    trust: Trust = Trust.SHARED_SECRET

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = _header(request, self.header).encode("utf-8", "surrogatepass")
        for secret in filter(None, secrets):
            if hmac.compare_digest(given, (self.prefix + secret).encode()):
                return
        raise SignatureRefused("The token does not match.")

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        return {self.header: self.prefix + secret}

    def generate_secret(self) -> str:
        return random.token_urlsafe(32)


def _header(request: InboundRequest, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise SignatureRefused("The header {name} is missing.", name=name)
    return value


def _check_age(timestamp: str, received_at: float, tolerance_seconds: int) -> None:
    """Refuse a replay from long ago, and a timestamp so far ahead that it could be replayed for long."""
    if not _UNIX_TIME.fullmatch(timestamp):
        raise SignatureRefused("The signature's timestamp is not a time in seconds.")
    if abs(received_at - int(timestamp)) > tolerance_seconds:
        raise SignatureRefused(
            "The signature's timestamp is more than {tolerance_seconds} seconds away.",
            tolerance_seconds=tolerance_seconds,
        )


def _standard_key(secret: str) -> bytes:
    """The key inside `whsec_<base64>`; empty when it is none, as an empty key would let anyone sign."""
    return _base64(secret.removeprefix(_STANDARD_PREFIX))


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
