"""What may be written down of a call: everything but secrets and card numbers.

Secrets are taken out by where they stand (names of headers, parameters and keys), by what they look like, and by their
very values where those are known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

MASK = "[redacted]"
MAX_BODY_CHARACTERS = 16_384

_SECRET_NAMES = re.compile(
    r"authorization|cookie|secret|token|passw|passphrase|api[-_]?key|apikey|access[-_]?key|private|credential|signature"
    r"|client[-_]?id$|account[-_]?pin|\bpin$|\botp\b|session|\bkey$|x-key",
    re.IGNORECASE,
)
_CARD_NAMES = re.compile(r"card[-_]?num|\bpan$|\bcv[cv]|security[-_]?code|exp[-_]?(month|year)", re.IGNORECASE)
# Tokens whose form gives them away, wherever they stand.
_SECRET_SHAPES = re.compile(
    r"\b(?:sk|rk|pk)_(?:test|live|sandbox)_\w+|\bwhsec_[A-Za-z0-9+/=_-]+|\bhub_[A-Za-z0-9_-]{20,}"
    r"|\bpi_\w+_secret_\w+|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}|(?<=Basic )[A-Za-z0-9+/=]{8,}"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
)
_CARD_SHAPES = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")


class Redactor:
    """Knows the secrets of one connection. None of its answers holds one, or a NUL, which PostgreSQL refuses."""

    __slots__ = ("_known",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A secret of three letters would take words apart; longest first, so that none leaves a tail of another.
        self._known = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: MASK if _SECRET_NAMES.search(name) else self.text(str(value)) for name, value in headers.items()}

    def url(self, url: str) -> str:
        """The URL without secrets in its query string."""
        parts = urlsplit(url)
        if not parts.query:
            return self.text(url)
        return self.text(parts._replace(query=self._form(parts.query)).geturl())

    def body(self, body: bytes, content_type: str) -> str:
        """A body as text, cut at a bound; what is not text is told by its size and type."""
        if not body:
            return ""
        kind = content_type.partition(";")[0].strip().lower()
        if kind and not kind.startswith("text/") and not re.search(r"json|xml|x-www-form-urlencoded|javascript", kind):
            return f"<{len(body)} bytes of {kind}>"
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return f"<{len(body)} bytes of {kind or 'unknown type'}>"
        return self.text(self._structured(text, kind))

    def text(self, text: str) -> str:
        """Free text without known secrets, tokens and card numbers."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        text = _SECRET_SHAPES.sub(MASK, text)
        text = _CARD_SHAPES.sub(_mask_card, text).replace("\x00", "")
        if len(text) > MAX_BODY_CHARACTERS:
            return f"{text[:MAX_BODY_CHARACTERS]}… [{len(text)} characters in all]"
        return text

    def _structured(self, text: str, kind: str) -> str:
        if "x-www-form-urlencoded" in kind:
            return self._form(text)
        if text.lstrip()[:1] not in ("{", "["):
            return text
        try:
            return json.dumps(self.value(json.loads(text)), ensure_ascii=False, separators=(",", ":"))
        except (ValueError, RecursionError):
            return text

    def value(self, value: Any) -> Any:
        """JSON with the values under secret names replaced."""
        if isinstance(value, dict):
            return {
                key: MASK if isinstance(item, (str, int)) and is_secret_name(str(key)) and item else self.value(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _form(self, text: str) -> str:
        pairs = parse_qsl(text, keep_blank_values=True)
        return urlencode([(name, MASK if is_secret_name(name) else value) for name, value in pairs], safe="[]@:/ ")


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is a secret or a card's: `client_secret`, `card[number]`, `X-API-Key`."""
    last = name.rstrip("]").rpartition("[")[2]
    return bool(_SECRET_NAMES.search(name) or _CARD_NAMES.search(name) or _CARD_NAMES.search(last))


def has_card_number(text: str) -> bool:
    """Whether a number in `text` could be a card's: 13 to 19 digits with a good check digit (ISO/IEC 7812)."""
    return any(_passes_luhn(match.group()) for match in _CARD_SHAPES.finditer(text))


def _mask_card(match: re.Match[str]) -> str:
    return MASK if _passes_luhn(match.group()) else match.group()


def _passes_luhn(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and any(digits)
