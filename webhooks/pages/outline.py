"""A JSON value as the page unfolds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_OPEN_DEPTH = 2
_DEEPEST = 20  # a summary is less deep; a row that somebody wrote by hand may not be


@dataclass(frozen=True)
class Branch:
    """`text` is the value where it has no parts, else how many it has, in the brackets of its kind."""

    name: str
    text: str
    parts: tuple[Branch, ...] = ()
    is_open: bool = False


def outline(value: Any) -> tuple[Branch, ...]:
    """The branches of an object or a list; nothing for no value."""
    return () if value is None else _branch("", value, 0).parts or (Branch("", _text(value)),)


def _branch(name: str, value: Any, depth: int) -> Branch:
    if not isinstance(value, dict | list) or not value or depth > _DEEPEST:
        return Branch(name, _text(value))
    parts = tuple(_branch(inner, item, depth + 1) for inner, item in _parts(value))
    brackets = "{}" if isinstance(value, dict) else "[]"
    return Branch(name, f"{brackets[0]}{len(parts)}{brackets[1]}", parts, is_open=depth <= _OPEN_DEPTH)


def _parts(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    return iter(value.items()) if isinstance(value, dict) else ((str(at), item) for at, item in enumerate(value))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:1000]
