"""A secret that stands in a body is blanked in its bytes; every other byte stays as it came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import quote_plus, unquote_plus

from ...redaction import MASK

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_IN_A_LIST = None


def blank_in_json(body: bytes, path: str) -> bytes:
    """`body`, which is JSON, with the value at the dotted `path` blanked, as often as it is there."""
    encoding = json.detect_encoding(body)
    text = body.decode(encoding, "surrogatepass")
    pieces, done = [], 0
    for start, end in _values_at(text, path):
        pieces += [text[done:start], json.dumps(MASK)]
        done = end
    return "".join([*pieces, text[done:]]).encode(encoding, "surrogatepass") if pieces else body


def blank_in_form(body: bytes, name: str) -> bytes:
    fields = body.split(b"&")
    named = [unquote_plus(field.partition(b"=")[0].decode("latin-1")) == name for field in fields]
    blank = f"={quote_plus(MASK)}".encode("ascii")
    return b"&".join(
        field.partition(b"=")[0] + blank if is_it else field for field, is_it in zip(fields, named, strict=True)
    )


def _values_at(text: str, path: str) -> Iterator[tuple[int, int]]:
    """Where in the text each single value stands that `path` leads to, through objects alone."""
    within: list[str | None] = []  # of each object that is open, the name that was read last in it
    is_name = False
    for token in _TOKENS.finditer(text):
        mark = token.group()
        if mark in ("{", "["):
            within.append("" if mark == "{" else _IN_A_LIST)
            is_name = mark == "{"
        elif mark in ("}", "]"):
            within.pop()
        elif mark == ",":
            is_name = within[-1] is not _IN_A_LIST
        elif mark == ":":
            is_name = False
        elif is_name:
            within[-1] = json.loads(mark)
        elif path == ".".join("[]" if name is _IN_A_LIST else name for name in within):
            yield token.span()
