"""What calls and webhooks add up to over a range of days: of an organization, an environment, a provider, a connection.

Everything is read from rows that stand for a day already, so no question costs more where there was more traffic.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import Avg, Case, Func, IntegerField, Model, Q, QuerySet, Sum, Value, When

from integrations.models import Connection

from .daily_totals import sum_of_many
from .days import Days
from .histograms import HistogramSum
from .models import DailyAnalytics, DailyTotals
from .sums import Sums, added, percent_of, three_decimals

_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True)
class Scope:
    """Which of an organization's connections: all, but for what is narrowed."""

    organization_id: uuid.UUID
    provider_id: uuid.UUID | None = None
    connection_id: uuid.UUID | None = None
    environment: str = ""

    @property
    def is_whole(self) -> bool:
        return self == Scope(self.organization_id)


def sums_by_day(scope: Scope, days: Days) -> dict[date, Sums]:
    """A day that has no row had no call, no webhook and no check."""
    found: dict[date, Sums] = {}
    for day, *columns in _rows(scope, days):
        one = Sums(*(default if value is None else value for value, default in zip(columns, _NOTHING, strict=True)))
        one.error_classes = Counter(one.error_classes)
        found[day] = added([found[day], one]) if day in found else one
    return found


def sums_by_provider(scope: Scope, days: Days) -> list[dict[str, Any]]:
    """`provider_id` (None: of connections that are deleted), `requests`, `failures`, `cost`; the most calls first."""
    if scope.connection_id:
        one = Connection.objects.filter(pk=scope.connection_id).values_list("provider_id", flat=True).first()
        return [{**row, "provider_id": one} for row in sums_by_connection(scope, days)]
    rows = DailyTotals.objects.filter(
        organization_id=scope.organization_id, level=DailyTotals.Level.PROVIDER, date__range=(days.first, days.last)
    ).filter(_narrowed(scope, "provider_id", "environment"))
    sums = rows.order_by().values("provider_id").annotate(
        requests=Sum("requests"), failures=Sum("failures"), cost=Sum("cost_aed")
    )  # fmt: skip
    return sorted(map(dict, sums), key=lambda row: (-row["requests"], str(row["provider_id"])))


def sums_by_connection(scope: Scope, days: Days) -> list[dict[str, Any]]:
    """`connection_id`, `requests`, `failures`, `success_percent`, `average_ms`, `cost`, `uptime`; most calls first."""
    sums = daily_rows(scope, days).values("connection_id").annotate(
        requests=Sum("total_requests"), successes=Sum("successful_requests"), failures=Sum("failed_requests"),
        time=Sum("response_time_sum_ms"), timed=Sum("response_time_count"), cost=Sum("total_cost_aed"),
        uptime=Avg("uptime_percent"),
    )  # fmt: skip
    rows: list[dict[str, Any]] = sorted(map(dict, sums), key=lambda row: (-row["requests"], str(row["connection_id"])))
    for row in rows:
        row["uptime"] = row["uptime"] and three_decimals(row["uptime"])
        row["success_percent"] = percent_of(row["successes"], row["requests"]) if row["requests"] else None
        row["average_ms"] = round(row["time"] / row["timed"]) if row["timed"] else None
    return rows


def histograms_by_connection(scope: Scope, days: Days, connection_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[int]]:
    """The answer times of these few connections over all days."""
    found = daily_rows(scope, days).filter(connection_id__in=connection_ids).values_list("connection_id")
    times = HistogramSum("response_time_histogram", template=sum_of_many("%(expressions)s"))
    return dict(found.annotate(times=times))


def uptime_by_connection(
    scope: Scope, days: Days, connection_ids: list[uuid.UUID], step: int
) -> dict[uuid.UUID, dict[int, Decimal]]:
    """Per cent, of these few connections, by steps of so many days, the last of which is number 0; but for those in
    which there was no check."""
    rows = daily_rows(scope, days).filter(connection_id__in=connection_ids, uptime_percent__isnull=False)
    number = Func(
        Value(days.last), "date", arg_joiner=" - ", template=f"(%(expressions)s) / {step}", output_field=IntegerField()
    )
    found: dict[uuid.UUID, dict[int, Decimal]] = {one: {} for one in connection_ids}
    averages: Iterable[Any] = rows.values_list("connection_id", number).annotate(Avg("uptime_percent"))
    for connection_id, back, percent in averages:
        found[connection_id][back] = percent
    return found


def daily_rows(scope: Scope, days: Days) -> QuerySet[DailyAnalytics]:
    """A row a connection and day, in no order."""
    return of_connections(scope, DailyAnalytics.objects.filter(date__range=(days.first, days.last)))


def of_connections(scope: Scope, rows: QuerySet[_Row]) -> QuerySet[_Row]:
    """Those of `rows` that are about a connection of the scope, in no order."""
    rows = rows.filter(organization_id=scope.organization_id)
    if scope.connection_id:
        rows = rows.filter(connection_id=scope.connection_id)
    if scope.provider_id or scope.environment:
        connections = Connection.objects.filter(
            _narrowed(scope, "provider_id", "environment"), organization_id=scope.organization_id
        )
        rows = rows.filter(connection_id__in=connections.values("pk"))
    return rows.order_by()


# All in the order of `Sums`. A day that was written before there were histograms lacks some.
_NOTHING: tuple[Any, ...] = (0, 0, 0, 0, 0, [], {}, Decimal(0), 0, 0, Decimal(0), 0)
_TOTALS = (
    "requests", "successes", "failures", "response_time_sum_ms", "response_time_count", "response_time_histogram",
    "error_classes", "cost_aed", "webhooks_received", "webhooks_failed", "uptime_sum", "uptime_count",
)  # fmt: skip
_DAILY: tuple[Any, ...] = (
    "total_requests", "successful_requests", "failed_requests", "response_time_sum_ms", "response_time_count",
    "response_time_histogram", "metadata__errors", "total_cost_aed", "metadata__webhooks_received",
    "metadata__webhooks_failed", "uptime_percent", Case(When(uptime_percent=None, then=0), default=1),
)  # fmt: skip


def _rows(scope: Scope, days: Days) -> QuerySet[Any, tuple[Any, ...]]:
    """The date and what makes a `Sums` of it: one row a day, or one an environment where a provider is asked for."""
    if scope.connection_id:
        return daily_rows(scope, days).values_list("date", *_DAILY)
    level = DailyTotals.Level.ENVIRONMENT if scope.environment else DailyTotals.Level.ALL
    rows = DailyTotals.objects.filter(
        _narrowed(scope, "provider_id", "environment"),
        organization_id=scope.organization_id,
        level=DailyTotals.Level.PROVIDER if scope.provider_id else level,
        date__range=(days.first, days.last),
    )
    return rows.order_by().values_list("date", *_TOTALS)


def _narrowed(scope: Scope, provider: str, environment: str) -> Q:
    chosen = {provider: scope.provider_id, environment: scope.environment}
    return Q(**{name: value for name, value in chosen.items() if value})
