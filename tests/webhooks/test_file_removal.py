"""What is archived of an event goes when the event goes, whatever it goes with and whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.file_removal import SETTLED_AFTER
from integrations.file_removal import remove_files as remove
from integrations.operations.connections import delete_connection
from integrations.tenancy import acting_for
from tests.factories import OrganizationFactory
from webhooks import archive
from webhooks.archive import archive_bodies
from webhooks.models import FileToRemove, WebhookEndpoint, WebhookEvent
from webhooks.tasks import remove_files as remove_files_task

from .archived import completed, files

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("folder")]

AWAY = {
    "BACKEND": "integrations.bucket_storage.BucketStorage",
    "OPTIONS": {
        "bucket_name": "hub", "endpoint_url": "http://127.0.0.1:9", "region_name": "auto", "access_key": "sample",
        "secret_key": "sample_not_a_secret",
    },
}  # fmt: skip


def settle() -> None:
    """As if the events had been deleted a while ago."""
    FileToRemove.objects.update(created_at=timezone.now() - SETTLED_AFTER - timedelta(seconds=1))


def remove_files() -> int:
    return remove(FileToRemove)


def by_connection(endpoint: WebhookEndpoint) -> None:
    delete_connection(endpoint.connection)


def by_its_tenant(endpoint: WebhookEndpoint) -> None:
    with acting_for(endpoint.organization_id):
        delete_connection(endpoint.connection)


def by_endpoint(endpoint: WebhookEndpoint) -> None:
    endpoint.delete()


def by_organization(endpoint: WebhookEndpoint) -> None:
    endpoint.organization.delete()


def by_sql(endpoint: WebhookEndpoint) -> None:
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM webhook_events")


@pytest.mark.parametrize("delete", [by_connection, by_its_tenant, by_endpoint, by_organization, by_sql])
def test_the_file_goes_with_its_event(
    delete: Callable[[WebhookEndpoint], None], endpoint: WebhookEndpoint, folder: Path
) -> None:
    for name in ("evt_1", "evt_2"):
        completed(endpoint, name)
    archive_bodies()
    completed(endpoint, "evt_in_the_database")
    assert len(files(folder)) == 2
    delete(endpoint)
    assert not WebhookEvent.objects.exists()
    settle()
    assert remove_files_task() == 2
    assert files(folder) == []
    assert not FileToRemove.objects.exists()
    assert remove_files_task() == 0


def test_others_files_stay(endpoint: WebhookEndpoint, folder: Path) -> None:
    gone, kept = completed(endpoint, "evt_1"), completed(endpoint, "evt_2")
    archive_bodies()
    gone.delete()
    settle()
    assert remove_files() == 1
    assert [file.name for file in files(folder)] == [str(kept.pk)]


def test_a_deletion_that_is_undone_removes_nothing(endpoint: WebhookEndpoint, folder: Path) -> None:
    completed(endpoint)
    archive_bodies()
    with transaction.atomic():
        WebhookEvent.objects.all().delete()
        transaction.set_rollback(True)
    assert not FileToRemove.objects.exists()
    assert len(files(folder)) == 1


def test_a_storage_that_is_away_is_asked_again(
    endpoint: WebhookEndpoint, folder: Path, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    completed(endpoint)
    archive_bodies()
    WebhookEvent.objects.all().delete()
    settle()
    there = settings.STORAGES
    without = {name: one for name, one in there.items() if name != "folder"}
    settings.STORAGES = {**without, "region:ae": AWAY}
    assert remove_files() == 0
    assert "of the data region ae are not all removed: The object storage does not do what it should" in caplog.text
    assert "sample_not_a_secret" not in caplog.text
    settings.STORAGES = there
    assert remove_files() == 1
    assert files(folder) == []


def test_a_region_that_is_away_or_has_no_storage_holds_up_no_other(
    endpoint: WebhookEndpoint, settings: Any, tmp_path: Path
) -> None:
    without = {name: one for name, one in settings.STORAGES.items() if name != "folder"}
    here = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(tmp_path / "eu")}}
    settings.STORAGES = {**without, "region:ae": AWAY, "region:eu": here}
    names = [f"{region}/webhooks/1/2026/01/{number}" for region in ("ae", "eu", "sa") for number in range(40)]
    FileToRemove.objects.bulk_create(FileToRemove(name=name) for name in names)
    settle()
    assert remove_files() == 40
    assert not FileToRemove.objects.filter(name__startswith="eu/").exists()


def test_one_file_that_cannot_be_removed_holds_up_no_other(endpoint: WebhookEndpoint, folder: Path) -> None:
    rows = [completed(endpoint, f"evt_{number}") for number in range(40)]
    archive_bodies()
    stuck = folder / str(WebhookEvent.objects.get(pk=rows[0].pk).body.name)
    stuck.unlink()
    (stuck / "in its place").mkdir(parents=True)
    WebhookEvent.objects.all().delete()
    settle()
    assert remove_files() == 39
    assert files(folder) == []
    assert FileToRemove.objects.get().pk == rows[0].pk


def test_a_run_that_died_before_it_wrote_it_down_is_taken_up(endpoint: WebhookEndpoint, folder: Path) -> None:
    completed(endpoint)
    archive_bodies()
    WebhookEvent.objects.all().delete()
    settle()
    files(folder)[0].unlink()
    assert remove_files() == 1
    assert not FileToRemove.objects.exists()


def test_a_file_that_the_archive_writes_after_the_deletion_goes_too(endpoint: WebhookEndpoint, folder: Path) -> None:
    """The archive dies right after it has written."""
    completed(endpoint)
    (prepared,) = archive._prepare("ae", archive.FIRST)
    WebhookEvent.objects.all().delete()
    assert remove_files() == 0, "somebody may just be writing it"
    archive._write(prepared)
    settle()
    assert remove_files() == 1
    assert files(folder) == []


def test_no_run_of_the_archive_outlives_the_wait() -> None:
    assert timedelta(seconds=project.CELERY_TASK_TIME_LIMIT) < SETTLED_AFTER


def test_a_tenant_has_no_part_in_the_list(endpoint: WebhookEndpoint) -> None:
    completed(endpoint)
    archive_bodies()
    WebhookEvent.objects.all().delete()
    with acting_for(OrganizationFactory().pk), pytest.raises(Exception, match="permission denied"):
        FileToRemove.objects.exists()
