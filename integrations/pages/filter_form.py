"""What the forms above lists have in common: they say what they do not understand, and look for nothing impossible."""

from __future__ import annotations

from typing import Any

from django import forms


class SearchText(forms.CharField):
    """What no row can hold is not looked for."""

    def clean(self, value: Any) -> str:
        return str(super().clean(str(value or "").replace("\x00", "")))


class FilterForm(forms.Form):
    @property
    def mistakes(self) -> list[str]:
        """Each with the name of its field."""
        told = []
        for name, errors in self.errors.items():
            label = self.fields[name].label if name in self.fields else ""
            told += [f"{label}: {error}" if label else str(error) for error in errors]
        return told
