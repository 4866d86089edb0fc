"""PayPal's signature: RSA over what was transmitted, with a certificate that PayPal hosts."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes

from ...errors import ConfigurationError, SignatureRefused
from ..events import Trust
from .base import InboundRequest, ProviderSigned, check_any, check_iso_age, header_of, octets
from .certificates import PinnedCertificate, is_rsa_signed
from .encodings import Encoding, signatures_in

_ALGORITHM = "SHA256withRSA"
# No bar: it parts the values in what is signed, so one inside could move that border.
_VALUE = re.compile(r"[!-{}~]{1,100}", re.ASCII)
_WEBHOOK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

PAYPAL_CERTIFICATE = PinnedCertificate(
    address=r"https://api(-m)?(\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9_-]{1,100}",
    name=r"([a-z0-9-]+\.)+paypal\.com",
)


@dataclass(frozen=True)
class PayPalTransmission(ProviderSigned):
    """RSA-SHA256 over `<transmission id>|<transmission time>|<webhook id>|<CRC32 of the body>`.

    The endpoint's secret is the webhook's id, which PayPal gives out when the webhook is registered; events of the
    simulator have the id `WEBHOOK_ID`. https://developer.paypal.com/api/rest/webhooks/rest
    The text, and that the subject must be a name under paypal.com, are also in the official SDKs
    (PayPal-Python-SDK:paypalrestsdk/notifications.py), and their tests have a text that is signed. What is checked of
    the certificate: see PinnedCertificate. The SDKs know api.paypal.com and api.sandbox.paypal.com as its hosts; with
    `api-m` those are the API's.

    CRC32 is no cryptographic hash: whoever holds one genuine event can make another body of the same checksum. So the
    sender is proven and the content is not: `trust` is SHARED_SECRET, and what moves money is fetched first.
    PayPal repeats an event for three days and does not say whether with a new time: unless `tolerance_seconds` is set,
    its age does not count.
    """

    certificate: PinnedCertificate = PAYPAL_CERTIFICATE
    tolerance_seconds: int | None = None
    trust: Trust = Trust.SHARED_SECRET
    header: str = "paypal-transmission-sig"

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        transmission, time = self._value(request, "id"), self._value(request, "time")
        if header_of(request, "paypal-auth-algo") != _ALGORITHM:
            raise SignatureRefused("The signature's algorithm is not the agreed one.")
        check_iso_age(time, request.received_at, self.tolerance_seconds)
        given = signatures_in(header_of(request, self.header), encoding=Encoding.BASE64)
        key = self.certificate.key(request, header_of(request, "paypal-cert-url"))

        def is_signed_for(webhook_id: str) -> bool:
            text = f"{transmission}|{time}|{webhook_id}|{zlib.crc32(request.body)}"
            return is_rsa_signed(key, given[0], octets(text), hashes.SHA256())

        check_any(secrets, is_signed_for)

    def check_secret(self, secret: str) -> None:
        if not _WEBHOOK_ID.fullmatch(secret):
            raise ConfigurationError("The signing secret must be the webhook's id.")

    def _value(self, request: InboundRequest, name: str) -> str:
        value = header_of(request, f"paypal-transmission-{name}")
        if not _VALUE.fullmatch(value):
            raise SignatureRefused(
                "The header {header} is not in its documented form.", header=f"paypal-transmission-{name}"
            )
        return value
