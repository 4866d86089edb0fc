"""Exports of the log: asked for on its page, written by workers who may be killed, downloaded by those who may."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from integrations.file_removal import SETTLED_AFTER, remove_files
from integrations.models import Connection, Membership, Organization
from monitoring import log_export_work
from monitoring.log_export_work import advance_all
from monitoring.log_exports import delete_expired
from monitoring.models import AuditLog, CallLog, LogExport
from tests.clients import signed_in
from tests.factories import ConnectionFactory, OrganizationFactory
from webhooks.models import FileToRemove

from .calls import write_call
from .exporting import ask, downloaded, paths

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("folder")

CSV, JSON_LINES = LogExport.Format.CSV, LogExport.Format.JSON_LINES


@pytest.fixture
def organization(db: None) -> Organization:
    return OrganizationFactory()


@pytest.fixture
def own(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="=Ours")


@pytest.fixture
def client(organization: Organization) -> Client:
    return signed_in(organization, Membership.Role.STAFF)


def test_a_table_has_what_the_filters_find_and_no_formula(client: Client, own: Connection) -> None:
    write_call(own, "v1/good", minutes_ago=1)
    write_call(own, "v1/bad", minutes_ago=2, status=503, error_message="=HYPERLINK()", error_code="unavailable")
    write_call(own, "v1/lost", minutes_ago=3, status=None)
    write_call(ConnectionFactory(), "v1/theirs", status=503)
    export = ask(client, "period=30d&status=5xx")
    assert advance_all() == 1
    content = downloaded(client, export)
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert rows[0][:5] == ["Time", "Connection", "Type", "Method", "Endpoint"]
    assert len(rows) == 2
    assert rows[1][1] == "'=Ours"
    assert rows[1][4] == "https://api.stripe.com/v1/bad"
    assert "'=HYPERLINK()" in rows[1]
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", rows[1][0])


def test_lines_of_json_have_headers_and_bodies(client: Client, own: Connection) -> None:
    call = write_call(own, request_headers={"Authorization": "[redacted]"}, response_body='{"name":"عباءة"}')
    export = ask(client, file_format="jsonl")
    advance_all()
    (line,) = downloaded(client, export).splitlines()
    told = json.loads(line)
    assert (told["id"], told["response_body"]) == (str(call.pk), '{"name":"عباءة"}')
    assert told["request_headers"] == {"Authorization": "[redacted]"}
    assert "عباءة".encode() in line


def test_times_are_those_of_the_organizations_clocks(client: Client, own: Connection) -> None:
    Organization.objects.update(timezone="Asia/Kolkata")
    call = write_call(own, "v1/0", minutes_ago=5)
    export = ask(client)
    advance_all()
    shown = f"{call.created_at.astimezone(ZoneInfo('Asia/Kolkata')):%d/%m/%Y %H:%M:%S}"
    assert downloaded(client, export).decode("utf-8-sig").splitlines()[1].startswith(f"{shown},")


@pytest.mark.parametrize(("file_format", "lines"), [("csv", 1), ("jsonl", 0)])
def test_an_export_of_nothing_is_a_file_without_calls(
    file_format: str, lines: int, client: Client, own: Connection
) -> None:
    export = ask(client, file_format=file_format)
    advance_all()
    assert downloaded(client, export).decode("utf-8-sig").count("\n") == lines


def test_words_are_exported_part_by_part(client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(log_export_work.ROWS_A_PART, JSON_LINES, 3)
    for n in range(10):
        write_call(own, f"v1/refunds/{n}", minutes_ago=n)
        write_call(own, "v1/charges", minutes_ago=n)
    export = ask(client, "period=30d&q=refunds", "jsonl")
    assert advance_all() == 4
    assert paths(client, export) == [str(n) for n in range(10)]
    export.refresh_from_db()
    assert (export.rows_done, export.parts, export.status, export.is_cut) == (10, 4, "completed", False)


def test_calls_that_come_meanwhile_are_not_in_it(client: Client, own: Connection) -> None:
    write_call(own, "v1/before")
    export = ask(client, file_format="jsonl")
    write_call(own, "v1/after", created_at=timezone.now())
    advance_all()
    assert paths(client, export) == ["before"]


def test_a_worker_that_dies_after_writing_a_file_costs_no_call_and_doubles_none(
    client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(log_export_work.ROWS_A_PART, JSON_LINES, 2)
    for n in range(5):
        write_call(own, f"v1/{n}", minutes_ago=n)
    export = ask(client, file_format="jsonl")

    def dies(*args: object, **options: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(log_export_work, "_note", dies)
        with pytest.raises(KeyboardInterrupt):
            advance_all()
    assert advance_all() == 0  # it is in the dead worker's hands
    LogExport.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert advance_all() == 3
    assert paths(client, export) == ["0", "1", "2", "3", "4"]


def test_a_worker_that_was_thought_dead_notes_nothing(
    client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        write_call(own, f"v1/{n}", minutes_ago=n)
    export = ask(client, file_format="jsonl")
    slow = log_export_work._claim()
    assert slow is not None
    LogExport.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    advance_all()
    assert log_export_work._advance(slow) is False
    assert paths(client, export) == ["0", "1", "2"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_is_followed_by_another(
    own: Connection, client: Client, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for n in range(6):
        write_call(own, f"v1/{n}", minutes_ago=n)
    export = ask(client, file_format="jsonl")
    database = django_settings.DATABASES["default"]["NAME"]
    program = f"""
