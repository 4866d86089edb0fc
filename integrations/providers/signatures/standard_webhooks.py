"""The scheme of Standard Webhooks, for what comes in and for what we forward."""

from __future__ import annotations

import base64
import hmac
import re
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import ConfigurationError, SignatureRefused
from ..events import Trust
from .base import InboundRequest, Scheme, check_age, check_any, header_of, matches
from .encodings import Encoding, from_base64, signatures_in

# No full stop: it parts the id from the timestamp in what is signed, so one inside the id could move that border.
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)
_STANDARD_PREFIX = "whsec_"


@dataclass(frozen=True)
class StandardWebhooks(Scheme):
    """The Standard Webhooks scheme: `webhook-signature: v1,<base64>[ v1,<base64>…]` over `<id>.<timestamp>.<body>`.

    HMAC-SHA256; the secret is `whsec_` and the key in base64. `v1a` entries are for PublicKeySignature, and ignored.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    (the official packages standardwebhooks and svix agree; Svix's own headers are `svix-id` and so on)
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
        given = signatures_in(header_of(request, self.header), encoding=Encoding.BASE64, prefix="v1,", separator=" ")
        check_any(secrets, lambda secret: self._is_signed_with(secret, f"{event_id}.{timestamp}.", request.body, given))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        self.check_secret(secret)
        digest = self._digest(f"{event_id}.{timestamp}.", request.body, _standard_key(secret))
        signature = f"v1,{base64.b64encode(digest).decode('ascii')}"
        added = {self.id_header: event_id, self.timestamp_header: str(timestamp), self.header: signature}
        return replace(request, headers={**request.headers, **added})

    def check_secret(self, secret: str) -> None:
        if not _standard_key(secret):
            raise ConfigurationError("A signing secret must be whsec_ followed by base64.")

    def is_secret(self, text: str) -> bool:
        """Whether `text` is a secret as the specification wants it: 24 to 64 bytes."""
        return text.startswith(_STANDARD_PREFIX) and 24 <= len(_standard_key(text)) <= 64

    def generate_secret(self) -> str:
        return _STANDARD_PREFIX + base64.b64encode(random.token_bytes(32)).decode("ascii")

    def _is_signed_with(self, secret: str, beginning: str, body: bytes, given: list[bytes]) -> bool:
        key = _standard_key(secret)
        return bool(key) and matches(self._digest(beginning, body, key), given)

    @staticmethod
    def _digest(beginning: str, body: bytes, key: bytes) -> bytes:
        return hmac.digest(key, beginning.encode() + body, "sha256")


def _standard_key(secret: str) -> bytes:
    """The key inside `whsec_<base64>`, which Supabase writes `v1,whsec_<base64>`; empty when it is none."""
    return from_base64(secret.removeprefix("v1,").removeprefix(_STANDARD_PREFIX))
