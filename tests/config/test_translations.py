from __future__ import annotations

from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

MESSAGES = Path(__file__).resolve().parents[2] / "locale" / "ar" / "LC_MESSAGES"


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    with (MESSAGES / "django.po").open("rb") as file:
        return [message for message in read_po(file, locale="ar") if message.id]


def test_every_string_has_its_arabic(messages: list[Message]) -> None:
    missing = [m.id for m in messages if m.fuzzy or not (all(m.string) if m.pluralizable else m.string)]
    assert missing == []


def test_placeholders_survive_translation(messages: list[Message]) -> None:
    wrong = [m.id for m in messages if not m.pluralizable and m.python_format and list(m.check())]
    assert wrong == []


def test_what_is_compiled_is_what_is_written(messages: list[Message]) -> None:
    with (MESSAGES / "django.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    stale = [m.id for m in messages if not m.pluralizable and not m.context and compiled.gettext(m.id) != m.string]
    assert stale == []
