"""What the calls that fit a search come to, at a cost that no number of calls changes.

A search for nothing but a time and connections is added up from the hours that the rollup has done, with the calls
before and after those. Any other is added up exactly up to a bound, beyond which the figures are of its newest calls.
Percentiles are always of calls themselves, the newest up to that bound.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Avg, Count, FloatField, Q, QuerySet, Sum

from integrations.models import Connection, Organization
from integrations.tenancy import acting_as_service

from .log_search import LogSearch
from .models import CallLog, HourlyMetrics, RollupWatermark

READ_AT_MOST = 10_000
FOUND_AT_MOST = 2_000  # by words, which takes longer
_HOUR = timedelta(hours=1)
_LATENESS = timedelta(minutes=2)  # a call is written when it is over, and its hour added up after that
_WORTH_ADDING_HOURS = timedelta(hours=3)
_GOOD = Q(response_status__lt=400)


@dataclass(frozen=True)
class Figures:
    """`is_at_least`: it was counted no further, and all figures are of the newest. `p95_of`: how many calls the
    percentile is of, where those are not all."""

    total: int
    succeeded: int
    average_ms: float | None
    p95_ms: float | None
    is_at_least: bool = False
    p95_of: int | None = None

    @property
    def failed(self) -> int:
        return self.total - self.succeeded


class _Percentile95(Aggregate):
    template = "percentile_disc(0.95) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def figures_of(search: LogSearch, organization: Organization) -> Figures:
    """Raises what the database does; see `integrations.bounded`."""
    newest = _newest(search, organization)
    if not newest.is_at_least or not search.is_by_place_alone:
        return newest
    return _from_hours(search, organization, newest) or newest


def _newest(search: LogSearch, organization: Organization) -> Figures:
    if search.text:
        keys = [call.pk for call in search.calls(organization, size=FOUND_AT_MOST, columns=["pk"])]
        bound, rows = FOUND_AT_MOST, search.but(text="").rows(organization).filter(pk__in=keys)
    else:
        bound, rows = READ_AT_MOST, search.rows(organization)
    found = rows.order_by("-created_at").values("response_status", "response_time_ms")[:bound]
    told = found.aggregate(
        total=Count("*"),
        succeeded=Count("response_status", filter=_GOOD),
        average_ms=Avg("response_time_ms"),
        p95_ms=_Percentile95("response_time_ms"),
    )
    return Figures(**told, is_at_least=told["total"] == bound)


def _from_hours(search: LogSearch, organization: Organization, newest: Figures) -> Figures | None:
    """Nothing where there are no hours that are done, or too few to be worth it."""
    hours = _hours_done(search)
    if hours is None:
        return None
    first, last = hours
    sums: Counter[str] = Counter()
    sums.update(_sums_of_hours(search, organization, first, last))
    for part in (search.but(until=first), search.but(since=last, until=search.end)):
        if part.since < part.end:
            sums.update(_sums_of_rows(part.rows(organization)))
    timed = sums["timed"]
    return Figures(
        total=sums["total"],
        succeeded=sums["succeeded"],
        average_ms=sums["time"] / timed if timed else None,
        p95_ms=newest.p95_ms,
        p95_of=READ_AT_MOST,
    )


def _hours_done(search: LogSearch) -> tuple[datetime, datetime] | None:
    with acting_as_service():  # how far the rollup has come is nobody's own
        watermark = RollupWatermark.objects.filter(level="hourly").first()
    if watermark is None:
        return None
    first = _hour_of(search.since + _HOUR - timedelta(microseconds=1))
    last = min(_hour_of(search.end), _hour_of(watermark.read_until - _LATENESS))
    return (first, last) if last - first >= _WORTH_ADDING_HOURS else None


def _sums_of_hours(search: LogSearch, organization: Organization, first: datetime, last: datetime) -> dict[str, int]:
    hours = HourlyMetrics.objects.filter(organization=organization, hour__gte=first, hour__lt=last)
    if search.connection:
        hours = hours.filter(connection=search.connection)
    if search.provider:
        of_provider = Connection.objects.filter(organization=organization, provider__slug=search.provider)
        hours = hours.filter(connection__in=of_provider)
    return _counted(
        hours.aggregate(
            total=Sum("requests"),
            succeeded=Sum("successes"),
            time=Sum("response_time_sum_ms"),
            timed=Sum("response_time_count"),
        )
    )


def _sums_of_rows(rows: QuerySet[CallLog]) -> dict[str, int]:
    return _counted(
        rows.aggregate(
            total=Count("*"),
            succeeded=Count("response_status", filter=_GOOD),
            time=Sum("response_time_ms"),
            timed=Count("response_time_ms"),
        )
    )


def _counted(sums: dict[str, Any]) -> dict[str, int]:
    """Sums of nothing are nothing."""
    return {name: int(value or 0) for name, value in sums.items()}


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
