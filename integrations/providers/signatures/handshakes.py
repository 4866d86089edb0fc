"""How a provider makes sure that an address is ours before it sends events there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .base import InboundRequest


@dataclass(frozen=True)
class Challenge:
    """What to answer. `visit` is an address that the provider wants called to confirm, pinned to its own hosts."""

    body: bytes = b""
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    visit: str = ""


class Handshake(Protocol):
    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        """The answer to a challenge; None where the request is none, but an event. Raises SignatureRefused."""
        ...
