"""Every sentence that an error is raised with can be said in the reader's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po
from django.utils import translation

from integrations.errors import IntegrationError, InvalidRequest, Unavailable
from integrations.management.commands.makemessages import error_names
from integrations.retelling import retold

ROOT = Path(__file__).resolve().parents[2]
_FLOORS = ("integrations", "webhooks", "monitoring")
_OURS = {"field", "details", "retry_after", "may_have_taken_effect", "provider_code", "provider_status", "body"}
# Said to a provider, to a program or at start, never on a page.
_NOT_FOR_PAGES = {"webhooks/receive.py", "webhooks/calls.py", "integrations/api/authentication.py"}


def raised() -> Iterator[tuple[str, ast.Call]]:
    names = {name for name in error_names() if not name.startswith("_")}
    for path in sorted(path for folder in _FLOORS for path in (ROOT / folder).rglob("*.py")):
        place = str(path.relative_to(ROOT))
        if place in _NOT_FOR_PAGES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args and node.func.id in names:
                yield f"{place}:{node.lineno}", node


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_sentences_are_templates_with_their_values() -> None:
    wrong = []
    for place, call in raised():
        sentence = call.args[0]
        if ast.unparse(sentence) == "error.template":  # said again with the values that it had
            continue
        given = {keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg not in _OURS}
        if not isinstance(sentence, ast.Constant) or (given and placeholders(str(sentence.value)) != given):
            wrong.append(place)
    assert wrong == []


def test_each_sentence_has_its_arabic() -> None:
    with (ROOT / "locale/ar/LC_MESSAGES/django.po").open("rb") as file:
        arabic = {message.id: message.string for message in read_po(file, locale="ar") if message.id}
    said = {str(call.args[0].value) for _, call in raised() if isinstance(call.args[0], ast.Constant)}
    assert len(said) > 100
    assert sorted(said - set(arabic)) == []
    assert [text for text in said if placeholders(text) != placeholders(str(arabic[text]))] == []
    untranslated = [text for text in said if re.search("[\u0600-\u06ff]", str(arabic[text])) is None]
    assert [text for text in untranslated if not re.fullmatch(r"(\{provider\}|[A-Z]\w+): \{words\}", text)] == []


@pytest.mark.parametrize(("language", "told"), [("en", "does not resolve"), ("ar", "تعذّر العثور")])
def test_an_error_is_told_in_the_readers_language_and_written_down_in_english(language: str, told: str) -> None:
    error = Unavailable("The name {host} does not resolve.", host="{odd}.example")
    with translation.override(language):
        assert told in error.translated()
        assert "{odd}.example" in error.translated()
        assert str(error) == error.message == "The name {odd}.example does not resolve."


def test_a_sentence_without_values_is_taken_as_it_stands() -> None:
    assert str(InvalidRequest("Braces {like these} are no placeholders.")) == "Braces {like these} are no placeholders."


def test_each_sentence_that_was_kept_in_english_is_known_again() -> None:
    said = {str(call.args[0].value) for _, call in raised() if isinstance(call.args[0], ast.Constant)}
    kept = [IntegrationError(text, **{name: f"{name} 1" for name in placeholders(text)}) for text in sorted(said)]
    with translation.override("ar"):
        assert [error.message for error in kept if retold(error.message) != error.translated()] == []
    with translation.override("en"):
        assert [error.message for error in kept if retold(error.message) != error.message] == []


def test_a_sentence_within_a_sentence_is_told_as_well_and_a_providers_words_stay() -> None:
    inner, words = "The provider did not answer in time.", "Stripe: something {broke}"
    with translation.override("ar"):
        whole = retold(f"PayPal gives no access token: {inner}")
        assert retold(inner) in whole
        assert inner not in whole
        assert retold(words) == words
        assert retold("") == ""
