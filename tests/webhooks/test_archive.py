"""Bodies move to object storage, sealed, and are read back as if they had not."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from integrations.errors import BodyDamaged, BodyNotKept
from integrations.models import Connection, Organization, Payment
from integrations.sealed_columns import sealed_columns
from monitoring.models import CallLog
from tests.factories import ConnectionFactory, OrganizationFactory, PaymentFactory, UserFactory
from webhooks import archive
from webhooks.archive import archive_bodies
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.replay import replay_event
from webhooks.stored_body import body_of
from webhooks.tasks import archive_bodies as archive_task

from .archived import BODY, PLANTED, completed, files, received
from .stripe_sender import event, post

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("folder")]


def again(row: WebhookEvent) -> WebhookEvent:
    return WebhookEvent.objects.get(pk=row.pk)


def test_the_body_of_a_completed_event_moves_to_the_folder_and_reads_the_same(
    endpoint: WebhookEndpoint, folder: Path
) -> None:
    row = completed(endpoint)
    assert archive_task() == 1
    moved = again(row)
    assert moved.raw_body is None
    assert moved.archived_at is not None
    assert (moved.body_bytes, body_of(moved)) == (len(BODY), BODY)
    (file,) = files(folder)
    assert file.relative_to(folder).parts[:3] == ("ae", "webhooks", str(row.organization_id))
    assert file.name == str(row.pk)
    assert file.stat().st_mode & 0o077 == 0
    assert archive_bodies() == 0


def test_nothing_personal_is_plain_in_the_folder_the_row_or_the_log(
    endpoint: WebhookEndpoint, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    completed(endpoint)
    archive_bodies()
    with database.cursor() as cursor:
        cursor.execute("SELECT e::text FROM webhook_events e")
        (row,) = cursor.fetchone()
    seen = row + caplog.text + files(folder)[0].read_bytes().decode("latin-1") + str(files(folder)[0])
    assert not [planted for planted in PLANTED if planted in seen]
    assert "c***@example.com" in row
    assert "C*** Y***" in row


@pytest.mark.parametrize("status", ["pending", "processing", "retrying"])
def test_what_is_not_finished_stays_where_the_inbox_finds_it(endpoint: WebhookEndpoint, status: str) -> None:
    completed(endpoint, processing_status=status)
    assert archive_bodies() == 0


def test_what_failed_stays_a_week_for_somebody_to_look_at(endpoint: WebhookEndpoint) -> None:
    completed(endpoint, "evt_new", processing_status="failed")
    old = completed(endpoint, "evt_old", processing_status="failed", **received(days_ago=8))
    assert archive_bodies() == 1
    assert again(old).archived_at is not None
    assert again(old).payload["data"]["object"]["amount"] == 1250


@pytest.mark.parametrize("body", [b"", b"\xff\x00 not JSON", b"[1, 2]", b"[" * 5000, b"x" * 1_048_576])
def test_a_body_of_any_kind_is_archived(endpoint: WebhookEndpoint, body: bytes) -> None:
    row = completed(endpoint, raw_body=body)
    assert archive_bodies() == 1
    assert body_of(again(row)) == body


def test_an_archived_event_is_replayed_from_the_archive(endpoint: WebhookEndpoint, connection: Connection) -> None:
    payment = PaymentFactory(connection=connection, provider_reference="pi_sample")
    assert post(urlsplit(endpoint.webhook_url).path, event()).status_code == 200
    drain()
    assert archive_bodies() == 1
    Payment.objects.update(status="pending", amount_captured=0)
    row = WebhookEvent.objects.get()
    summary = row.payload
    replay_event(row)
    assert drain() == 1
    row.refresh_from_db()
    payment.refresh_from_db()
    assert (row.processing_status, row.payload, payment.status) == ("completed", summary, "captured")
    assert row.raw_body is None


def test_a_replay_of_what_is_lost_fails_with_the_reason(endpoint: WebhookEndpoint, folder: Path) -> None:
    row = completed(endpoint)
    archive_bodies()
    shutil.rmtree(folder)
    replay_event(row)
    drain()
    row = again(row)
    assert (row.processing_status, row.error_message) == ("failed", "The archived body of this event is missing.")


def test_a_file_that_was_altered_cut_or_swapped_does_not_open(endpoint: WebhookEndpoint, folder: Path) -> None:
    rows = [completed(endpoint, name) for name in ("evt_1", "evt_2")]
    archive_bodies()
    first, second = files(folder)
    whole = first.read_bytes()
    for wrong in (second.read_bytes(), whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b"", b"x" + whole[1:]):
        first.write_bytes(wrong)
        with pytest.raises(BodyDamaged):
            body_of(again(rows[0]))
    first.write_bytes(whole)
    assert body_of(again(rows[0])) == BODY


def test_a_file_does_not_open_under_another_event_though_the_key_were_its(endpoint: WebhookEndpoint) -> None:
    rows = [completed(endpoint, name) for name in ("evt_1", "evt_2")]
    archive_bodies()
    first, second = map(again, rows)
    assert first.body_key is not None
    second.body_key, second.body = first.body_key.reveal(), first.body.name
    second.save(update_fields=["body_key", "body"])
    with pytest.raises(BodyDamaged):
        body_of(again(second))


def test_a_row_without_body_says_so(endpoint: WebhookEndpoint) -> None:
    with pytest.raises(BodyNotKept):
        body_of(completed(endpoint, raw_body=None))


def test_a_run_that_died_before_it_wrote_is_taken_up(endpoint: WebhookEndpoint, folder: Path) -> None:
    row = completed(endpoint)
    archive._prepare("ae", archive.FIRST)
    assert body_of(again(row)) == BODY
    assert archive_bodies() == 1
    assert body_of(again(row)) == BODY
    assert len(files(folder)) == 1


def test_a_run_that_died_after_it_wrote_is_taken_up_without_a_second_file(
    endpoint: WebhookEndpoint, folder: Path
) -> None:
    row = completed(endpoint)
    (prepared,) = archive._prepare("ae", archive.FIRST)
    archive._write(prepared)
    before = files(folder)
    assert archive_bodies() == 1
    assert files(folder) == before
    assert body_of(again(row)) == BODY


def test_two_runs_at_once_lose_nothing(endpoint: WebhookEndpoint, folder: Path) -> None:
    rows = [completed(endpoint, f"evt_{number}", raw_body=b"body %d" % number) for number in range(60)]
    runs = [threading.Thread(target=_run) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    archive_bodies()
    assert [body_of(again(row)) for row in rows] == [b"body %d" % number for number in range(60)]
    assert len(files(folder)) == 60


def _run() -> None:
    try:
        archive_bodies()
    finally:
        database.close()


def test_a_slower_run_whose_event_was_deleted_meanwhile_leaves_no_file(endpoint: WebhookEndpoint, folder: Path) -> None:
    completed(endpoint)
    prepared = archive._prepare("ae", archive.FIRST)
    WebhookEvent.objects.all().delete()
    archive._write(prepared[0])
    assert archive._let_go(prepared) == 0
    assert files(folder) == []


def test_a_folder_that_takes_nothing_leaves_bodies_in_the_database(
    endpoint: WebhookEndpoint, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = completed(endpoint)
    folder.rmdir()
    folder.write_text("a file in its place")
    assert archive_bodies() == 0
    assert "of the data region ae stay in the database: The storage folder cannot be used" in caplog.text
    assert body_of(again(row)) == BODY


def test_a_rotation_of_master_keys_seals_keys_anew_and_touches_no_file(
    endpoint: WebhookEndpoint, folder: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.management.commands import rotate_master_key

    monkeypatch.setattr(rotate_master_key, "_NOTICED_SECONDS", 0)
    keys = tmp_path / "master_keys"
    keys.write_text(settings.MASTER_KEYS_FILE.read_text())
    settings.MASTER_KEYS_FILE = keys
    assert "webhook_events.body_key" in {str(column) for column in sealed_columns()}
    row = completed(endpoint)
    archive_bodies()
    file = files(folder)[0].read_bytes()
    before = again(row).body_key
    call_command("rotate_master_key")
    after = again(row).body_key
    assert before is not None
    assert after is not None
    assert before.key_id != after.key_id
    assert files(folder)[0].read_bytes() == file
    assert body_of(again(row)) == BODY


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """S3's protocol, spoken by moto, on loopback."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str) -> str:
    """With the empty buckets `hub-ae` and `hub-eu`."""
    import boto3

    requests.post(f"{s3_server}/moto-api/reset", timeout=10)
    for name in ("hub-ae", "hub-eu"):
        _client(boto3, s3_server).create_bucket(Bucket=name)
    return s3_server


