"""What divides a row into words stands in SQL, for the index, and again in Python: the two say the same."""

from __future__ import annotations

import re

import pytest
from django.db import connection

from monitoring.log_text import _DIVIDES, _LONGEST_WORD, _WORDS_IN_ROW

pytestmark = pytest.mark.django_db

_IN_ROW = " ".join(_WORDS_IN_ROW.replace("integration_logs.", "").split())


def _told_by(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return " ".join(cursor.fetchone()[0].split())


@pytest.fixture
def log_words() -> str:
    return _told_by("SELECT prosrc FROM pg_proc WHERE proname = 'log_words'")


def test_the_text_that_is_looked_through_is_the_one_that_is_taken_apart(log_words: str) -> None:
    (taken_apart,) = re.findall(r"given text := (.+?);", log_words)
    assert _IN_ROW.startswith(f"{taken_apart} LIKE ALL (%s)")


def test_a_row_is_taken_apart_as_the_index_does_it() -> None:
    index = _told_by("SELECT pg_get_indexdef('logs_words'::regclass)")
    (indexed,) = re.findall(r"log_words\(.+?\)", re.sub(r"\((\w+)\)::text", r"\1", index))
    assert f"{indexed} @@ %s::tsquery" in _IN_ROW


def test_the_same_signs_divide_words_and_words_are_as_long(log_words: str) -> None:
    (dividing,) = re.findall(r"'(\[.+?\]\+)'", log_words)
    assert dividing.encode().decode("unicode_escape") == _DIVIDES.pattern
    assert f"left(word, {_LONGEST_WORD})" in log_words
