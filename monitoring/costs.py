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

from integrations.models import Organization

from .days import Days, month_of
from .models import Alert, AlertRule, DailyAnalytics, DailyTotals

LOOK_BACK_DAYS = 28

Costs = Mapping[date, Decimal]
Subject = tuple[uuid.UUID, uuid.UUID | None]  # an organization, and one of its connections or all of them


def costs_of(subjects: Iterable[Subject], days: Days) -> dict[Subject, dict[date, Decimal]]:
    """Dirhams by day of each; a day that is missing has no row: nothing ran. Two queries, however many they are."""
    found: dict[Subject, dict[date, Decimal]] = {subject: {} for subject in subjects}
    in_range = {"date__range": (days.first, days.last)}
    organizations = [organization_id for organization_id, connection_id in found if connection_id is None]
    totals = DailyTotals.objects.filter(organization__in=organizations, level=DailyTotals.Level.ALL, **in_range)
    for organization_id, day, cost in totals.order_by().values_list("organization_id", "date", "cost_aed"):
        found[organization_id, None][day] = cost
    rows = DailyAnalytics.objects.filter(connection_id__in=[one for _, one in found if one], **in_range).order_by()
    columns = rows.values_list("organization_id", "connection_id", "date", "total_cost_aed")
    for organization_id, connection_id, day, cost in columns:
        found[organization_id, connection_id][day] = cost
    return found


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
    """The whole organization's first, then those of connections: three queries."""
    rules = list(
        AlertRule.objects.filter(
            organization=organization, kind=Alert.Kind.BUDGET, is_active=True, threshold__isnull=False
        ).select_related("connection")
    )
    is_running = month.first <= today <= month.last
    days = Days(min(month.first, _looked_at(today).first), month.last) if is_running else month
    costs = costs_of(map(subject_of, rules), days)
    rules.sort(key=lambda rule: (rule.connection is not None, str(rule.connection or "")))
    return [
        Budget(
            rule,
            spent=within(costs[subject_of(rule)], month),
            forecast=month_end(costs[subject_of(rule)], today) if is_running else None,
        )
        for rule in rules
    ]


def subject_of(rule: AlertRule) -> Subject:
    """What a budget is of."""
    return rule.organization_id, rule.connection_id


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return (100 * part / whole).quantize(Decimal("0.1")) if whole else None


def _width(percent: Decimal | None) -> int:
    return 100 if percent is None else min(100, round(percent))
