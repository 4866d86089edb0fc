"""Old months leave the database for sealed files, come back by command, and are deleted when their time is over."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from integrations.envelope import open_file
from integrations.errors import Conflict
from integrations.models import Connection, Organization
from integrations.tenancy import acting_for
from monitoring import log_archive, log_archive_parts
from monitoring.log_archive import archive_month, months_due, taking_turn
from monitoring.log_keeping import keep_in_order
from monitoring.log_months import leaving_table, months_in_log, months_leaving, table_of
from monitoring.log_restore import release, restore
from monitoring.models import AuditLog, CallLog, LogArchive
from monitoring.partitions import ensure_partitions
from monitoring.tasks import archive_logs
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory
from webhooks.models import FileToRemove

from .months import call_of, execute, month_ago

pytestmark = pytest.mark.django_db(transaction=True)

OLD = 15
SECRETIVE = "buyer.77@example.com"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "files"
    options = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "folder": options}
    return folder


@pytest.fixture(autouse=True)
def _only_the_usual_months() -> Iterator[None]:
    def drop_old() -> None:
        for month in months_in_log():
            if month < month_ago(0):
                execute(f"DROP TABLE {table_of(month)}")
        for month in months_leaving():
            execute(f"DROP TABLE {leaving_table(month)}")

    drop_old()
    ensure_partitions()
    yield
    drop_old()


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory(slug="ours")


@pytest.fixture
def own(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization)


@pytest.fixture
def month() -> date:
    return month_ago(OLD)


@pytest.fixture
def calls(own: Connection, month: date) -> list[CallLog]:
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


def rows(**filters: Any) -> list[dict[str, Any]]:
    return list(CallLog.objects.filter(**filters).order_by("id").values())


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def statuses() -> set[str]:
    return set(LogArchive.objects.values_list("status", flat=True))


def archive(month: date) -> None:
    assert sum(archive_month(month)) > 0


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


def test_a_restored_month_is_what_it_was_to_the_last_bit(calls: list[CallLog], month: date) -> None:
    before = rows()
    archive(month)
    told = StringIO()
    call_command("restore_logs", "--month", f"{month:%Y-%m}", stdout=told)
    assert told.getvalue() == f"3 calls of {month:%Y-%m} are back, for 30 days.\n"
    assert rows() == before
    assert statuses() == {"restored"}
    assert months_due() == []
    call_command("restore_logs", "--month", f"{month:%Y-%m}", stdout=StringIO())
    assert rows() == before


def test_restored_calls_are_found_by_page_and_rest_behind_the_same_wall(
    calls: list[CallLog], month: date, organization: Organization
) -> None:
    archive(month)
    list(restore(month))
    client = Client()
    client.force_login(MembershipFactory(organization=organization).user)
    query = {"since": f"{month:%d/%m/%Y}", "until": f"{month + timedelta(days=27):%d/%m/%Y}"}
    found = client.get("/integrations/logs/", {**query, "q": SECRETIVE})
    assert [call.pk for call in found.context["calls"]] == [calls[0].pk]
    listed = client.get("/api/v1/logs/", {"since": f"{month}T00:00:00Z"}).json()["results"]
    assert {row["id"] for row in listed} == {str(calls[n].pk) for n in (0, 1, 3)}
    assert client.get(f"/integrations/logs/{calls[0].pk}/").status_code == 200
    with acting_for(organization.pk), pytest.raises(Exception, match="permission denied"):
        execute(f"SELECT count(*) FROM {table_of(month)}")
    indexes = "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass"
    assert execute(indexes, table_of(month)) == execute(indexes, "integration_logs")


def test_one_organization_is_restored_and_another_later(calls: list[CallLog], month: date) -> None:
    before = rows()
    archive(month)
    call_command("restore_logs", "--month", f"{month:%Y-%m}", "--organization", "ours", stdout=StringIO())
    assert [row["id"] for row in rows()] == [calls[n].pk for n in (0, 1, 3)]
    list(restore(month))
    assert rows() == before


def test_a_released_month_leaves_again_with_its_files_as_they_were(
    calls: list[CallLog], month: date, folder: Path
) -> None:
    archive(month)
    written = {path: path.stat().st_mtime_ns for path in files(folder)}
    list(restore(month))
    call_command("restore_logs", "--month", f"{month:%Y-%m}", "--release", stdout=StringIO())
    assert [row["id"] for row in rows()] == [calls[3].pk]
    assert {path: path.stat().st_mtime_ns for path in files(folder)} == written
    assert statuses() == {"archived"}


def test_a_restored_month_leaves_by_itself_when_its_days_are_over(calls: list[CallLog], month: date) -> None:
    archive(month)
    list(restore(month, days=3))
    assert keep_in_order() == 0
    LogArchive.objects.update(restored_until=timezone.now())
    assert keep_in_order() > 0
    assert CallLog.objects.count() == 1


def test_what_came_and_went_while_a_month_was_restored_is_in_the_archive(
    calls: list[CallLog], month: date, own: Connection, folder: Path
) -> None:
    """A call that was deleted for somebody's sake, and one that came late."""
    archive(month)
    list(restore(month))
    CallLog.objects.filter(pk=calls[0].pk).delete()
    late = call_of(own, month, "v1/late", day=5)
    list(release(month))
    assert CallLog.objects.count() == 1
    list(restore(month))
    assert {row["id"] for row in rows()} == {calls[1].pk, calls[2].pk, calls[3].pk, late.pk}
    gone = FileToRemove.objects.get().name
    assert gone not in LogArchive.objects.values_list("file", flat=True)
    assert (folder / gone).exists()


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


