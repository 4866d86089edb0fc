"""How a signature is written."""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import Literal

from ...errors import SignatureRefused

Algorithm = Literal["sha1", "sha256", "sha384", "sha512"]

# More than any sender puts into one header; a bound on what one request can make us compute.
_MOST_SIGNATURES = 16


class Encoding(StrEnum):
    HEX = "hex"
    BASE64 = "base64"

    def write(self, digest: bytes) -> str:
        return digest.hex() if self is Encoding.HEX else base64.b64encode(digest).decode("ascii")

    def read(self, text: str) -> bytes:
        """The bytes; none when `text` is not in this encoding."""
        return from_hex(text) if self is Encoding.HEX else from_base64(text)


def signatures_in(header: str, *, encoding: Encoding, prefix: str = "", separator: str = "") -> list[bytes]:
    """The signatures of one kind in a header that may hold several: `v1,<base64> v1,<base64>`, `sha256=<hex>`.

    An entry without `prefix` is of another version, and is ignored: else a weaker one could be forced. Raises
    SignatureRefused when none is left.
    """
    entries = header.split(separator) if separator else [header]
    texts = [entry.strip().removeprefix(prefix) for entry in entries if entry.strip().startswith(prefix)]
    found = [signature for text in texts[:_MOST_SIGNATURES] if (signature := encoding.read(text))]
    if not found:
        raise SignatureRefused("The signature is not in its documented form.")
    return found


def from_hex(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except ValueError:
        return b""


def from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def from_base64url(text: str) -> bytes:
    """Without the padding, as in a JSON Web Token."""
    if "=" in text or "+" in text or "/" in text:
        return b""
    return from_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
