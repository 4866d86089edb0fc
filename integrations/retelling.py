"""Sentences that were written down in English, said in the reader's language.

Rows, logs and the API keep an error's sentence in English. Which of our sentences it is, the catalogue of translations
tells: it has every template that an error is raised with (`makemessages`). A provider's own words stay as they are.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from django.utils.translation import get_language, gettext
from django.utils.translation.trans_real import translation

_PLACE = re.compile(r"\{(\w+)(?:![rs])?(?::[^{}]*)?\}")
_FEWEST_LETTERS = 6  # "{provider}: {words}" would fit everything
_LONGEST = 1000


def retold(sentence: str) -> str:
    """A kept sentence in the language of the current request; what is none of ours as it stands."""
    language = get_language() or "en"
    if language == "en" or not 0 < len(sentence) <= _LONGEST:
        return sentence
    return _retold(sentence, language)


@lru_cache(maxsize=4096)
def _retold(sentence: str, language: str) -> str:
    constant = gettext(sentence)
    if constant != sentence:
        return constant
    for pattern, translated in _templates(language):
        if found := pattern.fullmatch(sentence):
            return _filled(translated, found.groupdict())
    return sentence


def _filled(template: str, values: dict[str, str]) -> str:
    """A value may be a sentence itself: why there was no access token, say."""
    told = {name: retold(value) if value.endswith(".") else value for name, value in values.items()}
    return _PLACE.sub(lambda place: told.get(place[1], place[0]), template)


@cache
def _templates(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Of each template how its sentences look, and its translation; those with the most words of their own first."""
    catalogue: Any = translation(language)
    found = [
        (text, said)
        for text, said in catalogue._catalog.items()  # read as Django's own view for JavaScript does
        if isinstance(text, str) and _PLACE.search(text) and _letters(text) >= _FEWEST_LETTERS
    ]
    found.sort(key=lambda one: _letters(one[0]), reverse=True)
    return [(_look_of(text), said) for text, said in found]


def _letters(template: str) -> int:
    return sum(letter.isalpha() for letter in _PLACE.sub("", template))


def _look_of(template: str) -> re.Pattern[str]:
    pieces = _PLACE.split(template)  # words, name, words, name, …, words
    names = pieces[1::2]
    places = [f"(?P={name})" if name in names[:number] else f"(?P<{name}>.*)" for number, name in enumerate(names)]
    pieces[::2], pieces[1::2] = [re.escape(words) for words in pieces[::2]], places
    return re.compile("".join(pieces), re.DOTALL)