def _client(boto3: Any, url: str) -> Any:
    keys = {"aws_access_key_id": "sample", "aws_secret_access_key": "sample_not_a_secret"}
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)


def objects(url: str, bucket: str) -> dict[str, bytes]:
    import boto3

    client = _client(boto3, url)
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {one["Key"]: client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed}


@pytest.fixture
def buckets(s3: str, settings: Any) -> str:
    """Regions `ae` and `eu` have a bucket each, and there is no folder."""

    def bucket(name: str) -> dict[str, Any]:
        options = {
            "bucket_name": name, "endpoint_url": s3, "region_name": "auto", "access_key": "sample",
            "secret_key": "sample_not_a_secret",
        }  # fmt: skip
        return {"BACKEND": "integrations.bucket_storage.BucketStorage", "OPTIONS": options}

    storages = {name: one for name, one in settings.STORAGES.items() if name != "folder"}
    settings.STORAGES = {**storages, "region:ae": bucket("hub-ae"), "region:eu": bucket("hub-eu")}
    return s3


def in_region(region: str) -> WebhookEndpoint:
    return create_endpoint(ConnectionFactory(organization=OrganizationFactory(data_region=region)))[0]


def test_bodies_lie_in_the_bucket_of_their_organization_s_region(buckets: str) -> None:
    here, there = completed(in_region("ae")), completed(in_region("eu"))
    assert archive_bodies() == 2
    for bucket, row in (("hub-ae", here), ("hub-eu", there)):
        (name,) = (stored := objects(buckets, bucket))
        assert name == again(row).body.name
        assert not [planted for planted in PLANTED if planted.encode() in stored[name]]
        assert body_of(again(row)) == BODY


