"""Signatures that a provider makes with a key of its own, and that its public key checks."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ...errors import ConfigurationError
from ..events import Trust
from .base import InboundRequest, ProviderSigned, check_age, check_any, header_of
from .encodings import Encoding, from_base64, from_hex, signatures_in
from .signed_text import signed_text

Kind = Literal["p256", "ed25519", "rsa"]
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_ARMOUR = re.compile(r"-----(BEGIN|END) PUBLIC KEY-----|\s")
_STANDARD_PREFIX = "whpk_"
_RAW_ED25519_BYTES = 32


@dataclass(frozen=True)
class PublicKeySignature(ProviderSigned):
    """ECDSA on P-256, Ed25519, or RSA (PKCS #1 v1.5), over the text that `signed` describes, with SHA-256.

    The endpoint's secret is the provider's public key: PEM or its base64, on one line or several; an Ed25519 key also
    as `whpk_<base64>` or bare hex. Where a provider does not say how old a timestamp may be, `tolerance_seconds` is
    None, and a repeated event is known by its id alone.

    - SendGrid: `PublicKeySignature("x-twilio-email-event-webhook-signature", "p256",
      timestamp_header="x-twilio-email-event-webhook-timestamp")`
      https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
      (the official package verifies the same, and its tests have a sample)
    - Standard Webhooks `v1a`: `PublicKeySignature("webhook-signature", "ed25519", prefix="v1a,", separator=" ",
      signed="{webhook-id}.{timestamp}.{body}", timestamp_header="webhook-timestamp", tolerance_seconds=300)`
      https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    header: str
    kind: Kind
    signed: str = "{timestamp}{body}"
    encoding: Encoding = Encoding.BASE64
    prefix: str = ""
    separator: str = ""
    timestamp_header: str = ""
    tolerance_seconds: int | None = None
    trust: Trust = Trust.SIGNED

    def verify(self, request: InboundRequest, secrets: Sequence[str]) -> None:
        given = signatures_in(
            header_of(request, self.header), encoding=self.encoding, prefix=self.prefix, separator=self.separator
        )
        timestamp = header_of(request, self.timestamp_header) if self.timestamp_header else ""
        if timestamp:
            check_age(timestamp, request.received_at, self.tolerance_seconds)
        text = signed_text(self.signed, request, timestamp=timestamp)
        check_any(secrets, lambda secret: any(_is_signed_with(secret, self.kind, text, one) for one in given))

    def check_secret(self, secret: str) -> None:
        if _load(secret, self.kind) is None:
            raise ConfigurationError("The signing secret must be the provider's public key.")


def _is_signed_with(secret: str, kind: Kind, text: bytes, signature: bytes) -> bool:
    key = _load(secret, kind)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, text, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        elif key is not None:
            key.verify(signature, text)
    except InvalidSignature:
        return False
    return key is not None


def _load(secret: str, kind: Kind) -> PublicKey | None:
    """The public key; None when `secret` is none of this kind."""
    try:
        text = _ARMOUR.sub("", secret)
        if kind == "ed25519" and (raw := _raw_ed25519(text)):
            return ed25519.Ed25519PublicKey.from_public_bytes(raw)
        key = load_der_public_key(from_base64(text))
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        return None
    match kind:
        case "p256" if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key
        case "ed25519" if isinstance(key, ed25519.Ed25519PublicKey):
            return key
        case "rsa" if isinstance(key, rsa.RSAPublicKey):
            return key
    return None


def _raw_ed25519(text: str) -> bytes:
    raw = from_base64(text.removeprefix(_STANDARD_PREFIX)) if text.startswith(_STANDARD_PREFIX) else from_hex(text)
    return raw if len(raw) == _RAW_ED25519_BYTES else b""
