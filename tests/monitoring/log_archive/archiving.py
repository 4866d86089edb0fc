"""Calls to be archived, and what the database, the folder of files and the manifest hold of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from integrations.models import Connection
from monitoring.log_archive import archive_month
from monitoring.log_months import leaving_table, months_in_log, months_leaving, table_of
from monitoring.models import CallLog, LogArchive
from monitoring.partitions import ensure_partitions
from tests.factories import ConnectionFactory, MembershipFactory

from ..months import call_of, execute, month_ago

SECRETIVE = "buyer.77@example.com"


def calls_of(own: Connection, month: date) -> list[CallLog]:
    """Two of an old month with everything that a row may hold, one of another organization, one of this month."""
    odd = {
        "request_headers": {"Accept": "application/json", "x-note": 'line\none "two" \\ \u2028'},
        "request_body": f'{{"email":"{SECRETIVE}","note":"عباءة\r\nسوداء\u2028\u0085\x0b"}}',
        "response_body": "x" * 70_000,
        "cost_aed": "12.345678",
        "ip_address": "2001:db8::7",
        "user_id": MembershipFactory(organization=own.organization).user.pk,
        "request_id": "request-1",
    }
    made = [
        call_of(own, month, "v1/first", **odd),
        call_of(own, month, "v1/second", day=20, status=None, error_code="timeout", response_time_ms=None),
        call_of(ConnectionFactory(), month, "v1/others", day=12),
        call_of(own, month_ago(0), "v1/new"),
    ]
    ensure_partitions()  # they move from the default table into their month's
    return made


def drop_old_months() -> None:
    for month in months_in_log():
        if month < month_ago(0):
            execute(f"DROP TABLE {table_of(month)}")
    for month in months_leaving():
        execute(f"DROP TABLE {leaving_table(month)}")


def rows(**filters: Any) -> list[dict[str, Any]]:
    return list(CallLog.objects.filter(**filters).order_by("id").values())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def statuses() -> set[str]:
    return set(LogArchive.objects.values_list("status", flat=True))


def archive(month: date) -> None:
    assert sum(archive_month(month)) > 0
