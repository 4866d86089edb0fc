"""What calls cost in a month, what they will have cost by its end, and what was allowed: a rule of the kind `budget`.

The forecast takes for each day that is left what the same weekday cost on average over the last four weeks, or since
the first day on which anything was counted; a weekday that was not seen yet costs what an average day does. Today costs
what was expected of it unless it has cost more already.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from integrations.models import Organization

from .days import Days, month_of
from .models import Alert, AlertRule, DailyAnalytics, DailyTotals

LOOK_BACK_DAYS = 28

Costs = Mapping[date, Decimal]


def spent(organization_id: uuid.UUID, connection_id: uuid.UUID | None, first: date, last: date) -> Decimal:
    """In dirhams, from `first` to `last` by the organization's calendar; of all its connections where none is given."""
    return sum(costs_by_day(organization_id, connection_id, Days(first, last)).values(), Decimal(0))


def forecast(organization_id: uuid.UUID, connection_id: uuid.UUID | None, today: date) -> Decimal:
    """What the month of `today` will have cost at its end."""
    return month_end(costs_by_day(organization_id, connection_id, _looked_at(today)), today)


def costs_by_day(organization_id: uuid.UUID, connection_id: uuid.UUID | None, days: Days) -> dict[date, Decimal]:
    """A day that is missing has no row: nothing ran."""
    in_range = {"organization_id": organization_id, "date__range": (days.first, days.last)}
    if connection_id is None:
        totals = DailyTotals.objects.filter(**in_range, level=DailyTotals.Level.ALL).order_by()
        return dict(totals.values_list("date", "cost_aed"))
    rows = DailyAnalytics.objects.filter(**in_range, connection_id=connection_id).order_by()
    return dict(rows.values_list("date", "total_cost_aed"))


def within(costs: Costs, days: Days) -> Decimal:
    return sum((cost for day, cost in costs.items() if days.first <= day <= days.last), Decimal(0))


def month_end(costs: Costs, today: date) -> Decimal:
    """`costs` go back to the month's first day and four weeks."""
    month = month_of(today)
    so_far = sum((costs.get(day, Decimal(0)) for day in Days(month.first, today).each()), Decimal(0))
    return so_far + sum(expected(costs, today).values(), Decimal(0))


def expected(costs: Costs, today: date) -> dict[date, Decimal]:
    """What each day from today to the month's end is expected to cost beyond what it has cost already."""
    seen = _seen(costs, today)
    if not seen:
        return {}
    left = Days(today, month_of(today).last).each()
    return {day: max(Decimal(0), _usual(seen, day.weekday()) - costs.get(day, Decimal(0))) for day in left}


def _seen(costs: Costs, today: date) -> dict[date, Decimal]:
    """The days of the last four weeks, today not among them, from the first on which anything was counted."""
    window = Days(today - timedelta(days=LOOK_BACK_DAYS), today - timedelta(days=1))
    counted = [day for day in window.each() if day in costs]
    return {day: costs.get(day, Decimal(0)) for day in Days(counted[0], window.last).each()} if counted else {}


def _usual(seen: Costs, weekday: int) -> Decimal:
    """What such a weekday costs on average, or any day if it was not seen."""
    chosen = [cost for day, cost in seen.items() if day.weekday() == weekday] or list(seen.values())
    return sum(chosen, Decimal(0)) / len(chosen)


def _looked_at(today: date) -> Days:
    return Days(min(month_of(today).first, today - timedelta(days=LOOK_BACK_DAYS)), today)


@dataclass(frozen=True)
class Budget:
    """A budget's month so far. `forecast` is None in a month that is over."""

    rule: AlertRule
    spent: Decimal
    forecast: Decimal | None

    @property
    def allowed(self) -> Decimal:
        return self.rule.threshold or Decimal(0)

    @property
    def left(self) -> Decimal:
        return self.allowed - self.spent

    @property
    def used_percent(self) -> Decimal | None:
        return _percent(self.spent, self.allowed)

    @property
    def forecast_percent(self) -> Decimal | None:
        return None if self.forecast is None else _percent(self.forecast, self.allowed)

    @property
    def spent_width(self) -> int:
        """Of the bar, whose whole length is the budget."""
        return _width(self.used_percent)

    @property
    def forecast_width(self) -> int:
        return _width(self.forecast_percent)

    @property
    def state(self) -> str:
        """`exceeded`, `endangered` (the forecast is more than is allowed) or `kept`."""
        if self.spent > self.allowed:
            return "exceeded"
        return "endangered" if self.forecast is not None and self.forecast > self.allowed else "kept"


def budgets(organization: Organization, month: Days, today: date) -> list[Budget]:
    """The whole organization's first, then those of connections: two queries and one for the connections' costs."""
    rules = list(
        AlertRule.objects.filter(
            organization=organization, kind=Alert.Kind.BUDGET, is_active=True, threshold__isnull=False
        ).select_related("connection")
    )
    is_running = month.first <= today <= month.last
    days = Days(min(month.first, _looked_at(today).first), month.last) if is_running else month
    costs = _costs_of(organization, [rule.connection_id for rule in rules], days)
    rules.sort(key=lambda rule: (rule.connection is not None, str(rule.connection or "")))
    return [
        Budget(
            rule,
            spent=within(costs[rule.connection_id], month),
            forecast=month_end(costs[rule.connection_id], today) if is_running else None,
        )
        for rule in rules
    ]


def _costs_of(
    organization: Organization, keys: Iterable[uuid.UUID | None], days: Days
) -> dict[uuid.UUID | None, dict[date, Decimal]]:
    found: dict[uuid.UUID | None, dict[date, Decimal]] = {key: {} for key in keys}
    if None in found:
        found[None] = costs_by_day(organization.pk, None, days)
    rows: Any = DailyAnalytics.objects.filter(
        organization=organization,
        connection_id__in=[key for key in found if key],
        date__range=(days.first, days.last),
    ).order_by()
    for key, day, cost in rows.values_list("connection_id", "date", "total_cost_aed"):
        found[key][day] = cost
    return found


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return (100 * part / whole).quantize(Decimal("0.1")) if whole else None


def _width(percent: Decimal | None) -> int:
    return 100 if percent is None else min(100, round(percent))
