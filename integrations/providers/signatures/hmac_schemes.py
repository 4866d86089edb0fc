"""Keyed hashes over the body and what goes with it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import SignatureRefused
from ..events import Trust
from .base import InboundRequest, check_age, header_of

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


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
        timestamp, signatures = self._parse(header_of(request, self.header))
        check_age(timestamp, request.received_at, self.tolerance_seconds)
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
