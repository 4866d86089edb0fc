"""Figures as a chart and its table draw them: labels, and a series for each line, colour or column.

`unit` is what each value is in: a count, milliseconds ("ms"), dirhams ("AED") or per cent ("%").
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from integrations.models import IntegrationProvider

from ..error_classes import class_name
from ..sums import Sums
from .analytics_steps import Step

Chart = dict[str, Any]

SPLIT_INTO = 7


def volume(steps: Sequence[Step]) -> Chart:
    return _over_time(
        steps,
        (pgettext("count", "Succeeded"), "success", lambda sums: sums.successes),
        (pgettext("count", "Failed"), "danger", lambda sums: sums.failures),
    )


def times(steps: Sequence[Step]) -> Chart:
    return _over_time(
        steps,
        (_("Average"), "primary", lambda sums: sums.average_ms),
        (_("95th percentile"), "accent", lambda sums: sums.p95_ms),
        (_("99th percentile"), "warning", lambda sums: sums.p99_ms),
        unit="ms",
    )


def webhooks(steps: Sequence[Step]) -> Chart:
    return _over_time(
        steps,
        (pgettext("count", "Received"), "primary", lambda sums: sums.webhooks_received),
        (pgettext("count", "Failed"), "danger", lambda sums: sums.webhooks_failed),
    )


def errors(steps: Sequence[Step]) -> Chart:
    """The classes that came most, each with a colour of its own, and the rest as one."""
    every = Counter[str]()
    for step in steps:
        every.update(step.sums.error_classes)
    ranked = [name for name, _count in sorted(every.items(), key=lambda item: (-item[1], item[0]))]
    shown, rest = ranked[:SPLIT_INTO], ranked[SPLIT_INTO:]
    columns = [(class_name(name), "", _counter_of([name])) for name in shown]
    if rest:
        columns.append((_("Others"), "", _counter_of(rest)))
    return _over_time(steps, *columns, stacked=True)


def split(
    rows: Sequence[Mapping[str, Any]], providers: Mapping[uuid.UUID, IntegrationProvider], most: int | None = SPLIT_INTO
) -> Chart:
    """Calls by provider, the largest first, and those after `most` as one."""
    ranked = [(provider_name(row["provider_id"], providers), row["requests"]) for row in rows if row["requests"]]
    ranked = _with_the_rest_as_one(ranked, most)
    return {
        "labels": [label for label, _calls in ranked],
        "series": [{"label": _("Calls"), "values": [calls for _label, calls in ranked]}],
    }


def costs_by_provider(
    rows: Sequence[Mapping[str, Any]], providers: Mapping[uuid.UUID, IntegrationProvider], most: int | None = SPLIT_INTO
) -> Chart:
    """Dirhams by provider, the dearest first, and those after `most` as one; what cost nothing is left out."""
    dear = sorted((row for row in rows if row["cost"]), key=lambda row: -row["cost"])
    ranked = [(provider_name(row["provider_id"], providers), row["cost"]) for row in dear]
    ranked = _with_the_rest_as_one(ranked, most)
    return {
        "labels": [label for label, _cost in ranked],
        "series": [{"label": _("Cost (AED)"), "tone": "accent", "values": [cost for _label, cost in ranked]}],
        "unit": "AED",
        "horizontal": True,
    }


def provider_name(provider_id: uuid.UUID | None, providers: Mapping[uuid.UUID, IntegrationProvider]) -> str:
    found = providers.get(provider_id) if provider_id else None
    return found.local_name if found else _("Deleted connections")


Column = tuple[str, str, Callable[[Sums], Any]]


def _over_time(steps: Sequence[Step], *columns: Column, unit: str = "", stacked: bool = False) -> Chart:
    return {
        "labels": [step.label for step in steps],
        "names": [step.name for step in steps],
        "series": [
            {"label": label, "tone": tone, "values": [value(step.sums) for step in steps]}
            for label, tone, value in columns
        ],
        "unit": unit,
        "stacked": stacked,
    }


def _with_the_rest_as_one(ranked: list[tuple[str, Any]], most: int | None) -> list[tuple[str, Any]]:
    if most is None or len(ranked) <= most:
        return ranked
    return [*ranked[:most], (_("Others"), sum(value for _label, value in ranked[most:]))]


def _counter_of(names: Sequence[str]) -> Callable[[Sums], int]:
    return lambda sums: sum(sums.error_classes[name] for name in names)
