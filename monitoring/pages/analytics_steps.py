"""The places of a chart's time axis, with what happened then: hours, days or weeks, so that they can be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.models import Organization

from ..analytics import Scope
from ..analytics_hours import MOST_DAYS, sums_by_hour
from ..days import Days
from ..sums import Sums, added


@dataclass(frozen=True)
class Step:
    """`label` stands at the axis, `name` in the table."""

    label: str
    name: str
    sums: Sums


def steps_of(organization: Organization, scope: Scope, days: Days, by_day: Mapping[date, Sums]) -> list[Step]:
    """`by_day`: what the days come to. Hours are read where there are few enough; those to come are not drawn."""
    if days.count > MOST_DAYS:
        return [
            Step(step.label, told(step), added(by_day[day] for day in step.each() if day in by_day))
            for step in days.steps()
        ]
    hours = sums_by_hour(scope, days, ZoneInfo(organization.timezone), by_day)
    now = timezone.now()
    return [Step(_label(hour, days), f"{hour:%d/%m/%Y %H:%M}", sums) for hour, sums in hours if hour <= now]


def told(days: Days) -> str:
    if days.count == 1:
        return f"{days.first:%d/%m/%Y}"
    return _("%(first)s to %(last)s") % {"first": f"{days.first:%d/%m/%Y}", "last": f"{days.last:%d/%m/%Y}"}


def _label(hour: datetime, days: Days) -> str:
    """Where another day begins, the day."""
    return f"{hour:%d/%m}" if days.count > 1 and hour.hour == 0 else f"{hour:%H:%M}"
