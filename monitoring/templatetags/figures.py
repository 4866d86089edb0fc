"""How charts, their tables and cards write their figures."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from integrations.templatetags.hub import milliseconds, money, number, percent

register = template.Library()

_UNITS = {"ms": pgettext_lazy("unit", "ms"), "AED": pgettext_lazy("unit", "AED")}
_WRITTEN: dict[str, Callable[[Any], str]] = {"ms": milliseconds, "AED": money, "%": percent}


@register.filter
def table_rows(chart: dict[str, Any]) -> list[dict[str, Any]]:
    """A chart's figures as rows, written in its unit: `{"label": "05/11/2026", "texts": ["12 ms", "–"]}`."""
    written = _WRITTEN.get(chart.get("unit", ""), number)
    columns = [series["values"] for series in chart["series"]]
    labels = chart.get("names") or chart["labels"]
    return [
        {"label": label, "texts": [written(value) for value in values]}
        for label, *values in zip(labels, *columns, strict=True)
    ]


@register.filter
def drawn(chart: dict[str, Any]) -> dict[str, Any]:
    """What the script draws: the same, and the unit in the reader's language."""
    return {**chart, "unit": str(_UNITS.get(chart.get("unit", ""), ""))}


@register.filter
def has_figures(chart: dict[str, Any]) -> bool:
    return any(value for series in chart["series"] for value in series["values"])


@register.filter
def signed(value: Decimal) -> str:
    """`+12%` or `-3%`, the sign before its number in a line that is read from the right, too."""
    return f"\N{LEFT-TO-RIGHT MARK}{'+' if value > 0 else ''}{number(value)}%"


@register.filter
def before(share: Decimal | None) -> str:
    """A share in per cent of the range before, to hold one against: `99.9% in the days before`."""
    return "" if share is None else _("%(share)s in the days before") % {"share": percent(share)}
