"""Files are sealed under a key of their own, which the vault seals in a row: master keys change, files stay.

A sealed file reads `hubfile1`, a nonce of 12 bytes, ciphertext with tag. The place that it belongs to is authenticated
with it, so it does not open as the file of another row. Who forgets its key has deleted the file, wherever copies lie.
"""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .secrecy import Secret
from .vault import VaultError

_MARK = b"hubfile1"
_NONCE_BYTES = 12


def fresh_data_key() -> Secret:
    """32 random bytes as text, for an `EncryptedTextField`."""
    return Secret(base64.b64encode(AESGCM.generate_key(bit_length=256)).decode("ascii"))


def seal_file(content: bytes, data_key: Secret, *, place: str) -> bytes:
    """AES-256-GCM. `place` is where the file is looked for, as in `webhook_events.body.<key>`."""
    nonce = os.urandom(_NONCE_BYTES)
    return _MARK + nonce + _cipher(data_key).encrypt(nonce, content, _associated_data(place))


def open_file(sealed: bytes, data_key: Secret, *, place: str) -> bytes:
    """Raises VaultError for a file that was altered, cut, or belongs elsewhere."""
    start = len(_MARK)
    nonce, ciphertext = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
    if sealed[:start] != _MARK or len(nonce) != _NONCE_BYTES:
        raise VaultError("This is not a sealed file.")
    try:
        return _cipher(data_key).decrypt(nonce, ciphertext, _associated_data(place))
    except InvalidTag as error:
        raise VaultError("This file does not open in this place.") from error


def _cipher(data_key: Secret) -> AESGCM:
    return AESGCM(base64.b64decode(data_key))


def _associated_data(place: str) -> bytes:
    return _MARK + b"|" + place.encode()
