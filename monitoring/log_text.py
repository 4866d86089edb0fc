"""Searching the log for words.

`log_words` (SQL, in the migration that makes the index) takes a row apart into words: its endpoint, request id and
error, and the first 1,500 characters of each body. Here what somebody typed is taken apart in the same way. Each of its
words must be in the row, the last of a piece as a beginning; a piece that holds signs (`/v1/charges`, `card_declined`)
must stand there as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

INDEXED_CHARACTERS = 1500
_DIVIDES = re.compile("[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u060c\u061b\u061f\u066a\u2000-\u206f]+")
_LONGEST_WORD = 200
# Shorter beginnings, and those of numbers, are shared by too many words: these are looked for whole.
_SHORTEST_BEGINNING = 3
_SHORTEST_BEGINNING_OF_A_NUMBER = 6
_SEARCHED = ("endpoint", "request_id", "error_code", "error_message", "request_body", "response_body")
# A common word is found in the newest minutes, a rare one soon after in all of the months.
_SPANS = (
    timedelta(minutes=5), timedelta(hours=1), timedelta(hours=8), timedelta(days=3), timedelta(days=24),
    timedelta(days=200),
)  # fmt: skip
_FIRST_KEYS, _MORE_KEYS = 100, 1000


@dataclass(frozen=True)
class Words:
    """What is looked for: `query` for the index, and the pieces that must stand in a row as they are."""

    query: str
    pieces: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Words | None:
        """Nothing where the text has no word in it: no letter and no digit."""
        pieces = text.replace("\x00", "").split()
        terms = [term for piece in pieces for term in _terms(piece)]
        literal = tuple(piece for piece in pieces if len(_parts(piece)) != 1 or _parts(piece) != [piece.lower()])
        return cls(" & ".join(dict.fromkeys(terms)), literal) if terms else None

    def among(self, rows: QuerySet[Any], since: datetime, until: datetime, *, ascending: bool = False) -> Iterator[Any]:
        """The current organization's rows of that time that have them, in the order of `rows`: by time, either way."""
        rows = rows.filter(created_at__gte=since, created_at__lt=until)
        for piece in self.pieces:
            rows = rows.filter(_stands_in_any(piece))
        keys = self._keys(since, until)
        if ascending:
            keys.reverse()
        first, size = 0, _FIRST_KEYS
        while first < len(keys):
            yield from rows.filter(pk__in=keys[first : first + size])
            first, size = first + size, _MORE_KEYS

    def _keys(self, since: datetime, until: datetime) -> list[UUID]:
        """Newest first. Asked for apart: as a part of a query it would be asked again for each row."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT log_ids_with(%s::tsquery, %s, %s)", [self.query, since, until])
            return [key for (key,) in cursor.fetchall()]


def windows(since: datetime, until: datetime, *, ascending: bool = False) -> Iterator[tuple[datetime, datetime]]:
    """The time in question in stretches that grow: from its end back to its beginning, or the other way round."""
    at = since if ascending else until
    for span in _SPANS:
        if since >= until:
            return
        if ascending:
            at = min(until, since + span)
            yield since, at
            since = at
        else:
            at = max(since, until - span)
            yield at, until
            until = at
    if since < until:
        yield since, until


def _stands_in_any(piece: str) -> Q:
    stands = Q()
    for name in _SEARCHED:
        stands |= Q(**{f"{name}__icontains": piece})
    return stands


def _terms(piece: str) -> Iterator[str]:
    *whole, last = [part[:_LONGEST_WORD] for part in _parts(piece)] or [""]
    yield from (f"'{part}'" for part in whole)
    if last:
        yield f"'{last}':*" if _begins_few(last) else f"'{last}'"


def _begins_few(part: str) -> bool:
    return len(part) >= (_SHORTEST_BEGINNING_OF_A_NUMBER if part.isdecimal() else _SHORTEST_BEGINNING)


def _parts(piece: str) -> list[str]:
    return [part for part in _DIVIDES.split(piece.lower()) if part]
