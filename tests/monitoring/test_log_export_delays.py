"""Exports that do not move, and those without a file: what their page says, and what can be done."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Membership
from integrations.models.base import first_uuid7
from monitoring import log_export_work
from monitoring.log_export_work import advance_all
from monitoring.models import LogExport
from tests.clients import signed_in
from tests.factories import ConnectionFactory

from .calls import write_call
from .exporting import ask, paths

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def own(db: None) -> Connection:
    return ConnectionFactory()


@pytest.fixture
def client(own: Connection) -> Client:
    return signed_in(own.organization, Membership.Role.STAFF)


def shown(client: Client, export: LogExport) -> str:
    return client.get(f"/integrations/logs/exports/{export.pk}/").content.decode()


def test_one_that_waits_for_its_storage_says_so_until_it_goes_on(
    client: Client, own: Connection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(log_export_work.ROWS_A_PART, LogExport.Format.JSON_LINES, 1)
    for n in range(2):
        write_call(own, f"v1/{n}", minutes_ago=n)
    export = ask(client, file_format="jsonl")
    (folder / "ae").write_text("no folder")
    advance_all()
    assert "The storage folder cannot be used" in shown(client, export)
    assert "It is tried again every half minute" in shown(client, export)
    assert "The storage folder cannot be used" in client.get("/integrations/logs/exports/").content.decode()
    (folder / "ae").unlink()
    LogExport.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert advance_all(seconds=0.001) == 1, "one of two parts"
    assert "The storage folder cannot be used" not in shown(client, export)


def test_one_that_no_worker_takes_up_says_so(client: Client, own: Connection) -> None:
    export = ask(client)
    assert "No worker is at it." not in shown(client, export)
    LogExport.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert "No worker is at it." in shown(client, export)


def test_one_whose_worker_died_says_so(client: Client, own: Connection) -> None:
    export = ask(client)
    claim = first_uuid7(timezone.now() - timedelta(minutes=4))
    LogExport.objects.update(status="running", claim=claim, claimed_until=timezone.now() - timedelta(minutes=1))
    assert "The worker that was at it is gone." in shown(client, export)
    LogExport.objects.update(claimed_until=timezone.now() + timedelta(minutes=1))
    assert "A worker has been at the same part for long." in shown(client, export)


def test_one_without_a_file_is_asked_for_anew(client: Client, own: Connection) -> None:
    write_call(own, "v1/refunds")
    write_call(own, "v1/charges")
    export = ask(client, "period=30d&q=refunds", "jsonl")
    response = client.post(f"/integrations/logs/exports/{export.pk}/repeat/", follow=True)
    assert "This export is at work, or has its file." in response.content.decode()
    client.post(f"/integrations/logs/exports/{export.pk}/cancel/")
    assert "Ask for it anew" in shown(client, export)
    response = client.post(f"/integrations/logs/exports/{export.pk}/repeat/")
    again = LogExport.objects.exclude(pk=export.pk).get()
    assert response.url == f"/integrations/logs/exports/{again.pk}/"
    advance_all()
    assert paths(client, again) == ["refunds"]
    LogExport.objects.filter(pk=again.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "it is deleted" in shown(client, again)
