"""The scheme of Standard Webhooks, for what comes in and for what we forward."""

from __future__ import annotations

import base64
import hmac
import re
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import ConfigurationError, SignatureRefused
from ..events import Trust
from .base import InboundRequest, check_age, from_base64, header_of

# No full stop: it parts the id from the timestamp in what is signed, so one inside the id could move that border.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)
_STANDARD_PREFIX = "whsec_"


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
        event_id, timestamp = header_of(request, self.id_header), header_of(request, self.timestamp_header)
        if not _MESSAGE_ID.fullmatch(event_id):
            raise SignatureRefused("The header {header} is not in its documented form.", header=self.id_header)
        check_age(timestamp, request.received_at, self.tolerance_seconds)
        signatures = self._parse(header_of(request, self.header))
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
        return [digest for version, _, text in entries if version == "v1" and (digest := from_base64(text))]

    @staticmethod
    def _digest(event_id: str, timestamp: str, body: bytes, key: bytes) -> bytes:
        return hmac.digest(key, f"{event_id}.{timestamp}.".encode() + body, "sha256")


def _standard_key(secret: str) -> bytes:
    """The key inside `whsec_<base64>`; empty when it is none, as an empty key would let anyone sign."""
    return from_base64(secret.removeprefix(_STANDARD_PREFIX))
