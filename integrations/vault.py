"""AES-256-GCM under named master keys.

A sealed text reads `hub1.<key id>.<base64url of nonce and ciphertext with tag>`. The key's id and the context (table,
column and row) are authenticated with it, so a value cannot be read under another name, nor moved to another place.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Self

from cryptography.exceptions import InvalidTag
from django.conf import settings

from . import master_keys
from .errors import IntegrationError
from .secrecy import Secret

METHOD = "AES-256-GCM"
_FORMAT = "hub1"
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 random bits, at most 2**32 values under one key


class VaultError(IntegrationError):
    """A secret cannot be read: its master key is missing, or key, context or ciphertext do not fit."""

    code = "vault_error"


class SealedText:
    """A secret that stays sealed until `reveal` is called. It has no `str` and no `repr` that shows it.

    `context` says where it lives, `table.column.row`; one that was read without its row has none, and does not open.
    """

    __slots__ = ("_context", "_parsed", "_token")

    def __init__(self, token: str, *, context: str) -> None:
        self._token = token
        self._context = context
        self._parsed: tuple[str, bytes, bytes, bytes] | None = None

    @classmethod
    def seal(cls, plaintext: str, *, context: str) -> Self:
        """Encrypt under the newest master key."""
        if not context:
            raise VaultError("A secret is sealed for a place.")
        ring = master_keys.keyring()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = ring.ciphers[ring.newest].encrypt(nonce, plaintext.encode(), _associated_data(ring.newest, context))
        encoded = base64.urlsafe_b64encode(nonce + sealed).decode("ascii")
        return cls(f"{_FORMAT}.{ring.newest}.{encoded}", context=context)

    def reveal(self) -> Secret:
        """Decrypt. Raises VaultError; never returns anything but the secret."""
        key_id, nonce, ciphertext, associated = self._parsed or self._parse()
        cipher = master_keys.known_ciphers.get(key_id) or master_keys.cipher_of(key_id)
        if cipher is None:
            raise VaultError("The master key {key_id!r} that seals this secret is not configured.", key_id=key_id)
        try:
            return Secret(cipher.decrypt(nonce, ciphertext, associated), "utf-8")
        except (InvalidTag, ValueError) as error:
            raise VaultError(
                "This secret does not open with the master key {key_id!r} in this place.", key_id=key_id
            ) from error

    @property
    def key_id(self) -> str:
        return self._parts()[0]

    @property
    def context(self) -> str:
        """Where it can be read."""
        return self._context

    @property
    def token(self) -> str:
        """The sealed form, as it is stored."""
        return self._token

    def _parse(self) -> tuple[str, bytes, bytes, bytes]:
        """Key id, nonce, ciphertext, associated data; kept, since the gateway reveals a credential call after call."""
        key_id, encoded = self._parts()
        if not self._context:
            raise VaultError("This secret was read without its row, and opens only there.")
        try:
            sealed = base64.urlsafe_b64decode(encoded)
        except (binascii.Error, ValueError) as error:
            raise VaultError("This sealed secret is damaged.") from error
        associated = _associated_data(key_id, self._context)
        self._parsed = key_id, sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated
        return self._parsed

    def _parts(self) -> tuple[str, str]:
        marker, _, rest = self._token.partition(".")
        key_id, _, encoded = rest.partition(".")
        if marker != _FORMAT or not key_id or not encoded:
            raise VaultError("This is not a sealed secret.")
        return key_id, encoded

    def __str__(self) -> str:
        return "••••"

    __repr__ = __str__


def fingerprint(secret: str) -> str:
    """Twelve hexadecimal digits that tell two secrets apart without reading either; keyed, so not to be guessed at.

    The key derives from SECRET_KEY rather than from a master key, so that fingerprints stay comparable over rotations.
    """
    key = hashlib.sha256(b"hub.fingerprint:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, secret.encode(), hashlib.sha256).hexdigest()[:12]


def _associated_data(key_id: str, context: str) -> bytes:
    return f"{_FORMAT}|{key_id}|{context}".encode()
