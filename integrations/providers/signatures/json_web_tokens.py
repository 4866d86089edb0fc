"""A JSON Web Token that comes with a webhook, signed with a key that both sides have."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import SignatureRefused
from ..events import Trust
from .base import InboundRequest, Scheme, check_any, matches, octets
from .encodings import Algorithm, from_base64url
from .places import Header, Place

_HASHES: Mapping[str, Algorithm] = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


@dataclass(frozen=True)
class SharedKeyToken(Scheme):
    """A JWT (RFC 7519) under the one pinned algorithm; it says nothing of the body, so `trust` is not SIGNED.

    It is taken from the first of `places` that has one. `exp` must be there and ahead, `nbf` and `iat` behind, each
    give or take `leeway_seconds`; `claims` are others that it must have.

    - Tamara: `SharedKeyToken((Header("authorization", "Bearer "), QueryParameter("tamaraToken")))`, keyed with the
      notification token. tamara-solution/php-sdk:src/Tamara/Notification/Authenticator.php takes it in that order;
      `exp` is in the sample of https://docs.tamara.co/docs/authorisation
    - Talabat's POS: `SharedKeyToken((Header("authorization", "Bearer "),), algorithm="HS512",
      claims=(("service", "middleware"),))`
    """

    places: tuple[Place, ...] = (Header("authorization", "Bearer "),)
    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"
    claims: tuple[tuple[str, str], ...] = ()
    leeway_seconds: int = 60
    lifetime_seconds: int = 900
    trust: Trust = Trust.SHARED_SECRET

    @property
    def header(self) -> str:
        """None: whoever has the token could use it again until it expires."""
        return ""

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        token = next(filter(None, (place.find(request) for place in self.places)), "")
        signed, _, signature = token.rpartition(".")
        head, _, payload = signed.partition(".")
        if _object(head).get("alg") != self.algorithm:
            raise SignatureRefused("The token is not one that is signed as agreed.")
        given = [from_base64url(signature)]
        check_any(secrets, lambda secret: matches(self._digest(signed, secret), given))
        self._check_claims(_object(payload), request.received_at)

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        claims = {**dict(self.claims), "iat": timestamp, "exp": timestamp + self.lifetime_seconds}
        signed = f"{_written({'alg': self.algorithm, 'typ': 'JWT'})}.{_written(claims)}"
        return self.places[0].put(request, f"{signed}.{_unpadded(self._digest(signed, secret))}")

    def _digest(self, signed: str, secret: str) -> bytes:
        return hmac.digest(octets(secret), octets(signed), _HASHES[self.algorithm])

    def _check_claims(self, claims: Mapping[str, Any], now: float) -> None:
        if _time(claims, "exp", missing=0.0) + self.leeway_seconds < now:
            raise SignatureRefused("The token has expired.")
        if max(_time(claims, "nbf", missing=0.0), _time(claims, "iat", missing=0.0)) - self.leeway_seconds > now:
            raise SignatureRefused("The token is not valid yet.")
        if any(claims.get(name) != value for name, value in self.claims):
            raise SignatureRefused("The token was not made for this.")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(from_base64url(text), parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise SignatureRefused("The token is not in its documented form.") from error
    if not isinstance(value, dict):
        raise SignatureRefused("The token is not in its documented form.")
    return value


def _time(claims: Mapping[str, Any], name: str, *, missing: float) -> float:
    value = claims.get(name, missing)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        raise SignatureRefused("The token's times are not times.")
    return float(value)


def _written(value: Mapping[str, Any]) -> str:
    return _unpadded(json.dumps(value, separators=(",", ":")).encode())


def _unpadded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
