"""What may be written down of a call: everything but secrets and card numbers.

Secrets are taken out by where they stand (names of headers, parameters and keys), by what they look like, and by their
very values where those are known.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

MASK = "[redacted]"
MAX_BODY_CHARACTERS = 16_384
_SHORTEST_IN_BYTES = 8  # what is shorter is found in bodies by chance
_MAX_EXAMINED_BYTES = 65_536  # of a longer body the rest is not looked at, since it would not be shown

_SECRET_NAMES = re.compile(
    r"authorization|cookie|secret|token|passw|passphrase|api[-_]?key|access[-_]?key|private|credential|signature"
    r"|client[-_]?id$|(?:^|[^a-z])pin$|(?:^|[^a-z])otp$|session|(?<!idempotency-)\bkey$",
    re.IGNORECASE,
)
# Seen with the name that they stand under: `card[number]`, `card.number`, `cardNumber`.
_CARD_NAMES = re.compile(
    r"card[^a-z]*num|(?:^|[^a-z])pan$|cv[cv]2?\W*$|security[-_]?code|exp[-_]?(?:month|year)|expiry", re.IGNORECASE
)
# A header that a provider is to send to us, written as its name and its value: `{"header": {"title", "value"}}`.
_HEADER_VALUES = re.compile(r"(?:^|\.)headers?\.value$", re.IGNORECASE)
# Tokens whose form gives them away, wherever they stand.
_SECRET_SHAPES = re.compile(
    r"\b(?:sk|rk|pk)_(?:test|live|sandbox)_\w+|\bwhsec_[A-Za-z0-9+/=_-]+|\bhub_[A-Za-z0-9_-]{20,}"
    r"|\bpi_\w+_secret_\w+|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}|(?<=[Bb]asic )[A-Za-z0-9+/=]{8,}"
    r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
)
_DIGITS_IN_GROUPS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,}(?!\w|\.\d)")
_SAME_EVERYWHERE = re.compile(r"[A-Za-z0-9_.~-]+")  # in a URL, in a form and in JSON
# A name and its value in text that cannot be parsed: JSON that breaks off, a form that calls itself plain text. The
# value is looked at ahead, since it may be the next pair: `ValueError: api_key: …`.
_PAIRS = re.compile(
    r"(?<![\w.%\[\]-])([\w.%\[\]-]{2,64})[\"']{0,2}\s{0,3}[:=]\s{0,3}"
    r"(?=(\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|(?:(?:Bearer|Basic|Token) +)?[^\s&,;<>\"'{}\[\]]+))"
)


class ByteMask:
    """Takes secrets out of bytes that come in pieces, and changes nothing else."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = secrets
        self._longest = max(map(len, secrets), default=1)
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be passed on: the end is held back as long as a secret might begin in it."""
        known = self._replace(self._held + piece)
        ready = max(0, len(known) - self._longest + 1)
        self._held = known[ready:]
        return known[:ready]

    def text(self, text: str) -> str:
        """A whole text, a header say."""
        return self._replace(text.encode()).decode()

    def rest(self) -> bytes:
        held, self._held = self._held, b""
        return held

    def _replace(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, MASK.encode())
        return data


class Redactor:
    """Knows the secrets of one connection. None of its answers holds one, or what PostgreSQL takes for no text."""

    __slots__ = ("_known",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # A secret of three letters would take words apart; longest first, so that none leaves a tail of another.
        written = {way for secret in secrets if len(secret) >= 4 for way in _ways_to_write(secret)}
        self._known = sorted(written, key=len, reverse=True)

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        shown = {name: MASK if is_secret_name(name) else str(value) for name, value in headers.items()}
        together = "\n".join([*shown, *shown.values()])
        if self.text(together) == together:  # as most are: nothing to take out of any of them
            return shown
        return {
            self.text(name): MASK if is_secret_name(name) else self.text(str(value)) for name, value in headers.items()
        }

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
            return self.text(f"<{len(body)} bytes of {kind}>")
        is_whole = len(body) <= _MAX_EXAMINED_BYTES
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(body[:_MAX_EXAMINED_BYTES], final=is_whole)
        except UnicodeDecodeError:
            return self.text(f"<{len(body)} bytes of {kind or 'unknown type'}>")
        shown = self._clean(self._structured(text, kind))
        if is_whole and len(shown) <= MAX_BODY_CHARACTERS:
            return shown
        return f"{shown[:MAX_BODY_CHARACTERS]}… [{len(body)} bytes in all]"

    def mask(self) -> ByteMask:
        return ByteMask([way.encode() for way in self._known if len(way) >= _SHORTEST_IN_BYTES])

    def text(self, text: str) -> str:
        """Free text without known secrets, tokens and card numbers, cut at a bound."""
        shown = self._clean(text)
        return shown if len(shown) <= MAX_BODY_CHARACTERS else f"{shown[:MAX_BODY_CHARACTERS]}…"

    def value(self, value: Any, name: str = "", parent: str = "") -> Any:
        """JSON with the values under secret names replaced."""
        if isinstance(value, dict):
            return {key: self.value(item, str(key), name) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, name, parent) for item in value]
        if value is None or isinstance(value, bool) or value == "":
            return value
        if is_secret_name(name, parent):
            return MASK
        if isinstance(value, str) and value[:1] in ("{", "["):
            return self._structured(value, "json")  # JSON in JSON
        return value

    def _clean(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, MASK)
        text = _DIGITS_IN_GROUPS.sub(_mask_cards, _SECRET_SHAPES.sub(MASK, text))
        # PostgreSQL refuses NUL and half of a surrogate pair.
        return text.replace("\x00", "").encode(errors="replace").decode()

    def _structured(self, text: str, kind: str) -> str:
        if "x-www-form-urlencoded" in kind:
            return self._form(text)
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return _mask_pairs(text)
        try:
            return json.dumps(self.value(parsed), ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            return _mask_pairs(text)

    def _form(self, text: str) -> str:
        pairs = [
            (name, MASK if is_secret_name(name) else self._clean(value))
            for name, value in parse_qsl(text, keep_blank_values=True, errors="replace")
        ]
        return urlencode(pairs, safe="[]@:/")


@lru_cache(maxsize=4096)
def is_secret_name(name: str, parent: str = "") -> bool:
    """Whether what stands under this name is a secret or a card's: `client_secret`, `card[number]`, `X-API-Key`."""
    place = f"{parent}.{name}"
    return bool(_SECRET_NAMES.search(name) or _CARD_NAMES.search(place) or _HEADER_VALUES.search(place))


