"""Alerts about budgets: a rule's dirhams a calendar month of its organization, warned of at 80 % and at 100 %."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from django.utils.translation import gettext_noop

from .alerts import Found, Matter, settle
from .costs import costs_of, subject_of, within
from .days import Days, month_of, today_of
from .models import Alert, AlertRule

WARNED_AT_PERCENT = (80, 100)

_OF_ALL = gettext_noop("{percent} per cent of the month's budget is spent: AED {spent} of AED {budget}.")
_OF_ONE = gettext_noop("{connection}: {percent} per cent of the month's budget is spent: AED {spent} of AED {budget}.")


def watch_budgets() -> tuple[int, int]:
    """Returns how many alerts were opened and resolved; a new month resolves them. Safe to repeat."""
    return settle(Alert.Kind.BUDGET, _spent_too_much())


def _spent_too_much() -> Iterator[Found]:
    rules = AlertRule.objects.filter(kind=Alert.Kind.BUDGET, is_active=True, organization__is_active=True)
    of_month: dict[Days, list[AlertRule]] = defaultdict(list)  # two at the most, on its first and last day
    for rule in rules.select_related("organization", "connection").order_by("pk"):
        of_month[month_of(today_of(rule.organization))].append(rule)
    for month, some in of_month.items():
        costs = costs_of(map(subject_of, some), month)
        for rule in some:
            if matter := _matter(rule, within(costs[subject_of(rule)], month)):
                yield rule, matter


def _matter(rule: AlertRule, spent: Decimal) -> Matter | None:
    budget = rule.threshold or Decimal(0)
    stage = sum(100 * spent >= percent * budget for percent in WARNED_AT_PERCENT)
    if not budget or not stage:
        return None
    return Matter(
        organization_id=rule.organization_id,
        connection_id=rule.connection_id,
        subject_id=rule.connection_id or rule.organization_id,
        message=_OF_ONE if rule.connection else _OF_ALL,
        values={
            "connection": str(rule.connection or ""),
            "percent": int(100 * spent / budget),
            "spent": f"{spent:,.2f}",
            "budget": f"{budget:,.2f}",
        },
        stage=stage,
    )
