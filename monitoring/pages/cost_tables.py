"""A month's costs by day, provider, connection and, for those who run the whole, organization."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from integrations.models import IntegrationProvider, Organization
from integrations.tenancy import acting_as_service

from ..analytics import Scope, sums_by_connection, sums_by_provider
from ..connections import Named, named
from ..costs import Costs
from ..days import Days
from ..models import DailyTotals
from .analytics_charts import Chart, provider_name


@dataclass(frozen=True)
class CostRow:
    """`share` is in per cent of the month, `before` what the same cost in the month before."""

    name: str
    requests: int
    cost: Decimal
    before: Decimal
    share: Decimal | None
    connection: Named | None = None


def by_day(month: Days, costs: Costs, expected: Mapping[date, Decimal]) -> Chart:
    """What each day has cost, and on top of it what is still expected of it."""
    days = month.each()
    series = [{"label": pgettext("money", "Spent"), "tone": "primary", "values": [costs.get(day, 0) for day in days]}]
    if expected:
        series.append({"label": _("Expected"), "tone": "faint", "values": [expected.get(day, 0) for day in days]})
    return {
        "labels": [f"{day:%d/%m}" for day in days],
        "names": [f"{day:%d/%m/%Y}" for day in days],
        "series": series,
        "unit": "AED",
        "stacked": True,
    }


def calls_in(organization: Organization, month: Days) -> int:
    """All calls, those that cost nothing too."""
    rows = DailyTotals.objects.filter(
        organization=organization, level=DailyTotals.Level.ALL, date__range=(month.first, month.last)
    )
    return int(rows.aggregate(calls=Sum("requests", default=0))["calls"])


def by_provider(
    organization: Organization, month: Days, before: Days, providers: Mapping[uuid.UUID, IntegrationProvider]
) -> list[CostRow]:
    now, then = (sums_by_provider(Scope(organization.pk), days) for days in (month, before))
    names = {row["provider_id"]: provider_name(row["provider_id"], providers) for row in (*now, *then)}
    return _compared(now, then, "provider_id", names)


def by_connection(
    organization: Organization, month: Days, before: Days, connections: dict[uuid.UUID, Named]
) -> list[CostRow]:
    now, then = (sums_by_connection(Scope(organization.pk), days) for days in (month, before))
    found = named(organization, {row["connection_id"] for row in (*now, *then)}, connections)
    names = {key: one.name for key, one in found.items()}
    return _compared(now, then, "connection_id", names, found)


def by_organization(month: Days, before: Days) -> list[CostRow]:
    """Reaches over organizations: only for super admins."""
    with acting_as_service():
        now, then = (_of_organizations(days) for days in (month, before))
        names = dict(Organization.objects.values_list("pk", "name"))
    return _compared(now, then, "organization_id", names)


def _of_organizations(days: Days) -> list[dict[str, Any]]:
    rows = DailyTotals.objects.filter(level=DailyTotals.Level.ALL, date__range=(days.first, days.last)).order_by()
    sums = rows.values("organization_id").annotate(requests=Sum("requests"), cost=Sum("cost_aed"))
    return [dict(row) for row in sums]


def _compared(
    now: Iterable[Mapping[str, Any]],
    then: Iterable[Mapping[str, Any]],
    key: str,
    names: Mapping[Any, str],
    connections: Mapping[Any, Named] | None = None,
) -> list[CostRow]:
    """What cost something now or before, the dearest first."""
    requests = {row[key]: row["requests"] for row in now}
    costs, before = ({row[key]: row["cost"] for row in rows} for rows in (now, then))
    whole = sum(costs.values(), Decimal(0))
    rows = [
        CostRow(
            name=names[one],
            requests=requests.get(one, 0),
            cost=costs.get(one, Decimal(0)),
            before=before.get(one, Decimal(0)),
            share=(100 * costs.get(one, Decimal(0)) / whole).quantize(Decimal("0.1")) if whole else None,
            connection=(connections or {}).get(one),
        )
        for one in {**costs, **before}
        if costs.get(one) or before.get(one)
    ]
    return sorted(rows, key=lambda row: (-row.cost, -row.before, row.name))
