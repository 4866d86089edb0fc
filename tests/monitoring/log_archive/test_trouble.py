"""Whatever breaks while a month is archived or restored, nothing is lost."""

from __future__ import annotations

import logging
import threading
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from integrations.errors import Conflict
from monitoring import log_archive, log_archive_parts
from monitoring.log_archive import months_due, taking_turn
from monitoring.log_keeping import keep_in_order
from monitoring.log_months import months_in_log
from monitoring.log_restore import restore
from monitoring.models import CallLog, LogArchive

from .archiving import archive, files, rows, statuses

pytestmark = pytest.mark.django_db(transaction=True)
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
