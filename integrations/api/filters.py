"""Filters that refuse what they do not understand, where django-filter would let everything through."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.utils.translation import gettext_lazy as _


class _YesOrNo(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        known = {"true": True, "1": True, "false": False, "0": False}
        if (text := str(value).lower()) not in known:
            raise forms.ValidationError(_("Must be true or false."))
        return known[text]


class YesNoFilter(django_filters.BooleanFilter):
    field_class = _YesOrNo
