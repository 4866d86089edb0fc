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


def raised() -> Iterator[tuple[str, ast.Call, list[str]]]:
    """Where, by which call, and with which sentences: one, or those of a table that the module has of them."""
    names = {name for name in error_names() if not name.startswith("_")}
    for path in sorted(path for folder in _FLOORS for path in (ROOT / folder).rglob("*.py")):
        place = str(path.relative_to(ROOT))
        if place in _NOT_FOR_PAGES:
            continue
        module = ast.parse(path.read_text())
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args and node.func.id in names:
                yield f"{place}:{node.lineno}", node, _sentences(node.args[0], module)


def _sentences(told: ast.expr, module: ast.Module) -> list[str]:
    if isinstance(told, ast.Subscript):
        tables = {ast.unparse(target): table for target, table in _assigned(module)}
        table = tables.get(ast.unparse(told.value))
        values = table.values if isinstance(table, ast.Dict) else []
        return [value.args[0].value for value in values if ast.unparse(value.func) == "gettext_noop"]
    return [str(told.value)] if isinstance(told, ast.Constant) else []


def _assigned(module: ast.Module) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            yield node.targets[0] if isinstance(node, ast.Assign) else node.target, node.value


def said() -> set[str]:
    return {sentence for _, _, sentences in raised() for sentence in sentences}


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_sentences_are_templates_with_their_values() -> None:
    wrong = []
    for place, call, sentences in raised():
        if ast.unparse(call.args[0]) == "error.template":  # said again with the values that it had
            continue
        given = {keyword.arg for keyword in call.keywords if keyword.arg and keyword.arg not in _OURS}
        if not sentences or (given and any(placeholders(sentence) != given for sentence in sentences)):
            wrong.append(place)
    assert wrong == []


def test_each_sentence_has_its_arabic() -> None:
    with (ROOT / "locale/ar/LC_MESSAGES/django.po").open("rb") as file:
        arabic = {message.id: message.string for message in read_po(file, locale="ar") if message.id}
    sentences = said()
    assert len(sentences) > 100
    assert sorted(sentences - set(arabic)) == []
    assert [text for text in sentences if placeholders(text) != placeholders(str(arabic[text]))] == []
    untranslated = [text for text in sentences if re.search("[\u0600-\u06ff]", str(arabic[text])) is None]
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
    kept = [IntegrationError(text, **{name: f"{name} 1" for name in placeholders(text)}) for text in sorted(said())]
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
