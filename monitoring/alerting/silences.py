"""When nobody is told: windows once or every week, by the organization's own clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from django.db.models import Q

from ..models import Alert, AlertSilence


class Silences:
    """Those of some organizations that may matter now: read once for many alerts."""

    def __init__(self, silences: Iterable[AlertSilence], now: datetime) -> None:
        self._until: dict[uuid.UUID, list[tuple[AlertSilence, datetime]]] = {}
        for silence in silences:
            if until := silent_until(silence, now):
                self._until.setdefault(silence.organization_id, []).append((silence, until))

    @classmethod
    def of(cls, organizations: Iterable[uuid.UUID], now: datetime) -> Self:
        at_once = Q(weekdays=[], starts_at__lte=now, ends_at__gt=now)
        rows = AlertSilence.objects.filter(at_once | ~Q(weekdays=[]), organization__in=set(organizations))
        return cls(rows.filter(is_active=True).select_related("organization"), now)

    def until(self, alert: Alert) -> datetime | None:
        """When the last of the silences over this alert ends, or None when none is."""
        ends = [
            end
            for silence, end in self._until.get(alert.organization_id, ())
            if silence.kind in ("", alert.kind) and silence.connection_id in (None, alert.connection_id)
        ]
        return max(ends, default=None)


def silent_until(silence: AlertSilence, now: datetime) -> datetime | None:
    """The end of the window that `now` lies in: the start belongs to it, the end does not."""
    if not silence.is_active:
        return None
    if not silence.is_weekly:
        begin, end = silence.starts_at, silence.ends_at
        return end if begin and end and begin <= now < end else None
    zone = ZoneInfo(silence.organization.timezone)
    today = now.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):  # yesterday's may reach over midnight
        if day.weekday() not in silence.weekdays or silence.start_time is None or silence.end_time is None:
            continue
        begin = datetime.combine(day, silence.start_time, zone)
        over_midnight = silence.end_time <= silence.start_time
        end = datetime.combine(day + timedelta(days=over_midnight), silence.end_time, zone)
        if begin <= now < end:
            return end
    return None
