"""Keyed hashes over the body and what goes with it, in a header."""

from __future__ import annotations

import hmac
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import NotSupported, SignatureRefused
from ..events import Trust
from .base import InboundRequest, Scheme, check_age, check_any, header_of, matches, octets
from .encodings import Algorithm, Encoding, signatures_in
from .signed_text import headers_in, signed_text


@dataclass(frozen=True)
class HeaderHMAC(Scheme):
    """HMAC in a header, over the text that `signed` describes, keyed with the secret's text.

    The header holds one signature after `prefix`, or several parted by `separator`. Where `signed` has `{timestamp}`,
    `timestamp_header` brings it, counted `timestamps_per_second`.

    - Meta, GitHub: `HeaderHMAC("x-hub-signature-256", prefix="sha256=")`
      https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries (with a test value)
    - X: `HeaderHMAC("x-twitter-webhooks-signature", prefix="sha256=", encoding=Encoding.BASE64)`
      https://docs.x.com/x-api/webhooks/introduction
    - Intuit QuickBooks: `HeaderHMAC("intuit-signature", encoding=Encoding.BASE64)`; Intuit's Java SDK has a test value
    - LinkedIn: `HeaderHMAC("x-li-signature", signed="hmacsha256={body}")`
      https://learn.microsoft.com/linkedin/shared/api-guide/webhook-validation
    - Deliveroo: `HeaderHMAC("x-deliveroo-hmac-sha256", signed="{x-deliveroo-sequence-guid} {body}")`
    - Slack: `HeaderHMAC("x-slack-signature", signed="v0:{timestamp}:{body}", prefix="v0=",
      timestamp_header="x-slack-request-timestamp")`
      https://docs.slack.dev/authentication/verifying-requests-from-slack (slack_sdk agrees)
    - HubSpot v3: `HeaderHMAC("x-hubspot-signature-v3", signed="{method}{url}{body}{timestamp}",
      encoding=Encoding.BASE64, timestamp_header="x-hubspot-request-timestamp", timestamps_per_second=1000,
      decoded_in_url=":/?@!$'()*,;")`
      https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
    """

    header: str
    signed: str = "{body}"
    algorithm: Algorithm = "sha256"
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    separator: str = ""
    timestamp_header: str = ""
    timestamps_per_second: int = 1
    tolerance_seconds: int | None = 300
    decoded_in_url: str = ""
    trust: Trust = Trust.SIGNED

    def __post_init__(self) -> None:
        if self.trust is Trust.SIGNED and "{body}" not in self.signed:
            raise ValueError("What does not cover the body is not signed.")

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = signatures_in(
            header_of(request, self.header), encoding=self.encoding, prefix=self.prefix, separator=self.separator
        )
        timestamp = header_of(request, self.timestamp_header) if self.timestamp_header else ""
        if timestamp:
            check_age(timestamp, request.received_at, self.tolerance_seconds, per_second=self.timestamps_per_second)
        text = self._text(request, timestamp)
        check_any(secrets, lambda secret: matches(hmac.digest(octets(secret), text, self.algorithm), given))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        if "{url}" in self.signed and not request.url:
            raise NotSupported("This signature covers the address too.")
        headers, told = dict(request.headers), str(timestamp * self.timestamps_per_second)
        if self.timestamp_header:
            headers[self.timestamp_header] = told
        for name in headers_in(self.signed):
            headers.setdefault(name, event_id)
        text = self._text(replace(request, headers=headers), told)
        digest = hmac.digest(octets(secret), text, self.algorithm)
        headers[self.header] = self.prefix + self.encoding.write(digest)
        return replace(request, headers=headers)

    def _text(self, request: InboundRequest, timestamp: str) -> bytes:
        return signed_text(self.signed, request, timestamp=timestamp, decoded_in_url=self.decoded_in_url)


@dataclass(frozen=True)
class TimestampedHMAC(Scheme):
    """Stripe's: `t=<unix time>,v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 over `<t>.<body>`, keyed with the secret's text.

    Any `v1` may match any secret, since both sides may be in the middle of a rotation; other versions are ignored, or
    a weaker one could be forced. Unlike the official packages it refuses timestamps from the far future too.
    https://docs.stripe.com/webhooks#verify-manually (the official package signs and verifies the same)

    Mailchimp's is the same in `x-mailchimp-signature`; TikTok's has `signature_key="s"` in `tiktok-signature`.
    https://developers.tiktok.com/doc/webhooks-verification
    """

    header: str = "stripe-signature"
    tolerance_seconds: int = 300
    trust: Trust = Trust.SIGNED
    timestamp_key: str = "t"
    signature_key: str = "v1"
    signed: str = "{timestamp}.{body}"
    algorithm: Algorithm = "sha256"
    encoding: Encoding = Encoding.HEX
    secret_prefix: str = "whsec_"  # noqa: S105 - what comes before the secret

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        header = header_of(request, self.header)
        timestamp = self._timestamp(header)
        given = signatures_in(header, encoding=self.encoding, prefix=f"{self.signature_key}=", separator=",")
        check_age(timestamp, request.received_at, self.tolerance_seconds)
        text = signed_text(self.signed, request, timestamp=timestamp)
        check_any(secrets, lambda secret: matches(hmac.digest(octets(secret), text, self.algorithm), given))

    def sign_request(self, request: InboundRequest, secret: str, *, event_id: str, timestamp: int) -> InboundRequest:
        text = signed_text(self.signed, request, timestamp=str(timestamp))
        signature = self.encoding.write(hmac.digest(octets(secret), text, self.algorithm))
        header = f"{self.timestamp_key}={timestamp},{self.signature_key}={signature}"
        return replace(request, headers={**request.headers, self.header: header})

    def generate_secret(self) -> str:
        return self.secret_prefix + random.token_hex(24)

    def _timestamp(self, header: str) -> str:
        pairs = [part.strip().partition("=") for part in header.split(",")]
        timestamps = [value for key, _, value in pairs if key == self.timestamp_key]
        if len(timestamps) != 1:
            raise SignatureRefused("The header {header} is not in its documented form.", header=self.header)
        return timestamps[0]
