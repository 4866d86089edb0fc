"""What calls and webhooks add up to hour by hour, of a day or two: more hours than that cannot be told apart.

They are the hours of connections that days are the sums of, so both come to the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Q, Sum, TextField, Value
from django.db.models.functions import Cast

from .analytics import Scope, of_connections
from .daily_totals import sum_of_many
from .days import Days
from .histograms import HistogramSum
from .models import HourlyMetrics
from .sums import Sums, added

MOST_DAYS = 2
_HOUR = timedelta(hours=1)

# By the names of `Sums`. The tallies of an hour come as one text, to be added up here: PostgreSQL takes ten times as
# long to add up thousands of them, and for a list of documents so much memory that it writes to disk.
_SUMS: dict[str, Any] = {
    **{name: Sum(name) for name in ("requests", "successes", "failures", "webhooks_received", "webhooks_failed")},
    "time_sum_ms": Sum("response_time_sum_ms"),
    "time_count": Sum("response_time_count"),
    "error_classes": StringAgg(Cast("errors", TextField()), ",", filter=~Q(errors={}), default=Value("")),
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
        one = Sums(**{**row, "error_classes": _tally(row["error_classes"])})
        sums[place] = added([sums[place], one])
    return list(zip(hours, sums, strict=True))


def _histogram(scope: Scope, by_day: Mapping[date, Sums]) -> HistogramSum:
    """Of hundreds of connections, to add up the buckets that nothing is in takes half of the time."""
    every = added(by_day.values()).histogram
    used = [bucket for bucket, count in enumerate(every, start=1) if count]
    sums = sum_of_many("%(expressions)s", used) if scope.is_whole else sum_of_many("%(expressions)s")
    return HistogramSum("response_time_histogram", template=sums)


def _tally(tallies: str) -> Counter[str]:
    """Name by name: `update` looks at each of thousands first, which takes longer."""
    total: Counter[str] = Counter()
    for tally in json.loads(f"[{tallies}]"):
        for name, count in tally.items():
            total[name] += count
    return total
