"""Certificates that a webhook names by their address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from ...errors import SignatureRefused
from .base import InboundRequest

_LEAST_KEY_BITS = 2048
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, InvalidSignature)


@dataclass(frozen=True)
class PinnedCertificate:
    """Which certificates count: the whole address must match `address`, and a name of the subject `name`.

    What is checked: the address before anything is fetched; that the certificate, and each that comes with it in the
    same file, is valid at the time, is issued and signed by the next, and names the provider; that its key is RSA with
    2048 bits at least. What is not: that the last one is a public root, and revocation. So the trust stands on the
    provider's host, reached by verified TLS, as it does in the AWS SDK for Java 2.
    """

    address: str
    name: str

    def check_address(self, address: str) -> None:
        if not re.fullmatch(self.address, address, re.ASCII):
            raise SignatureRefused("The certificate's address is not one of the provider's.")

    def key(self, request: InboundRequest, address: str) -> rsa.RSAPublicKey:
        self.check_address(address)
        pem = request.fetch(address)
        try:
            return self._key(x509.load_pem_x509_certificates(pem), datetime.fromtimestamp(request.received_at, UTC))
        except _UNREADABLE as error:
            raise SignatureRefused("The certificate is not a valid one.") from error

    def _key(self, chain: list[x509.Certificate], now: datetime) -> rsa.RSAPublicKey:
        if not all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in chain):
            raise SignatureRefused("The certificate is not valid at this time.")
        for issued, issuer in pairwise(chain):
            issued.verify_directly_issued_by(issuer)
        if not any(re.fullmatch(self.name, name.lower(), re.ASCII) for name in _names(chain[0])):
            raise SignatureRefused("The certificate is not the provider's.")
        key = chain[0].public_key()
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_KEY_BITS:
            raise SignatureRefused("The certificate's key is not an RSA key of 2048 bits.")
        return key


def check_rsa(key: rsa.RSAPublicKey, signature: bytes, text: bytes, algorithm: hashes.HashAlgorithm) -> None:
    """PKCS #1 v1.5. Raises SignatureRefused."""
    if not is_rsa_signed(key, signature, text, algorithm):
        raise SignatureRefused("The signature does not match.")


def is_rsa_signed(key: rsa.RSAPublicKey, signature: bytes, text: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(signature, text, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _names(certificate: x509.Certificate) -> list[str]:
    """The subject's alternative names, or its common name where it has none."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return alternatives.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
