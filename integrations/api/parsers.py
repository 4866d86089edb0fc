"""JSON as we take it: an object, bounded in size and depth, that says nothing twice, holds nothing unstorable."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from ..redaction import is_secret_name
from ..secrecy import Secret
from .errors import TooLarge

MAX_BYTES = 1_048_576
MAX_DEPTH = 32

# PostgreSQL stores neither NUL nor half a surrogate pair, and the latter cannot even be sent back.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAY_BE_UNSTORABLE = re.compile(rb"\x00|\\u(?:0000|[dD][89a-fA-F])")


class JSONParser(BaseParser):
    """Numbers with decimals are kept as text, so that no amount passes through a binary float."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {}).get("request")
        announced = str(request.META.get("CONTENT_LENGTH") or "0") if request else "0"
        if announced.isdecimal() and int(announced) > MAX_BYTES:
            raise TooLarge
        return parse_object(read_bounded(stream))


def read_bounded(stream: IO[bytes], most: int = MAX_BYTES) -> bytes:
    body = stream.read(most + 1)
    if len(body) > most:
        raise TooLarge
    return body


def parse_object(body: bytes) -> dict[str, Any]:
    """Raises ParseError saying what is wrong."""
    _check_depth(body)
    try:
        value = json.loads(
            body.removeprefix(codecs.BOM_UTF8).decode(),
            parse_float=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        raise ParseError("The body is not UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise ParseError("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise ParseError("The body must be a JSON object.")
    if _MAY_BE_UNSTORABLE.search(body):
        _refuse_unstorable(value)
    return value


def _check_depth(body: bytes) -> None:
    """Before parsing, since that is where depth hurts. Brackets in texts count too, but not so many."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth, in_text, escaped = 0, False, False
    for byte in body:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
        elif byte in b"]}":
            depth -= 1


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParseError("The body names a key twice.")
    for name, value in found.items():
        if isinstance(value, str) and (name == "value" or is_secret_name(name)):
            found[name] = Secret(value)
    return found


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_unstorable(name)
            _refuse_unstorable(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unstorable(inner)
    elif isinstance(value, str) and _UNSTORABLE.search(value):
        raise ParseError("The body holds NUL characters, or what is no Unicode text.")
