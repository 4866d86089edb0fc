"""Bodies are kept as long as their organization wants, and no longer."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.errors import BodyNotKept
from integrations.models import Organization
from integrations.models.base import first_uuid7
from integrations.tenancy import acting_for
from monitoring.models import AuditLog
from webhooks import retention
from webhooks.archive import archive_bodies
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.retention import purge, purge_all
from webhooks.stored_body import body_of
from webhooks.tasks import purge_bodies

from .archived import BODY, completed, files, received

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]


def again(row: WebhookEvent) -> WebhookEvent:
    return WebhookEvent.objects.get(pk=row.pk)


def keep(organization: Organization, **days: int | None) -> None:
    for name, count in days.items():
        setattr(organization, f"webhook_{name}_days", count)
    organization.save()


def purged(*arguments: str) -> str:
    output = StringIO()
    call_command("purge", *arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


def test_old_bodies_go_and_leave_their_row_and_outline(endpoint: WebhookEndpoint, folder: Path) -> None:
    old = completed(endpoint, "evt_old", **received(days_ago=91))
    new = completed(endpoint, "evt_new", **received(days_ago=89))
    archive_bodies()
    purge_bodies()
    gone = again(old)
    assert (gone.raw_body, gone.body_key, gone.body.name, gone.signature, gone.headers) == (None, None, None, "", {})
    assert gone.payload["data"]["object"]["amount"] == 1250
    assert gone.body_deleted_at is not None
    with pytest.raises(BodyNotKept):
        body_of(gone)
    assert [file.name for file in files(folder)] == [str(new.pk)]
    assert body_of(again(new)) == BODY


def test_what_never_came_into_the_archive_goes_as_well(endpoint: WebhookEndpoint) -> None:
    row = completed(endpoint, processing_status="failed", payload=None, **received(days_ago=91))
    purge_bodies()
    gone = again(row)
    assert gone.raw_body is None
    assert gone.payload["data"]["object"]["billing_details"]["name"] == "C*** Y***"


@pytest.mark.parametrize("status", ["pending", "processing", "retrying"])
def test_what_is_not_finished_is_never_purged(endpoint: WebhookEndpoint, status: str) -> None:
    rows = [completed(endpoint, f"evt_{day}", **received(days_ago=day)) for day in (400, 500)]
    archive_bodies()
    WebhookEvent.objects.filter(pk=rows[1].pk).update(raw_body=BODY, body=None, body_key=None)
    WebhookEvent.objects.update(processing_status=status)
    purge_bodies()
    assert [body_of(again(row)) for row in rows] == [BODY, BODY]


def test_an_organization_may_keep_them_for_ever_or_a_day(endpoint: WebhookEndpoint) -> None:
    row = completed(endpoint, **received(days_ago=2))
    keep(endpoint.organization, body=None)
    purge_bodies()
    assert body_of(again(row)) == BODY
    keep(endpoint.organization, body=1)
    purge_bodies()
    assert again(row).body_deleted_at is not None


@pytest.mark.parametrize("days", [0, 3651])
def test_a_period_has_bounds(endpoint: WebhookEndpoint, days: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        keep(endpoint.organization, body=days)


def test_a_tenant_sees_its_periods_and_does_not_set_them(endpoint: WebhookEndpoint) -> None:
    with (
        acting_for(endpoint.organization_id),
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
    ):
        Organization.objects.update(webhook_body_days=None)


def test_outlines_go_after_a_period_of_their_own_but_not_before_the_body(endpoint: WebhookEndpoint) -> None:
    keep(endpoint.organization, body=None, summary=30)
    row = completed(endpoint, **received(days_ago=31))
    archive_bodies()
    purge_bodies()
    assert again(row).payload is not None
    keep(endpoint.organization, body=1)
    purge_bodies()
    gone = again(row)
    assert gone.payload is None
    assert (gone.event_id, gone.event_type, gone.processing_status) == ("evt_1", "charge.captured", "completed")


def test_the_audit_log_tells_how_many(endpoint: WebhookEndpoint) -> None:
    for number in range(3):
        completed(endpoint, f"evt_{number}", **received(days_ago=100 + number))
    archive_bodies()
    purge_bodies()
    entry = AuditLog.objects.get(action="webhook_bodies.deleted")
    assert (entry.organization_id, entry.changes) == (endpoint.organization_id, {"count": 3, "older_than_days": 90})
    assert entry.actor == "retention"
    purge_bodies()
    assert AuditLog.objects.filter(action="webhook_bodies.deleted").count() == 1


def test_the_command_counts_then_deletes(endpoint: WebhookEndpoint, folder: Path) -> None:
    row = completed(endpoint, **received(days_ago=91))
    archive_bodies()
    slug = endpoint.organization.slug
    assert purged("--dry-run") == f"{slug}: 1 bodies, 0 summaries, 0 health checks and 0 notifications are too old.\n"
    assert body_of(again(row)) == BODY
    purged("--organization", slug)
    assert files(folder) == []
    assert AuditLog.objects.get(action="webhook_bodies.deleted").actor == "purge"
    with pytest.raises(CommandError, match="no organization nobody"):
        purged("--organization", "nobody")


def test_files_that_cannot_be_deleted_are_unreadable_at_once_and_gone_later(
    endpoint: WebhookEndpoint, folder: Path, settings: Any
) -> None:
    row = completed(endpoint, **received(days_ago=91))
    archive_bodies()
    storages = settings.STORAGES
    options = {
        "bucket_name": "hub", "endpoint_url": "http://127.0.0.1:9", "region_name": "auto", "access_key": "sample",
        "secret_key": "sample_not_a_secret",
    }  # fmt: skip
    away = {"BACKEND": "integrations.bucket_storage.BucketStorage", "OPTIONS": options}
    without = {name: one for name, one in storages.items() if name != "folder"}
    settings.STORAGES = {**without, "region:ae": away}
    with pytest.raises(CommandError, match="Not everything could be deleted"):
        purged()
    with pytest.raises(BodyNotKept):
        body_of(again(row))
    assert len(files(folder)) == 1
    settings.STORAGES = storages
    purged()
    assert files(folder) == []
    assert not again(row).body
    assert AuditLog.objects.filter(action="webhook_bodies.deleted").count() == 1


def test_more_than_a_batch_is_deleted_and_a_run_ends_in_time(
    endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [completed(endpoint, f"evt_{number}", raw_body=b"{}", **_apart(number)) for number in range(230)]
    assert purge_all(seconds=0) is False
    assert WebhookEvent.objects.filter(body_deleted_at=None).count() == len(rows) - retention.BATCH
    assert sum(purge(endpoint.organization)) == len(rows) - retention.BATCH
    assert purge_all() is True


def _apart(number: int) -> dict[str, Any]:
    fields = received(days_ago=100)
    moment = fields["received_at"] + timedelta(seconds=number)
    return {**fields, "id": first_uuid7(moment), "received_at": moment, "processed_at": timezone.now()}
