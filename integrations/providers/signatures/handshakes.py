"""How a provider makes sure that an address is ours before it sends events there.

What comes in is never given back as it is: only in a form that is no page for a browser, and no body that a signature
could be asked for.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...errors import SignatureRefused
from .base import InboundRequest, Signature, check_any, octets
from .fields import json_of, query_value
from .sns import SNSMessage

_NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}
# No brace, quotation mark, colon or ampersand: what we sign for a challenge must not be the body of a forged event.
_SIGNED_TOKEN = re.compile(r"[A-Za-z0-9_+/.-]{1,256}={0,2}", re.ASCII)
_PLAIN_TOKEN = re.compile(r"[A-Za-z0-9_.~-]{1,256}", re.ASCII)
# Microsoft's are sentences at times: "Validation: Testing client application reachability …"
_SENTENCE = re.compile(r"[A-Za-z0-9 _.,:;~=+/{}()-]{1,1024}", re.ASCII)


@dataclass(frozen=True)
class Challenge:
    """What to answer. `visit` is an address that the provider wants called to confirm, pinned to its own hosts."""

    body: bytes = b""
    content_type: str = "text/plain"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_SNIFFING)
    visit: str = ""


class Handshake(Protocol):
    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        """The answer to a challenge; None where the request is none, but an event. Raises SignatureRefused."""
        ...


@dataclass(frozen=True)
class MetaVerification:
    """Facebook, Instagram, WhatsApp: GET with `hub.mode`, `hub.verify_token`, `hub.challenge`, which is given back.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    The token is one of the secrets, or better `verify_token` of one, so that the app's secret, which signs the events,
    is in no address.
    """

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        mode = query_value(request, "hub.mode")
        if request.method != "GET" or not mode:
            return None
        given = octets(query_value(request, "hub.verify_token"))
        check_any(secrets, lambda secret: _is_token(given, secret, self.verify_token(secret)))
        if mode != "subscribe":
            raise SignatureRefused("The challenge is not in its documented form.")
        return _given_back(query_value(request, "hub.challenge"), _PLAIN_TOKEN)

    def verify_token(self, secret: str) -> str:
        """What to enter as the verify token in Meta's dashboard."""
        return hmac.digest(octets(secret), b"hub.verify_token", "sha256").hex()[:40]


@dataclass(frozen=True)
class XChallenge:
    """X: GET with `crc_token`, answered with its HMAC under the consumer secret, in base64.

    https://docs.x.com/x-api/webhooks/introduction (the challenge-response check)
    Events are signed with the same key in the same way, so a token that could be an event's body is refused: anybody
    may ask.
    """

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        token = query_value(request, "crc_token")
        if request.method != "GET" or not token:
            return None
        digest = _signed(token, secrets)
        return _json({"response_token": "sha256=" + base64.b64encode(digest).decode("ascii")})


@dataclass(frozen=True)
class LinkedInChallenge:
    """LinkedIn: GET with `challengeCode`, answered with it and its HMAC under the client secret, in hex.

    https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation
    """

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        code = query_value(request, "challengeCode")
        if request.method != "GET" or not code:
            return None
        return _json({"challengeCode": code, "challengeResponse": _signed(code, secrets).hex()})


@dataclass(frozen=True)
class MicrosoftValidation:
    """Microsoft Graph: POST with `validationToken` in the query string, given back decoded as text/plain.

    https://learn.microsoft.com/graph/change-notifications-delivery-webhooks#notificationurl-validation
    It proves nothing, and anybody may ask. What could be markup is refused.
    """

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        token = query_value(request, "validationToken")
        return _given_back(token, _SENTENCE) if token else None


@dataclass(frozen=True)
class SlackChallenge:
    """Slack: a POST of the type `url_verification`, signed as an event is, whose `challenge` is given back.

    https://docs.slack.dev/reference/events/url_verification
    """

    signature: Signature

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        if request.method != "POST" or b"url_verification" not in request.body:
            return None
        fields = json_of(request)
        if fields.get("type") != "url_verification":
            return None
        self.signature.verify(request, secrets)
        return _given_back(fields.get("challenge"), _PLAIN_TOKEN)


@dataclass(frozen=True)
class SNSConfirmation:
    """Amazon SNS: a signed POST of the type SubscriptionConfirmation, confirmed by a visit to its SubscribeURL.

    https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
    An UnsubscribeConfirmation is only taken note of: a visit to its address would subscribe again.
    https://docs.aws.amazon.com/sns/latest/dg/http-unsubscribe-confirmation-json.html
    """

    signature: SNSMessage = field(default_factory=SNSMessage)
    address: str = (
        r"https://sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/\?Action=ConfirmSubscription&[A-Za-z0-9:_.&=%-]{1,1500}"
    )

    def answer(self, request: InboundRequest, secrets: Sequence[str]) -> Challenge | None:
        if request.method != "POST" or b"Confirmation" not in request.body:
            return None
        kind = json_of(request).get("Type")
        if kind not in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
            return None
        message = self.signature.read(request, secrets)
        if kind == "UnsubscribeConfirmation":
            return Challenge()
        if not re.fullmatch(self.address, message["SubscribeURL"], re.ASCII):
            raise SignatureRefused("The address to visit is not one of the provider's.")
        return Challenge(visit=message["SubscribeURL"])


def _is_token(given: bytes, *tokens: str) -> bool:
    return any(hmac.compare_digest(given, octets(token)) for token in tokens)


def _signed(token: str, secrets: Sequence[str]) -> bytes:
    """Under the newest secret: the provider has no way to say which it wants."""
    newest = next(filter(None, secrets), "")
    if not newest or not _SIGNED_TOKEN.fullmatch(token):
        raise SignatureRefused("The challenge is not in its documented form.")
    return hmac.digest(octets(newest), octets(token), "sha256")


def _given_back(token: object, form: re.Pattern[str]) -> Challenge:
    if not isinstance(token, str) or not form.fullmatch(token):
        raise SignatureRefused("The challenge is not in its documented form.")
    return Challenge(token.encode("ascii"))


def _json(answer: Mapping[str, str]) -> Challenge:
    return Challenge(json.dumps(answer).encode("ascii"), "application/json")
