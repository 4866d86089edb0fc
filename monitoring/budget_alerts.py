"""Alerts about budgets: a rule's dirhams a calendar month of its organization, warned of at 80 % and at 100 %."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_noop

from .alerts import Found, Matter, settle
from .models import Alert, AlertRule, DailyAnalytics

WARNED_AT_PERCENT = (80, 100)

_OF_ALL = gettext_noop("{percent} per cent of the month's budget is spent: AED {spent} of AED {budget}.")
_OF_ONE = gettext_noop("{connection}: {percent} per cent of the month's budget is spent: AED {spent} of AED {budget}.")


def watch_budgets() -> tuple[int, int]:
    """Returns how many alerts were opened and resolved; a new month resolves them. Safe to repeat."""
    return settle(Alert.Kind.BUDGET, _spent_too_much())


def month_begin(zone: str) -> date:
    return timezone.now().astimezone(ZoneInfo(zone)).date().replace(day=1)


def _spent_too_much() -> Iterator[Found]:
    rules = AlertRule.objects.filter(kind=Alert.Kind.BUDGET, is_active=True, organization__is_active=True)
    of_month: dict[date, list[AlertRule]] = defaultdict(list)  # two at the most, on its first and last day
    for rule in rules.select_related("organization", "connection").order_by("pk"):
        of_month[month_begin(rule.organization.timezone)].append(rule)
    for begin, some in of_month.items():
        costs = _costs_since(begin, [rule.organization_id for rule in some])
        for rule in some:
            if matter := _matter(rule, costs.get((rule.organization_id, rule.connection_id), Decimal(0))):
                yield rule, matter


def _costs_since(begin: date, organizations: Sequence[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID | None], Decimal]:
    """By organization and connection, and of all its connections under None. Serves analytics_org_date."""
    rows = DailyAnalytics.objects.filter(organization__in=organizations, date__gte=begin).order_by()
    costs: dict[tuple[uuid.UUID, uuid.UUID | None], Decimal] = defaultdict(Decimal)
    for row in rows.values("organization_id", "connection_id").annotate(cost=Sum("total_cost_aed")):
        costs[row["organization_id"], row["connection_id"]] += row["cost"]
        costs[row["organization_id"], None] += row["cost"]
    return costs


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
