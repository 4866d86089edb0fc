"""What a body must look like, for wires that refuse what their gateway's documentation does not have.

A shape names each field with what it holds: a predicate, or the shape of an object. A name that ends in `?` may miss.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]


def complaint(told: Any, shape: Mapping[str, Any], where: str = "") -> str:
    """The first field that is missing, unknown or not what it must be; empty where all is well."""
    if not isinstance(told, Mapping):
        return where or "body"
    names = {name.removesuffix("?"): name for name in shape}
    for name in set(told) - set(names):
        return f"{where}{name}"
    for name, declared in names.items():
        if name not in told:
            if declared == name:
                return f"{where}{name}"
            continue
        if wrong := _wrong(told[name], shape[declared], f"{where}{name}"):
            return wrong
    return ""


def _wrong(value: Any, expected: Any, where: str) -> str:
    if isinstance(expected, Mapping):
        return complaint(value, expected, f"{where}.") if isinstance(value, Mapping) else where
    return "" if expected(value) else where


def text(most: int = 0, like: str = ".+") -> Check:
    def is_text(value: Any) -> bool:
        fits = isinstance(value, str) and re.fullmatch(like, value, re.DOTALL) is not None
        return fits and not (most and len(value) > most)

    return is_text


def only(*values: Any) -> Check:
    return lambda value: any(value is one or (type(value) is type(one) and value == one) for one in values)


def texts(most: int, longest_key: int, longest: int) -> Check:
    """An object of texts, as metadata are."""

    def are_texts(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and len(value) <= most
            and all(len(key) <= longest_key and text(longest)(told) for key, told in value.items())
        )

    return are_texts


def anything(value: Any) -> bool:
    """Of what is checked elsewhere."""
    return value is not None


URL = text(like=r"https?://\S+")
