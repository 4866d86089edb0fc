"""What is kept of a body beside the body: its structure, with secrets and personal data masked, bounded in size."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from integrations.personal_data import Kind, kind_of, mask, mask_shapes
from integrations.redaction import MASK, Redactor, is_secret_name

MAX_DEPTH = 12
MAX_VALUES = 1000
MAX_CHARACTERS = 300  # of one text
MAX_ITEMS = 50  # of one list or object
CUT = "…"

_REDACTOR = Redactor()
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # what JSONB and UTF-8 refuse
_SUSPECT = re.compile(r"\d{4}|_|[Bb]earer |[Bb]asic |eyJ")  # what a secret or a card number has in it
_LONG_SEGMENT = re.compile(r"/[^/?#]{24,}")
_NUMBERS = {Kind.PHONE, Kind.NUMBER, Kind.ADDRESS, Kind.CONTACT, Kind.HIDDEN}
_LONGEST_NUMBER = 10**15


def summary_of(payload: Any) -> Any:
    """`payload` as JSON that PostgreSQL takes, in which nobody is to be recognised by who does not know them."""
    return _Summary().of(payload)


class _Summary:
    """Goes through one payload, and stops where it has said enough."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def of(self, value: Any, name: str = "", parent: str = "", depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or (depth > MAX_DEPTH and isinstance(value, dict | list)):
            return CUT
        if value is None or isinstance(value, bool) or value == "":
            return value
        if is_secret_name(name, parent):
            return MASK
        if isinstance(value, dict):
            return self._object(value, name, depth)
        if isinstance(value, list):
            return self._list(value, name, parent, depth)
        if isinstance(value, str):
            return self._text(value, name, parent, depth)
        return _number(value, kind_of(name, parent))

    def _object(self, value: dict[str, Any], name: str, depth: int) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for key, item in list(value.items())[:MAX_ITEMS]:
            if self._left <= 0:
                break
            label = str(key)[:200]
            shown[_label(label)] = self.of(item, label, name, depth + 1)
        if len(shown) < len(value):
            shown[CUT] = len(value) - len(shown)
        return shown

    def _list(self, value: list[Any], name: str, parent: str, depth: int) -> list[Any]:
        """An item stands under the name of its list."""
        shown: list[Any] = []
        for item in value[:MAX_ITEMS]:
            if self._left <= 0:
                break
            shown.append(self.of(item, name, parent, depth + 1))
        return shown if len(shown) == len(value) else [*shown, CUT]

    def _text(self, value: str, name: str, parent: str, depth: int) -> Any:
        inner = _inner_json(value)
        if inner is not None:
            return self.of(inner, name, parent, depth + 1)
        kind = kind_of(name, parent)
        return _shown(value) if kind is None else _clean(mask(value, kind))


def _shown(text: str) -> str:
    """Text that is nobody's by its name: what looks like a person's is masked all the same."""
    return _clean(mask_shapes(_address(text) if text.startswith(("http://", "https://")) else text))


def _address(url: str) -> str:
    """Of a URL neither query nor what is long enough to open something by being known: a receipt, a label."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return CUT
    query = CUT if parts.query else ""
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()
    return _LONG_SEGMENT.sub(f"/{CUT}", shown)


def _clean(text: str) -> str:
    text = _UNSTORABLE.sub("", text)
    if _SUSPECT.search(text):
        text = _REDACTOR.text(text)
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + CUT


@lru_cache(maxsize=8192)  # the same few again and again: half of the time otherwise
def _label(key: str) -> str:
    return _clean(mask_shapes(key))[:100]


def _number(value: float, kind: Kind | None) -> Any:
    if kind in _NUMBERS:
        return mask(str(value), kind)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    # An account, a card or a number of nobody's: too long to tell.
    return value if abs(value) < _LONGEST_NUMBER else _clean(str(value)[:40])


def _inner_json(text: str) -> Any:
    """The object or list that is written in the text, plainly or in base64, as some providers wrap theirs."""
    if text[:1] in ("{", "["):
        return _parsed(text)
    if text[:3] in ("eyJ", "ewo", "ew0", "W3s", "Wwo") and "." not in text:
        try:
            return _parsed(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            return None
    return None


def _parsed(text: str | bytes) -> Any:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict | list) else None