def test_an_organization_whose_region_has_no_storage_is_refused_loudly(
    buckets: str, caplog: pytest.LogCaptureFixture
) -> None:
    here, nowhere = completed(in_region("ae")), completed(in_region("sa"))
    assert archive_bodies() == 1
    assert "Webhook bodies of the data region sa stay in the database: HUB_STORAGE_BUCKETS names no" in caplog.text
    assert again(nowhere).raw_body is not None
    assert not again(nowhere).body
    assert again(here).raw_body is None
    assert len(objects(buckets, "hub-ae")) == 1
    assert objects(buckets, "hub-eu") == {}


def test_the_admin_takes_no_region_without_storage(buckets: str, client: Client) -> None:
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    fields = {
        "name": "Nowhere", "slug": "nowhere", "country": "AE", "timezone": "Asia/Dubai", "locale": "en",
        "webhook_body_days": "", "webhook_summary_days": "30", "is_active": "on",
    }  # fmt: skip
    path = reverse("admin:integrations_organization_add")
    refused = client.post(path, {**fields, "data_region": "sa"})
    assert "No storage is set up in this region." in refused.content.decode()
    assert client.post(path, {**fields, "data_region": "eu"}).status_code == 302
    assert Organization.objects.get(slug="nowhere").webhook_body_days is None


def test_the_admin_leaves_a_region_where_there_may_be_bodies(buckets: str, client: Client) -> None:
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    organization = in_region("ae").organization
    path = reverse("admin:integrations_organization_change", args=[organization.pk])
    fields = {
        "name": "Renamed", "slug": organization.slug, "country": "AE", "timezone": "Asia/Dubai", "locale": "en",
        "webhook_body_days": "", "webhook_summary_days": "30", "is_active": "on",
    }  # fmt: skip
    assert client.post(path, {**fields, "data_region": "ae"}).status_code == 302
    refused = client.post(path, {**fields, "data_region": "eu"})
    assert "Its files would stay behind: the region is settled by the first connection." in refused.content.decode()
    Connection.objects.all().delete()
    assert client.post(path, {**fields, "data_region": "eu"}).status_code == 302
    organization.refresh_from_db()
    assert organization.data_region == "eu"


def test_an_object_that_is_gone_from_the_bucket_is_a_clear_error(buckets: str) -> None:
    row = completed(in_region("ae"))
    archive_bodies()
    default_storage.delete(again(row).body.name)
    default_storage.delete(again(row).body.name)
    with pytest.raises(BodyDamaged, match="missing"):
        body_of(again(row))


def test_a_bucket_that_refuses_is_told_without_its_keys(
    buckets: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    row = completed(in_region("ae"))
    storages = settings.STORAGES
    wrong = {**storages["region:ae"], "OPTIONS": {**storages["region:ae"]["OPTIONS"], "bucket_name": "nobodys"}}
    settings.STORAGES = {**storages, "region:ae": wrong}
    assert archive_bodies() == 0
    assert "The object storage does not do what it should: NoSuchBucket." in caplog.text
    assert "sample_not_a_secret" not in caplog.text
    assert body_of(again(row)) == BODY
    assert CallLog.objects.count() == 0


def test_a_storage_that_is_away_makes_a_replay_wait(buckets: str, settings: Any) -> None:
    row = completed(in_region("ae"))
    archive_bodies()
    storages = settings.STORAGES
    away = {**storages["region:ae"]["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}
    settings.STORAGES = {**storages, "region:ae": {**storages["region:ae"], "OPTIONS": away}}
    replay_event(row)
    drain()
    row = again(row)
    assert row.processing_status == "retrying"
    assert "The object storage does not do what it should" in row.error_message
