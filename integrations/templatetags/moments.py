"""A field for a day in a form that is written out by hand."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from ..pages.moment_field import DayInput

register = template.Library()


@register.simple_tag
def day_input(name: str, *id_parts: object, typed: str | None = None) -> SafeString:
    """One that has to be filled in, as it was `typed` before; its id is made of the parts."""
    return DayInput({"id": "".join(map(str, id_parts)), "required": True}).render(name, typed)
