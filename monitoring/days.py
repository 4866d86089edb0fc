"""Ranges of days by an organization's own calendar, and the steps that a chart of them is drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from integrations.models import Organization

LONGEST_DAYS = 366
_MOST_SINGLE_DAYS = 92
_WEEK = 7


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
