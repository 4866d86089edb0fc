"""Calls that are older than HUB_LOG_RETENTION_MONTHS are deleted, wherever they are; the audit log tells how many.

What calls add up to stays, and so does the audit log itself, which is kept whole: its chain of hashes would not hold
without its beginning.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from integrations.models import Organization
from integrations.operations.announce import record_action

from .log_archive import taking_turn
from .log_months import first_of, later, leaving_table, months_in_log, months_leaving
from .log_tables import counts_in, drop_table, take_out
from .models import LogArchive


def months_too_old(now: datetime | None = None) -> list[date]:
    """Every call in them is older than calls are kept."""
    limit = later(first_of(now or timezone.now()), -settings.LOG_RETENTION_MONTHS)
    archived = LogArchive.objects.filter(month__lt=limit).values_list("month", flat=True).distinct()
    return sorted({*archived, *(month for month in (*months_in_log(), *months_leaving()) if month < limit)})


def delete_month(month: date) -> int:
    """Delete it from database and archive; returns how many calls. Restored ones count once.

    Without their keys the files are noise from then on; they leave object storage soon after. Raises Unavailable where
    the log is too busy, Conflict while another process archives or restores.
    """
    with taking_turn():
        deleted = _drop(month) if month in months_leaving() else 0
        if month in months_in_log():
            take_out(month)
        return deleted + _drop(month)


def _drop(month: date) -> int:
    """The files of a month whose table is there are of the same calls, but for those that are archived."""
    with transaction.atomic():
        counts = counts_in(leaving_table(month)) if month in months_leaving() else {}
        archives = LogArchive.objects.filter(month=month)
        archived = archives.filter(status=LogArchive.Status.ARCHIVED)
        for key, rows in archived.values_list("organization").annotate(Sum("rows")).order_by():
            counts[key] = counts.get(key, 0) + rows
        archives.delete()
        drop_table(leaving_table(month))
        _record(month, counts)
    return sum(counts.values())


def _record(month: date, counts: dict[uuid.UUID, int]) -> None:
    owners = Organization.objects.in_bulk(list(counts))
    for key, count in counts.items():
        target = owners.get(key, f"organization:{key}")
        record_action("call_log.deleted", target, {"month": f"{month:%Y-%m}", "calls": count})
