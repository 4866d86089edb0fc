"""What proves the sender and says nothing of the content."""

from __future__ import annotations

import hmac
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import SignatureRefused
from ..events import Trust
from .base import InboundRequest, header_of


@dataclass(frozen=True)
class SharedToken:
    """A constant in a header of the provider's choosing, after `prefix`: proves who sends, nothing about the body."""

    header: str
    prefix: str = ""
    trust: Trust = Trust.SHARED_SECRET

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = header_of(request, self.header).encode("utf-8", "surrogatepass")
        for secret in filter(None, secrets):
            if hmac.compare_digest(given, (self.prefix + secret).encode()):
                return
        raise SignatureRefused("The token does not match.")

    def sign(self, body: bytes, secret: str, *, event_id: str, timestamp: int) -> Mapping[str, str]:
        return {self.header: self.prefix + secret}

    def generate_secret(self) -> str:
        return random.token_urlsafe(32)
