"""Ranges of days by an organization's own calendar, and the steps that a chart of them is drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from integrations.models import Organization

LONGEST_DAYS = 366
_MOST_SINGLE_DAYS = 92
_WEEK = 7
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Days:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Days:
        """As many days, just before these."""
        return Days(self.first - timedelta(days=self.count), self.first - timedelta(days=1))

    def first_days(self, count: int) -> Days:
        """The first `count` of them, or all."""
        return Days(self.first, min(self.last, self.first + timedelta(days=count - 1)))

    def each(self) -> list[date]:
        return [self.first + timedelta(days=offset) for offset in range(self.count)]

    def steps(self, most_single: int = _MOST_SINGLE_DAYS) -> list[Days]:
        """Day by day; by stretches of seven days, the last of them whole, where single days were more than that."""
        if self.count <= most_single:
            return [Days(day, day) for day in self.each()]
        ends = [self.last - timedelta(days=back) for back in range(0, self.count, _WEEK)]
        return [Days(max(self.first, end - timedelta(days=_WEEK - 1)), end) for end in reversed(ends)]

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """When they begin and end by the clocks of a zone, in UTC."""
        midnights = (datetime.combine(day, time(), zone) for day in (self.first, self.last + timedelta(days=1)))
        first, end = (midnight.astimezone(UTC) for midnight in midnights)
        return first, end

    def hours(self, zone: ZoneInfo) -> list[datetime]:
        """When each of their hours begins: 23 to 25 a day, where clocks are changed."""
        first, end = self.moments(zone)
        count = -(-(end - first) // _HOUR)
        return [(first + hour * _HOUR).astimezone(zone) for hour in range(count)]

    @property
    def label(self) -> str:
        """`05/11`, the day that the step begins with."""
        return f"{self.first:%d/%m}"


def today_of(organization: Organization) -> date:
    return timezone.localdate(timezone=ZoneInfo(organization.timezone))


def month_of(day: date) -> Days:
    """The calendar month that `day` is in."""
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return Days(first, after - timedelta(days=1))
