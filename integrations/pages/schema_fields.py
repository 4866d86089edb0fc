"""Form fields from the JSON Schema of what a provider needs, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

Schema = Mapping[str, Any]


def fields_of(schema: Schema) -> dict[str, forms.Field]:
    """The fields of an object's schema by key, in its order."""
    required = set(schema.get("required", ()))
    return {key: _field(part, required=key in required) for key, part in schema["properties"].items()}


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
        return forms.IntegerField(**shared, widget=forms.NumberInput({"class": "hub-input"}))
    return _text(schema, shared)


def _text(schema: Schema, shared: dict[str, Any]) -> forms.CharField:
    widget: forms.Widget = plain_input(dir="ltr", spellcheck="false")
    if schema.get("x-secret"):
        masked = {"class": "hub-input", "autocomplete": "new-password", "dir": "ltr", "spellcheck": "false"}
        widget = forms.PasswordInput(masked)
    field = forms.CharField(**shared, max_length=schema.get("maxLength"), widget=widget)
    if pattern := schema.get("pattern"):
        # The schema's pattern means the whole value; Django's validator searches, and `$` lets a line feed through.
        whole = pattern.removesuffix("$") + r"\Z"
        field.validators.append(RegexValidator(whole, _("This does not look as the provider writes it.")))
    return field


def _local(schema: Schema, name: str) -> str:
    arabic = schema.get(f"x-{name}-ar") if get_language() == "ar" else ""
    return str(arabic or schema.get(name, ""))
