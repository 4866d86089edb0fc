"""Ways a webhook is signed. A scheme verifies the raw bytes, and signs them too, for test events and the sandbox."""

from __future__ import annotations

from .base import InboundRequest, Signature
from .handshakes import Challenge, Handshake
from .hmac_schemes import TimestampedHMAC
from .shared_secrets import SharedToken
from .standard_webhooks import StandardWebhooks

__all__ = [
    "Challenge",
    "Handshake",
    "InboundRequest",
    "SharedToken",
    "Signature",
    "StandardWebhooks",
    "TimestampedHMAC",
]