import os, time, django
django.setup()
from django.conf import settings
settings.STORAGES["folder"]["OPTIONS"]["location"] = {str(folder)!r}
from monitoring import log_export_work
log_export_work.ROWS_A_PART["jsonl"] = 2
noted = log_export_work._note
def slowly(*given, **options):
    print("written", flush=True)
    time.sleep(60 if log_export_work._parts_seen else 0)
    log_export_work._parts_seen = True
    return noted(*given, **options)
log_export_work._parts_seen = False
log_export_work._note = slowly
log_export_work.advance_all()
"""
    address = re.sub(r"/hub(?=\?|$)", f"/{database}", os.environ["DATABASE_URL"])
    environment = {**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert [worker.stdout.readline(), worker.stdout.readline()] == ["written\n"] * 2
        worker.send_signal(signal.SIGKILL)
    export.refresh_from_db()
    assert (export.parts, export.rows_done) == (1, 2)
    LogExport.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    monkeypatch.setitem(log_export_work.ROWS_A_PART, JSON_LINES, 2)
    advance_all()
    assert paths(client, export) == [str(n) for n in range(6)]


def test_storage_that_is_away_is_tried_again(client: Client, own: Connection, settings: Any, folder: Path) -> None:
    write_call(own, "v1/0")
    export = ask(client, file_format="jsonl")
    (folder / "ae").write_text("no folder")
    assert advance_all() == 0
    export.refresh_from_db()
    assert (export.status, export.parts) == ("running", 0)
    (folder / "ae").unlink()
    LogExport.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert advance_all() == 1
    assert paths(client, export) == ["0"]


def test_what_fails_or_kills_its_worker_again_and_again_is_given_up_after_a_day(
    client: Client, own: Connection
) -> None:
    export = ask(client)
    assert log_export_work._claim() is not None  # by a worker that died
    LogExport.objects.update(
        claimed_until=timezone.now() - timedelta(seconds=1), created_at=timezone.now() - timedelta(days=1, seconds=1)
    )
    assert advance_all() == 0
    shown = client.get(f"/integrations/logs/exports/{export.pk}/").content.decode()
    assert "It could not be finished within a day." in shown


def test_an_old_export_that_nobody_has_begun_is_begun(client: Client, own: Connection) -> None:
    ask(client)
    LogExport.objects.update(created_at=timezone.now() - timedelta(days=3))
    assert advance_all() == 1


def test_what_is_too_much_is_cut_and_told(client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_export_work, "MOST_ROWS", 3)
    for n in range(5):
        write_call(own, f"v1/{n}", minutes_ago=n)
    export = ask(client, file_format="jsonl")
    advance_all()
    assert paths(client, export) == ["0", "1", "2"]
    assert "these are the newest" in client.get(f"/integrations/logs/exports/{export.pk}/").content.decode()


def test_its_page_says_what_was_asked_for(client: Client, own: Connection) -> None:
    export = ask(client, f"period=30d&q=refused&status=none&log_type=error&connection={own.pk}&provider=stripe")
    assert client.get(f"/integrations/logs/exports/{export.pk}/").context["filters"] == [
        ("Search the log", "refused"), ("Connection", "=Ours"), ("Status", "No answer"), ("Provider", "Stripe"),
        ("Type", "Error"),
    ]  # fmt: skip


def test_it_can_be_cancelled_and_has_no_file_then(client: Client, own: Connection) -> None:
    write_call(own)
    export = ask(client)
    page = client.get(f"/integrations/logs/exports/{export.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" in page
    client.post(f"/integrations/logs/exports/{export.pk}/cancel/")
    assert advance_all() == 0
    shown = client.get(f"/integrations/logs/exports/{export.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" not in shown
    response = client.get(f"/integrations/logs/exports/{export.pk}/file/", follow=True)
    assert "This export has no file." in response.content.decode()


def test_only_three_are_at_work_at_a_time(client: Client, own: Connection) -> None:
    for _ in range(3):
        ask(client)
    response = client.post("/integrations/logs/exports/start/?period=30d", {"format": "csv"}, follow=True)
    assert "At most 3 exports are at work at a time." in response.content.decode()


def test_the_file_is_sealed_and_opens_as_its_own_part_alone(client: Client, own: Connection, folder: Path) -> None:
    write_call(own, "v1/sealed-away")
    export = ask(client, file_format="jsonl")
    advance_all()
    export.refresh_from_db()
    stored = folder / export.file_name(0)
    assert export.file_name(0).startswith("ae/log-exports/")
    assert b"sealed-away" not in stored.read_bytes()
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    response = client.get(f"/integrations/logs/exports/{export.pk}/file/", follow=True)
    assert "The file of this export is damaged" in response.content.decode()


def test_who_asks_and_who_downloads_is_written_down(client: Client, own: Connection) -> None:
    export = ask(client)
    advance_all()
    downloaded(client, export)
    actions = AuditLog.objects.filter(organization=own.organization).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["log_export.started", "log_export.downloaded"]


def test_it_is_for_those_who_may_and_for_their_organization(
    client: Client, own: Connection, organization: Organization
) -> None:
    export = ask(client)
    advance_all()
    viewer, stranger = signed_in(organization, Membership.Role.VIEWER), signed_in(OrganizationFactory(), "admin")
    for path in ("", "file/"):
        address = f"/integrations/logs/exports/{export.pk}/{path}"
        assert viewer.get(address).status_code == 403
        assert stranger.get(address).status_code == 404
    assert viewer.post("/integrations/logs/exports/start/", {"format": "csv"}).status_code == 403
    assert "log-exports" not in viewer.get("/integrations/logs/").content.decode()


def test_files_go_when_their_time_is_over(client: Client, own: Connection) -> None:
    write_call(own)
    export = ask(client)
    advance_all()
    export.refresh_from_db()
    assert default_storage.exists(export.file_name(0))
    assert delete_expired() == 0
    LogExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = client.get(f"/integrations/logs/exports/{export.pk}/file/", follow=True)
    assert "This export has no file." in response.content.decode()
    assert "/file/" not in response.content.decode()
    assert delete_expired() == 1
    FileToRemove.objects.update(created_at=timezone.now() - SETTLED_AFTER - timedelta(seconds=1))
    remove_files(FileToRemove)
    assert not default_storage.exists(export.file_name(0))
    assert not FileToRemove.objects.exists()


def test_memory_stays_flat(client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more calls are read at once than a part has, however many there are."""
    monkeypatch.setitem(log_export_work.ROWS_A_PART, CSV, 10)
    CallLog.objects.bulk_create(
        CallLog(
            organization_id=own.organization_id, connection=own, log_type="system",
            created_at=timezone.now() - timedelta(minutes=n),
        )
        for n in range(95)
    )  # fmt: skip
    sizes: list[int] = []
    content_of = log_export_work.content_of

    def counted(calls: Any, *given: Any, **options: Any) -> bytes:
        sizes.append(len(calls))
        return content_of(calls, *given, **options)

    monkeypatch.setattr(log_export_work, "content_of", counted)
    export = ask(client)
    started = time.monotonic()
    advance_all()
    assert time.monotonic() - started < 20
    assert sizes == [10] * 9 + [5]
    assert downloaded(client, export).decode("utf-8-sig").count("\n") == 96
