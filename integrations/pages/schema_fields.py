"""Form fields from the JSON Schema of what a provider needs, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ..configuration import schema_of
from ..providers.base import Provider

Schema = Mapping[str, Any]


def fields_of(schema: Schema) -> dict[str, forms.Field]:
    """The fields of an object's schema by key, in its order."""
    required = set(schema.get("required", ()))
    return {key: _field(part, required=key in required) for key, part in schema["properties"].items()}


@dataclass(frozen=True)
class Answer:
    """What a connection's configuration says to one of its provider's questions."""

    label: str
    value: Any
    is_prose: bool  # words for people, not what machines read


def answers_of(provider: Provider, configuration: Mapping[str, Any]) -> list[Answer]:
    """In the order of the questions; what the provider no longer asks is called by its key."""
    asked = schema_of(provider)["properties"]["configuration"]["properties"]
    keys = [*(key for key in asked if key in configuration), *(key for key in configuration if key not in asked)]
    return [
        Answer(_local(asked.get(key, {}), "title") or key, configuration[key], "x-prose" in asked.get(key, {}))
        for key in keys
    ]


def plain_input(**attrs: Any) -> forms.TextInput:
    return forms.TextInput({"class": "hub-input", "autocomplete": "off", **attrs})


def _field(schema: Schema, *, required: bool) -> forms.Field:
    shared: dict[str, Any] = {
        "label": _local(schema, "title"),
        "help_text": _local(schema, "description"),
        "initial": schema.get("default"),
        "required": required,
    }
    if schema["type"] == "boolean":
        return forms.BooleanField(**{**shared, "required": False}, widget=forms.CheckboxInput())
    if "enum" in schema:
        choices = [(value, value) for value in schema["enum"]]
        blank = [] if required else [("", "—")]
        return forms.ChoiceField(**shared, choices=[*blank, *choices], widget=forms.Select({"class": "hub-input"}))
    if schema["type"] == "integer":
        return forms.IntegerField(**shared, widget=forms.NumberInput({"class": "hub-input", "dir": "ltr"}))
    return _text(schema, shared)


def _text(schema: Schema, shared: dict[str, Any]) -> forms.CharField:
    example = next(iter(schema.get("examples", ())), "")
    looks = {"placeholder": example} if example else {}
    widget: forms.Widget = plain_input(dir="auto" if schema.get("x-prose") else "ltr", spellcheck="false", **looks)
    if schema.get("x-secret"):
        masked = {"class": "hub-input", "autocomplete": "new-password", "dir": "ltr", "spellcheck": "false"}
        widget = forms.PasswordInput({**masked, **looks})
    field = forms.CharField(**shared, max_length=schema.get("maxLength"), widget=widget)
    if pattern := schema.get("pattern"):
        # The schema's pattern means the whole value; Django's validator searches, and `$` lets a line feed through.
        field.validators.append(RegexValidator(pattern.removesuffix("$") + r"\Z", _refusal(example)))
    return field


def _refusal(example: str) -> str:
    if not example:
        return _("This does not have the expected form.")
    # Isolated: a line that is read from the right would take the example's signs apart.
    isolated = f"\N{LEFT-TO-RIGHT ISOLATE}{example}\N{POP DIRECTIONAL ISOLATE}"
    return _("This does not have the expected form: %(example)s") % {"example": isolated}


def _local(schema: Schema, name: str) -> str:
    arabic = schema.get(f"x-{name}-ar") if get_language() == "ar" else ""
    return str(arabic or schema.get(name, ""))
