"""For how long health checks and the sending of alerts are kept. What checks add up to stays, and so do alerts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone

from integrations.models import Organization
from integrations.models.base import first_uuid7

from .health_overview import today_of
from .models import AlertNotification, HealthCheck

CHECKS_KEPT = timedelta(days=100)  # longer than the strip of days is, and than the rollup counts anew of itself
NOTIFICATIONS_KEPT = timedelta(days=365)
BATCH = 5000


def purge_all(*, seconds: float = 480.0) -> bool:
    """Purge every organization until the time is up; returns whether all is done."""
    deadline = time.monotonic() + seconds
    for organization in Organization.objects.all():
        for _ in purge(organization):
            if time.monotonic() > deadline:
                return False
    return True


def purge(organization: Organization) -> Iterator[int]:
    """Delete what is too old, batch by batch; yields how many rows each was."""
    for rows in _too_old(organization):
        while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
            rows.model.objects.filter(pk__in=keys).delete()
            yield len(keys)


def count_too_old(organization: Organization) -> tuple[int, int]:
    """How many checks and notifications `purge` would delete."""
    checks, notifications = _too_old(organization)
    return checks.count(), notifications.count()


def _too_old(organization: Organization) -> tuple[QuerySet[Any], QuerySet[Any]]:
    return _old_checks(organization), _old_notifications(organization)


def _old_checks(organization: Organization) -> QuerySet[HealthCheck]:
    """Whole days of the organization's calendar: what is left of half a day would be reckoned anew as all of it.

    The key, which carries the time and has the index (health_org_newest), is made when a check has ended.
    """
    day = today_of(organization, timezone.now()) - CHECKS_KEPT
    midnight = datetime.combine(day, clock.min, ZoneInfo(organization.timezone))
    rows = HealthCheck.objects.filter(organization=organization, pk__lt=first_uuid7(midnight + timedelta(minutes=1)))
    return rows.filter(check_timestamp__lt=midnight).order_by("pk")


def _old_notifications(organization: Organization) -> QuerySet[AlertNotification]:
    """Served by alert_notifications_org. Of an alert that is open it is still asked who was told."""
    end = first_uuid7(timezone.now() - NOTIFICATIONS_KEPT)
    rows = AlertNotification.objects.filter(organization=organization, pk__lt=end).order_by("pk")
    over = Q(alert=None) | Q(alert__resolved_at__isnull=False)
    return rows.filter(over).exclude(status__in=AlertNotification.OPEN)
