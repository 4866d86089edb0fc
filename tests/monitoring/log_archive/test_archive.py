"""Old months leave the database for sealed files, and are deleted when their time is over."""

from __future__ import annotations

import gzip
import json
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from integrations.envelope import open_file
from integrations.models import Connection, Organization
from integrations.tenancy import acting_for
from monitoring.log_archive import months_due
from monitoring.log_keeping import keep_in_order
from monitoring.log_months import months_in_log, months_leaving
from monitoring.log_restore import release, restore
from monitoring.models import AuditLog, CallLog, LogArchive
from monitoring.partitions import ensure_partitions
from monitoring.tasks import archive_logs
from webhooks.models import FileToRemove

from ..months import call_of, month_ago
from .archiving import SECRETIVE, archive, files, rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_old_month_leaves_the_database_and_the_rest_stays(calls: list[CallLog], month: date, folder: Path) -> None:
    assert months_due() == [month]
    assert archive_logs() > 0
    assert [row["endpoint"] for row in rows()] == ["https://api.stripe.com/v1/new"]
    assert month not in months_in_log()
    assert months_leaving() == months_due() == []
    ours = LogArchive.objects.get(organization=calls[0].organization_id)
    assert (ours.month, ours.part, ours.rows, ours.status) == (month, 0, 2, "archived")
    assert (ours.first_at, ours.last_at) == (calls[0].created_at, calls[1].created_at)
    assert ours.detached_at is not None
    assert ours.file.startswith(f"ae/logs/{ours.organization_id}/{month:%Y/%m}/")
    assert len(files(folder)) == 2
    assert archive_logs() == 0


def test_a_file_is_sealed_compressed_and_says_nothing_by_itself(
    calls: list[CallLog], month: date, folder: Path
) -> None:
    archive(month)
    part = LogArchive.objects.get(organization=calls[0].organization_id)
    sealed = (folder / part.file).read_bytes()
    assert SECRETIVE.encode() not in sealed
    assert (folder / part.file).stat().st_mode & 0o077 == 0
    lines = gzip.decompress(open_file(sealed, part.file_key.reveal(), place=f"log_archives.file.{part.pk}"))
    assert len(lines) == part.size
    assert [json.loads(line)["id"] for line in lines.decode().split("\n")[:-1]] == [str(call.pk) for call in calls[:2]]


def test_a_call_that_comes_after_its_month_was_archived_follows_it(
    calls: list[CallLog], month: date, own: Connection
) -> None:
    archive(month)
    late = call_of(own, month, "v1/late", day=5)
    ensure_partitions()
    archive(month)
    parts = LogArchive.objects.filter(organization=own.organization_id)
    assert list(parts.order_by("part").values_list("part", "rows", "status")) == [
        (0, 2, "archived"),
        (1, 1, "archived"),
    ]
    list(restore(month))
    assert {row["id"] for row in rows()} == {late.pk, *(call.pk for call in calls)}
    list(release(month))
    list(restore(month))
    assert {row["id"] for row in rows()} == {late.pk, *(call.pk for call in calls)}


def test_a_large_month_has_many_parts(own: Connection, month: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.log_archive_files.PART_ROWS", 3)
    made = {call_of(own, month, f"v1/{n}", day=1 + n % 4).pk for n in range(10)}
    ensure_partitions()
    archive(month)
    assert list(LogArchive.objects.order_by("part").values_list("part", "rows")) == [(0, 3), (1, 3), (2, 3), (3, 1)]
    list(restore(month))
    assert {row["id"] for row in rows()} == made


def test_the_dry_run_counts_and_moves_nothing(calls: list[CallLog], month: date) -> None:
    told = StringIO()
    call_command("archive_logs", "--dry-run", stdout=told)
    assert f"{month:%Y-%m}: 2 calls of ours are to be archived." in told.getvalue()
    assert CallLog.objects.count() == 4
    told = StringIO()
    call_command("archive_logs", stdout=told, stderr=StringIO())
    assert f"{month:%Y-%m}: done." in told.getvalue()
    assert CallLog.objects.count() == 1


def test_after_five_years_calls_are_deleted_from_archive_and_database(
    calls: list[CallLog], month: date, own: Connection, folder: Path
) -> None:
    archive(month)
    LogArchive.objects.update(month=month_ago(61))
    call_of(own, month_ago(62), "v1/never-archived")
    ensure_partitions()
    assert keep_in_order() == 2
    assert not LogArchive.objects.exists()
    assert set(FileToRemove.objects.values_list("name", flat=True)) == {
        str(path.relative_to(folder)) for path in files(folder)
    }
    told = AuditLog.objects.filter(organization=own.organization_id, action="call_log.deleted").order_by("id")
    assert [entry.changes for entry in told] == [
        {"month": f"{month_ago(62):%Y-%m}", "calls": 1},
        {"month": f"{month_ago(61):%Y-%m}", "calls": 2},
    ]
    assert CallLog.objects.count() == 1


def test_a_month_of_sixty_months_ago_is_kept(calls: list[CallLog], month: date) -> None:
    archive(month)
    LogArchive.objects.update(month=month_ago(60))
    assert keep_in_order() == 0
    assert LogArchive.objects.count() == 2


def test_the_audit_log_tells_what_left_and_what_came_back(
    calls: list[CallLog], month: date, organization: Organization
) -> None:
    call_command("archive_logs", stdout=StringIO(), stderr=StringIO())
    call_command("restore_logs", "--month", f"{month:%Y-%m}", stdout=StringIO())
    told = AuditLog.objects.filter(organization=organization).order_by("id").values_list("actor", "action", "changes")
    changes = {"month": f"{month:%Y-%m}", "calls": 2}
    assert list(told) == [
        ("archive_logs", "call_log.archived", changes),
        ("restore_logs", "call_log.restored", changes),
    ]


def test_an_organization_sees_its_own_archive_and_changes_nothing(
    calls: list[CallLog], month: date, organization: Organization
) -> None:
    archive(month)
    with acting_for(organization.pk):
        assert [part.rows for part in LogArchive.objects.all()] == [2]
        with pytest.raises(Exception, match="permission denied"):
            LogArchive.objects.all().delete()


def test_with_an_organization_its_archive_goes(calls: list[CallLog], month: date, organization: Organization) -> None:
    archive(month)
    name = LogArchive.objects.get(organization=organization).file
    Connection.objects.filter(organization=organization).delete()
    organization.delete()
    assert list(FileToRemove.objects.values_list("name", flat=True)) == [name]
    list(restore(month))
    old = CallLog.objects.filter(organization_id=calls[0].organization_id).exclude(pk=calls[3].pk)
    assert not old.exists()
