"""Ways a webhook is signed. A scheme verifies the raw bytes, and signs them too, for test events and the sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .events import Trust


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
