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
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from integrations.tenancy import current_organization_id

from .models import CallLog

INDEXED_CHARACTERS = 1500
_DIVIDES = re.compile("[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u060c\u061b\u061f\u066a\u2000-\u206f]+")
_LONGEST_WORD = 200
# Shorter beginnings, and those of numbers, are shared by too many words: these are looked for whole.
_SHORTEST_BEGINNING = 3
_SHORTEST_BEGINNING_OF_A_NUMBER = 6
_SEARCHED = ("endpoint", "request_id", "error_code", "error_message", "request_body", "response_body")
# A common word is found among the nearest rows, another one in the days before or soon after in all of the months.
_NEAREST_ROWS = 300
_SPANS = (timedelta(hours=8), timedelta(days=3), timedelta(days=24), timedelta(days=200))
_FIRST_KEYS, _MORE_KEYS = 100, 1000
# What `log_words` is made of is looked through first: it takes a row apart for 35 µs, this for 4.
_WORDS_IN_ROW = f"""
lower(left(log.endpoint, 500) || ' ' || log.request_id || ' ' || log.error_code || ' ' || left(log.error_message, 500)
    || ' ' || left(log.request_body, {INDEXED_CHARACTERS}) || ' ' || left(log.response_body, {INDEXED_CHARACTERS}))
    LIKE ALL (%s)
AND log_words(log.organization_id, log.created_at, log.endpoint, log.request_id, log.error_code, log.error_message,
    log.request_body, log.response_body) @@ %s::tsquery
""".replace("log.", f"{CallLog._meta.db_table}.")


@dataclass(frozen=True)
class Words:
    """What is looked for: `query` for the index, the pieces that must stand in a row as they are, and the words."""

    query: str
    pieces: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Words | None:
        """Nothing where the text has no word in it: no letter and no digit."""
        pieces = text.replace("\x00", "").split()
        terms = [term for piece in pieces for term in _terms(piece)]
        literal = tuple(piece for piece in pieces if _parts(piece) != [piece.lower()])
        words = tuple(part for piece in pieces for part in _parts(piece))
        return cls(" & ".join(dict.fromkeys(terms)), literal, words) if terms else None

    def among(
        self, rows: QuerySet[Any], since: datetime, until: datetime, size: int, *, ascending: bool = False
    ) -> list[Any]:
        """The first `size` of the current organization's rows of that time that have them, in the order of `rows`.

        The nearest are looked through one by one. Those beyond are found by the index, which takes tens of milliseconds
        over a common word, wherever it is looked for.
        """
        edge = _edge_of_nearest(since, until, ascending=ascending)
        first, last = (since, edge or until) if ascending else (edge or since, until)
        found = list(self._literally(rows.filter(self._are_in_row()), first, last)[:size])
        if edge is not None:
            for first, last in _windows(*((edge, until) if ascending else (since, edge)), ascending=ascending):
                if len(found) == size:
                    break
                found += islice(self._by_index(rows, first, last, ascending=ascending), size - len(found))
        return found

    def _are_in_row(self) -> RawSQL:
        patterns = [f"%{word}%" for word in self.words]  # a word has no sign in it
        return RawSQL(_WORDS_IN_ROW, [patterns, self.query], output_field=BooleanField())  # noqa: S611 - a constant

    def _literally(self, rows: QuerySet[Any], since: datetime, until: datetime) -> QuerySet[Any]:
        rows = rows.filter(created_at__gte=since, created_at__lt=until)
        for piece in self.pieces:
            rows = rows.filter(_stands_in_any(piece))
        return rows

    def _by_index(self, rows: QuerySet[Any], since: datetime, until: datetime, *, ascending: bool) -> Iterator[Any]:
        keys = self._keys(since, until)
        if not keys:
            return
        rows = self._literally(rows, since, until)
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


def _windows(since: datetime, until: datetime, *, ascending: bool = False) -> Iterator[tuple[datetime, datetime]]:
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


def _edge_of_nearest(since: datetime, until: datetime, *, ascending: bool) -> datetime | None:
    """The time up to which rows are looked through one by one; None where there are no more than that."""
    rows = CallLog.objects.filter(organization=current_organization_id(), created_at__gte=since, created_at__lt=until)
    times = rows.order_by("created_at" if ascending else "-created_at").values_list("created_at", flat=True)
    return next(iter(times[_NEAREST_ROWS : _NEAREST_ROWS + 1]), None)


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
