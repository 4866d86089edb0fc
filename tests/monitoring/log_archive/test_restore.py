"""An archived month comes back by command, and leaves again."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Organization
from integrations.tenancy import acting_for
from monitoring.log_archive import months_due
from monitoring.log_keeping import keep_in_order
from monitoring.log_months import table_of
from monitoring.log_restore import release, restore
from monitoring.models import CallLog, LogArchive
from tests.factories import MembershipFactory
from webhooks.models import FileToRemove

from ..months import call_of, execute
from .archiving import SECRETIVE, archive, files, rows, statuses

pytestmark = pytest.mark.django_db(transaction=True)


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
