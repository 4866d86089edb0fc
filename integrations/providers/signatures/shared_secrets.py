"""What proves the sender and says nothing of the content."""

from __future__ import annotations

import base64
import hmac
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import ConfigurationError, SignatureRefused
from ..events import Trust
from .base import InboundRequest, Scheme, check_any, octets
from .encodings import from_base64
from .places import BodyField, Header, PathEnd, Place, QueryParameter

_BASIC = "basic "


@dataclass(frozen=True)
class SharedToken(Scheme):
    """A constant that the provider sends along: proves who sends, nothing about the body.

    `place` is a header's name, or where else it is. One in the address may be read in logs, ours and theirs, so use
    that only where a provider can do no better. One in the body is blanked before the body is kept.

    - N-Genius, Tabby, DHL: a header that whoever sets up the webhook names. DoorDash: `SharedToken("authorization")`.
    - Moyasar: `SharedToken(BodyField("secret_token"))`. https://docs.moyasar.com/guides/dashboard/setting-up-webhooks
    - Unifonic and others that prove nothing: `SharedToken(QueryParameter("token"))`, `SharedToken(PathEnd())`.
    """

    place: Place | str
    prefix: str = ""
    trust: Trust = Trust.SHARED_SECRET

    @property
    def header(self) -> str:
        """None: what it holds is the secret, and not to be kept with an event."""
        return ""

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = octets(self._place().find(request))
        if not given:
            raise SignatureRefused("The token is missing.")
        check_any(secrets, lambda secret: hmac.compare_digest(given, octets(secret)))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        return self._place().put(request, secret)

    def body_to_keep(self, request: InboundRequest) -> bytes:
        place = self._place()
        return place.blank(request) if isinstance(place, BodyField) else request.body

    def address(self, url: str, secret: str) -> str:
        place = self._place()
        if not isinstance(place, QueryParameter | PathEnd):
            return url
        return place.put(InboundRequest(b"", {}, received_at=0, url=url), secret).url

    def _place(self) -> Place:
        return Header(self.place, self.prefix) if isinstance(self.place, str) else self.place


@dataclass(frozen=True)
class BasicAuth(Scheme):
    """HTTP Basic: the secret is the password of `username`, or `<name>:<password>` where that is left open.

    Infobip's subscriptions have it as an authentication of type BASIC.
    https://www.infobip.com/docs/api/platform/subscriptions-api (RFC 7617 is the form)
    """

    username: str = ""
    trust: Trust = Trust.SHARED_SECRET

    @property
    def header(self) -> str:
        """None: what it holds is the secret, and not to be kept with an event."""
        return ""

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        header = request.headers.get("authorization", "")
        given = from_base64(header[len(_BASIC) :].strip()) if header.lower().startswith(_BASIC) else b""
        if not given:
            raise SignatureRefused("The name and password are missing.")
        check_any(secrets, lambda secret: hmac.compare_digest(given, self._pair(secret)))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        self.check_secret(secret)
        return Header("authorization", "Basic ").put(request, base64.b64encode(self._pair(secret)).decode("ascii"))

    def generate_secret(self) -> str:
        password = random.token_urlsafe(32)
        return password if self.username else f"hub:{password}"

    def check_secret(self, secret: str) -> None:
        if not secret or not (self.username or all(secret.partition(":")[::2])):
            raise ConfigurationError("The secret must be a name and a password with a colon between.")

    def _pair(self, secret: str) -> bytes:
        return octets(f"{self.username}:{secret}" if self.username else secret)
