"""How charts, their tables and cards write their figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.utils.translation import gettext as _

from integrations.templatetags.hub import milliseconds, money, number, percent

register = template.Library()

_WRITTEN = {"ms": milliseconds, "AED": money, "%": percent}


@register.filter
def in_unit(value: Any, unit: str) -> str:
    """A chart's figure in the chart's unit; a dash for none."""
    return _WRITTEN.get(unit, number)(value)


@register.filter
def table_rows(chart: dict[str, Any]) -> list[dict[str, Any]]:
    """A chart's figures as rows: `{"label": "05/11/2026", "values": [12, 1]}`."""
    columns = [series["values"] for series in chart["series"]]
    labels = chart.get("names") or chart["labels"]
    return [
        {"label": label, "values": values} for label, *values in zip(labels, *columns, strict=True)
    ]  # fmt: skip


@register.filter
def has_figures(chart: dict[str, Any]) -> bool:
    return any(value for series in chart["series"] for value in series["values"])


@register.filter
def signed(value: Decimal | None) -> str:
    """A change in per cent with its sign, `+12%`; a dash where there was nothing to compare with."""
    return "–" if value is None else _("%(change)s%%") % {"change": f"{'+' if value > 0 else ''}{number(value)}"}
