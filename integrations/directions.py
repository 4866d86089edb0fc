"""Names in sentences that are written from the other side."""

from __future__ import annotations

import unicodedata

from django.utils.translation import get_language_bidi

_FROM_THE_RIGHT = frozenset({"R", "AL"})
_FROM_THE_LEFT = frozenset({"L"})


def isolated(words: str) -> str:
    """`words` for a sentence in the current language: with letters of the other direction they are isolated, so that a
    colon, a bracket or a number beside them keeps its place
    (https://www.w3.org/International/questions/qa-bidi-unicode-controls).
    """
    others = _FROM_THE_LEFT if get_language_bidi() else _FROM_THE_RIGHT
    if any(unicodedata.bidirectional(letter) in others for letter in words):
        return f"\N{FIRST STRONG ISOLATE}{words}\N{POP DIRECTIONAL ISOLATE}"
    return words
