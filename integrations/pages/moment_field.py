"""Days and times as people here write them, DD/MM/YYYY and HH:MM, whatever country the browser takes them to be in.

A browser's own date field follows the browser's language: 11/12 is read as the eleventh of December by one of two
people, and as the twelfth of November by the other. These are fields of text, which work without a script; with one,
a button opens the browser's calendar (static/hub/moments.js). Times are in the current time zone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.widgets import DateTimeBaseInput
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

_Moment = TypeVar("_Moment", bound=date)
_DAY, _MOMENT = "%d/%m/%Y", "%d/%m/%Y %H:%M"
_YEARS = range(1970, 2200)  # beyond these lies a slip of the finger, and the end of what can be reckoned with
# Arabic keyboards write other digits, and what is copied from an Arabic page has marks of direction in it.
_AS_TYPED_IN_ENGLISH = {
    **{ord(digit): str(value % 10) for value, digit in enumerate("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")},
    **dict.fromkeys(map(ord, "\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{ARABIC LETTER MARK}"), None),
}


class _Typed(DateTimeBaseInput):
    template_name = "integrations/_moment_input.html"
    placeholder: Any
    calendar: str

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        usual = {"class": "hub-input", "dir": "ltr", "placeholder": self.placeholder, "autocomplete": "off"}
        super().__init__({**usual, "maxlength": 40, **(attrs or {})}, format=self.format)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return {**super().get_context(name, value, attrs), "calendar": self.calendar}

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        """By the templates of the project, where forms look into those of the apps alone."""
        return mark_safe(render_to_string(template_name, context))  # noqa: S308 - a template escapes by itself


class DayInput(_Typed):
    format, calendar = _DAY, "date"
    format_key = "DATE_INPUT_FORMATS"
    placeholder = _("DD/MM/YYYY")


class MomentInput(_Typed):
    format, calendar = _MOMENT, "datetime-local"
    format_key = "DATETIME_INPUT_FORMATS"
    placeholder = _("DD/MM/YYYY HH:MM")


class DayField(forms.DateField):
    """A day; ISO 8601 is understood as well."""

    widget = DayInput
    input_formats = (_DAY, "%Y-%m-%d")
    default_error_messages = {"invalid": _("Write the day as DD/MM/YYYY, 31/01/2026 for example.")}  # noqa: RUF012 - as Django has it

    def __init__(self, *, years: range = _YEARS, **options: Any) -> None:
        super().__init__(**options)
        self.years = years

    def to_python(self, value: Any) -> date | None:
        return _within_reach(self, super().to_python(_plain(value)), self.years)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return _as_understood(self, data)


class MomentField(forms.DateTimeField):
    """A day and a time in the current time zone; ISO 8601 is understood as well, with a zone of its own or without."""

    widget = MomentInput
    input_formats: tuple[str, ...] = (_MOMENT,)
    default_error_messages = {  # noqa: RUF012 - as Django has it
        "invalid": _("Write the day and time as DD/MM/YYYY HH:MM, 31/01/2026 14:30 for example.")
    }

    def to_python(self, value: Any) -> datetime | None:
        return _within_reach(self, super().to_python(_plain(value)), _YEARS)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return _as_understood(self, data)


class DayOrMomentField(MomentField):
    """For a filter: with or without a time, and with seconds in an address; `ends`: a day is meant to its end."""

    input_formats = (*MomentField.input_formats, "%d/%m/%Y %H:%M:%S", "%d/%m/%Y")

    def __init__(self, *, ends: bool = False, **options: Any) -> None:
        super().__init__(required=False, **options)
        self._ends = ends

    def bound_data(self, data: Any, initial: Any) -> Any:
        """As it was asked for: a day is no moment."""
        return data

    def clean(self, value: Any) -> Any:
        moment = super().clean(value)
        is_day = ":" not in str(value or ":")
        return moment + timedelta(days=1) if moment and self._ends and is_day else moment


def _plain(value: Any) -> Any:
    return " ".join(value.translate(_AS_TYPED_IN_ENGLISH).split()) if isinstance(value, str) else value


def _within_reach(field: forms.Field, value: _Moment | None, years: range) -> _Moment | None:
    if value is not None and value.year not in years:
        raise ValidationError(field.error_messages.get("years", field.error_messages["invalid"]), code="invalid")
    return value


def _as_understood(field: forms.Field, data: Any) -> Any:
    """A form shows again what was understood as it is written here, and what was not as it was typed."""
    try:
        return field.to_python(data)
    except ValidationError:
        return data
