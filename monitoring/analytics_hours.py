"""What calls and webhooks add up to hour by hour, of a day or two: more hours than that cannot be told apart.

They are the hours of connections that days are the sums of, so both come to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.aggregates import JSONBAgg
from django.db.models import Q, Sum

from .analytics import Scope, of_connections
from .daily_totals import sum_of_many
from .days import Days
from .histograms import HistogramSum
from .models import HourlyMetrics
from .sums import Sums, added

MOST_DAYS = 2
_HOUR = timedelta(hours=1)

# By the names of `Sums`. Tallies are added up here: `tally_sum` is called for each row, which takes ten times as long.
_SUMS: dict[str, Any] = {
    **{name: Sum(name) for name in ("requests", "successes", "failures", "webhooks_received", "webhooks_failed")},
    "time_sum_ms": Sum("response_time_sum_ms"),
    "time_count": Sum("response_time_count"),
    "error_classes": JSONBAgg("errors", filter=~Q(errors={})),
    "cost": Sum("cost_aed"),
}


def sums_by_hour(scope: Scope, days: Days, zone: ZoneInfo, by_day: Mapping[date, Sums]) -> list[tuple[datetime, Sums]]:
    """Every hour by when it begins on the clocks there, quiet ones too. They tell no uptime.

    `by_day`: what the days come to. Served by metrics_hourly_org_hour, or by the key where the scope is a connection.
    """
    first, end = days.moments(zone)
    hours = days.hours(zone)
    sums = [Sums() for _hour in hours]
    rows = of_connections(scope, HourlyMetrics.objects.filter(hour__gte=first, hour__lt=end))
    found: Any = rows.values("hour").annotate(**_SUMS, histogram=_histogram(scope, by_day))
    for row in found:
        place = (row.pop("hour") - first) // _HOUR
        one = Sums(**{**row, "error_classes": _tally(row["error_classes"] or ())})
        sums[place] = added([sums[place], one])
    return list(zip(hours, sums, strict=True))


def _histogram(scope: Scope, by_day: Mapping[date, Sums]) -> HistogramSum:
    """Of hundreds of connections, to add up the buckets that nothing is in takes half of the time."""
    every = added(by_day.values()).histogram
    used = [bucket for bucket, count in enumerate(every, start=1) if count]
    sums = sum_of_many("%(expressions)s", used) if scope.is_whole else sum_of_many("%(expressions)s")
    return HistogramSum("response_time_histogram", template=sums)


def _tally(several: Iterable[dict[str, int]]) -> Counter[str]:
    """Name by name: `update` looks at each of tens of thousands first, which takes longer."""
    tally: Counter[str] = Counter()
    for one in several:
        for name, count in one.items():
            tally[name] += count
    return tally