STEPS = (
    "read_on", "_new_part", "save_file", "verify_parts", "read_file", "take_out", "_finish", "digest_in", "match_parts",
    "_let_go", "drop_table", "record_action",
)  # fmt: skip


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_who_dies_at_any_step_leaves_what_the_next_run_goes_on_with(
    step: str, is_done: bool, calls: list[CallLog], month: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before a step, or right after it: the second time that it comes there, so that half of it is done."""
    module = log_archive if hasattr(log_archive, step) else log_archive_parts
    before, real, times = rows(), getattr(module, step), []

    def dies(*args: Any, **kwargs: Any) -> Any:
        times.append(1)
        if is_done:
            real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, step, dies)
        with pytest.raises(KeyboardInterrupt):
            keep_in_order()
    assert times
    keep_in_order()
    assert months_due() == []
    assert statuses() == {"archived"}
    assert CallLog.objects.count() == 1
    list(restore(month))
    assert rows() == before


def test_nothing_is_dropped_while_a_file_does_not_read_back(
    calls: list[CallLog], month: date, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A storage that takes files and keeps something else."""
    from integrations.folder_storage import FolderStorage

    before, real = rows(), FolderStorage._open

    def opens_another(self: FolderStorage, name: str, mode: str = "rb") -> Any:
        Path(self.path(name)).write_bytes(b"something else")
        return real(self, name, mode)

    with monkeypatch.context() as broken:
        broken.setattr(FolderStorage, "_open", opens_another)
        keep_in_order()
    assert "does not read back as it was written" in caplog.text
    assert rows() == before
    assert month in months_in_log()
    assert keep_in_order() > 0
    list(restore(month))
    assert rows() == before


def test_a_region_without_storage_keeps_its_month_in_the_database(
    calls: list[CallLog], month: date, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    settings.STORAGES = {name: one for name, one in settings.STORAGES.items() if name != "folder"}
    before = rows()
    keep_in_order()
    assert "has no storage" in caplog.text
    assert rows() == before
    with pytest.raises(CommandError, match="has no storage"):
        call_command("archive_logs", stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"x"), "was altered, or its key is gone"),
        (lambda file: LogArchive.objects.update(sha256="0" * 64), "is not the one in the manifest"),
    ],
)
def test_what_is_lost_or_altered_is_said_and_nothing_is_half_restored(
    spoil: Any, reason: str, calls: list[CallLog], month: date, folder: Path
) -> None:
    archive(month)
    spoil(files(folder)[-1])
    with pytest.raises(CommandError, match=reason):
        call_command("restore_logs", "--month", f"{month:%Y-%m}", stdout=StringIO(), stderr=StringIO())
    assert CallLog.objects.count() == 1
    assert statuses() == {"archived"}


def test_a_restore_that_was_interrupted_begins_anew(
    calls: list[CallLog], month: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows()
    archive(month)
    steps = restore(month)
    next(steps)
    steps.close()
    assert CallLog.objects.count() == 1
    keep_in_order()
    assert execute(
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'integration_logs_coming%%' AND relkind = 'r'"
    ) == [(0,)]
    list(restore(month))
    assert rows() == before


def test_what_cannot_be_asked_for_is_refused_by_name(month: date) -> None:
    for arguments, reason in (
        (("--month", "2026-13"), "is no month: it looks like 2026-01"),
        (("--month", f"{month:%Y-%m}"), f"Nothing of {month:%m/%Y} is archived"),
        (("--month", f"{month:%Y-%m}", "--release"), f"Nothing of {month:%m/%Y} is restored"),
        (("--month", f"{month:%Y-%m}", "--organization", "nobody"), "There is no organization nobody"),
        (("--month", f"{month:%Y-%m}", "--days", "0"), "from 1 to 9999"),
    ):
        with pytest.raises(CommandError, match=reason):
            call_command("restore_logs", *arguments, stdout=StringIO(), stderr=StringIO())


def test_two_at_once_take_turns(calls: list[CallLog], month: date) -> None:
    refused: list[Conflict] = []

    def another() -> None:
        try:
            archive(month)
        except Conflict as error:
            refused.append(error)
        connections.close_all()

    with taking_turn():
        thread = threading.Thread(target=another)
        thread.start()
        thread.join(10)
    assert len(refused) == 1
    archive(month)


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
