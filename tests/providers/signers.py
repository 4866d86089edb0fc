"""Senders whose keys only they have, played with keys of our own: SendGrid, PayPal and Amazon SNS."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from integrations.errors import SignatureRefused
from integrations.providers.signatures import InboundRequest, Signature

AT = 1_795_000_000
TOPIC = "arn:aws:sns:me-central-1:123456789012:payments"
PAYPAL_ADDRESS = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-ad47cb8d"
SNS_ADDRESS = "https://sns.me-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
_CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_NOTIFIED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, text: bytes, algorithm: hashes.HashAlgorithm) -> str:
        return base64.b64encode(self.key.sign(text, padding.PKCS1v15(), algorithm)).decode()


@lru_cache
def rsa_key(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@lru_cache
def issue(
    name: str, *, at: int = AT, alternative: bool = True, bits: int = 2048, issuer: Issued | None = None
) -> Issued:
    """A certificate for a month around `at`, signed by itself unless there is an `issuer`."""
    key = rsa_key(0 if issuer is None else 1, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(at, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=15))
        .not_valid_after(now + timedelta(days=15))
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def paypal_certificate() -> Issued:
    return issue("messageverificationcerts.paypal.com")


def sns_certificate() -> Issued:
    return issue("sns-signing.me-central-1.amazonaws.com")


def paypal_request(
    body: bytes, webhook_id: str, *, at: int = AT, signer: Issued | None = None, transmission: str = "dfb3be50-fd74"
) -> InboundRequest:
    signer = signer or paypal_certificate()
    time = iso(at)
    text = f"{transmission}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()
    headers = {
        "paypal-transmission-id": transmission,
        "paypal-transmission-time": time,
        "paypal-transmission-sig": signer.sign(text, hashes.SHA256()),
        "paypal-cert-url": PAYPAL_ADDRESS,
        "paypal-auth-algo": "SHA256withRSA",
    }
    return InboundRequest(body, headers, AT, fetch=lambda address: signer.pem)


def sns_request(message: Mapping[str, str], topic: str, *, at: int = AT, version: str = "2") -> InboundRequest:
    """`message` has what differs by its type; the rest is filled in, and signed."""
    signer = sns_certificate()
    filled = {"Type": "Notification", "MessageId": "m-1", "TopicArn": topic, "Timestamp": iso(at), **message}
    names = _NOTIFIED if filled["Type"] == "Notification" else _CONFIRMED
    text = "".join(f"{name}\n{filled[name]}\n" for name in names if name in filled).encode()
    algorithm: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - version 1 is SHA-1
    rest = {"SignatureVersion": version, "Signature": signer.sign(text, algorithm), "SigningCertURL": SNS_ADDRESS}
    return InboundRequest(json.dumps({**filled, **rest}).encode(), {}, AT, fetch=lambda address: signer.pem)


@lru_cache
def p256_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@lru_cache
def ed25519_key(number: int) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def public_text(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    """The public key as SendGrid's settings show it: base64, without armour."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sendgrid_request(body: bytes, number: int = 0, *, at: int = AT) -> InboundRequest:
    signature = p256_key(number).sign(str(at).encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": str(at),
    }
    return InboundRequest(body, headers, AT)


def standard_request(body: bytes, number: int = 0, *, at: int = AT) -> InboundRequest:
    """Standard Webhooks with a public key: `v1a`."""
    signature = ed25519_key(number).sign(f"msg_1.{at}.".encode() + body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1a,{base64.b64encode(signature).decode()}",
    }
    return InboundRequest(body, headers, AT)


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_body(request: InboundRequest, body: bytes) -> InboundRequest:
    return replace(request, body=body)


def with_header(request: InboundRequest, name: str, value: str) -> InboundRequest:
    return replace(request, headers={**request.headers, name: value})


def refuses(scheme: Signature, request: InboundRequest, *secrets: str) -> None:
    with pytest.raises(SignatureRefused):
        scheme.verify(request, secrets)