def _ways_to_write(secret: str) -> set[str]:
    """A secret as it stands, as it looks in a URL, a form, JSON or XML, and in base64."""
    encoded = base64.b64encode(secret.encode()).decode("ascii")
    if _SAME_EVERYWHERE.fullmatch(secret):
        return {secret, encoded}
    in_urls = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return {secret, encoded, json.dumps(secret)[1:-1], escape(secret), *in_urls}


def _mask_pairs(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for pair in _PAIRS.finditer(text):
        if pair.start() < done or not is_secret_name(unquote(pair[1])):
            continue
        opening = pair[2][0] if pair[2][0] in "\"'" else ""
        pieces += [text[done : pair.end()], opening, MASK, opening]
        done = pair.end(2)
    return "".join([*pieces, text[done:]])


def _mask_cards(match: re.Match[str]) -> str:
    """Numbers that could be a card's: 13 to 19 digits in whole groups, with a good check digit (ISO/IEC 7812).

    Groups, since other digits may stand beside a card's: `4242 4242 4242 4242 12/27`.
    """
    pieces = re.split(r"([ -])", match.group())
    shown: list[str] = []
    start = 0
    while start < len(pieces):
        end = _end_of_card(pieces, start)
        shown += [MASK] if end else pieces[start : start + 1]
        start = end or start + 1
    return "".join(shown)


def _end_of_card(pieces: list[str], start: int) -> int:
    """Where the card number that starts at this group ends, or 0 when none does."""
    digits = ""
    for end in range(start, len(pieces)):
        digits += pieces[end] if pieces[end].isdigit() else ""
        if len(digits) > 19 or not pieces[start].isdigit():
            return 0
        if len(digits) >= 13 and passes_luhn(digits):
            return end + 1
    return 0


def passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B; nothing but zeros has none."""
    numbers = [int(digit) for digit in digits]
    doubled = [number * 2 - 9 if number > 4 else number * 2 for number in numbers[-2::-2]]
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0 and any(numbers)
