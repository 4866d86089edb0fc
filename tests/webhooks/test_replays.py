"""Many events applied again as one run: each batch once, whoever is killed and however many are at it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Connection, Payment
from integrations.models.base import first_uuid7
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, PaymentFactory
from webhooks.endpoints import create_endpoint
from webhooks.inbox import claim, drain
from webhooks.models import WebhookEndpoint, WebhookEvent, WebhookReplay
from webhooks.replay import cancel_replay, outcome_of, replay_event, start_replay
from webhooks.replay_batches import BATCH, WAITING_AT_MOST, advance_all
from webhooks.replay_selection import Selection
from webhooks.tasks import advance_replays

from .stripe_sender import SECRET, event, post

pytestmark = pytest.mark.django_db(transaction=True)

Status, RunStatus = WebhookEvent.Status, WebhookReplay.Status


def stored(endpoint: WebhookEndpoint, count: int, **fields: Any) -> list[WebhookEvent]:
    """Events that are through with; none of them is looked into."""
    own: dict[str, Any] = {
        "organization": endpoint.organization, "webhook_endpoint": endpoint, "event_type": "charge.captured",
        "processing_status": Status.FAILED, "error_message": "no", "next_attempt_at": None, "raw_body": b"{}",
    }  # fmt: skip
    made = [
        WebhookEvent(signature_verified=True, **{**own, "event_id": f"evt_{number}", **fields})
        for number in range(count)
    ]
    return WebhookEvent.objects.bulk_create(made)


def many(endpoint: WebhookEndpoint, count: int) -> None:
    """The same, made in the database itself: thousands in no time."""
    first = first_uuid7(timezone.now() - timedelta(hours=1)).hex
    with database.cursor() as cursor:
        cursor.execute(
            """INSERT INTO webhook_events (id, organization_id, webhook_endpoint_id, event_id, event_type,
                   normalized_type, headers, signature, signature_verified, processing_status, retry_count,
                   error_message)
               SELECT (%s || lpad(to_hex(n), 12, '0'))::uuid, %s, %s, 'evt_' || n, 'charge.captured', '', '{}', '',
                   true, 'failed', 3, 'no' FROM generate_series(1, %s) AS n""",
            [first[:20], endpoint.organization_id, endpoint.pk, count],
        )


def due() -> int:
    return WebhookEvent.objects.filter(processing_status=Status.PENDING, next_attempt_at__lte=timezone.now()).count()


def figures(run: WebhookReplay) -> tuple[str, int, int, int]:
    run.refresh_from_db()
    return run.status, run.total, run.done, run.skipped


def actions() -> list[str]:
    return list(AuditLog.objects.order_by("id").values_list("action", flat=True))


def test_a_small_run_is_due_at_once(endpoint: WebhookEndpoint) -> None:
    first, second, _ = stored(endpoint, 3)
    run = start_replay(endpoint.organization, Selection(ids=(first.pk, second.pk)))
    assert figures(run) == (RunStatus.COMPLETED, 2, 2, 0)
    assert due() == 2
    first.refresh_from_db()
    assert (first.replay_id, first.replays, first.retry_count, first.error_message) == (run.pk, 1, 0, "")
    assert run.started_at
    assert run.completed_at


def test_a_large_run_is_gone_on_with_by_the_workers(endpoint: WebhookEndpoint) -> None:
    many(endpoint, 2 * BATCH + 7)
    run = start_replay(endpoint.organization, Selection(status="failed"))
    assert figures(run) == (RunStatus.RUNNING, 2 * BATCH + 7, BATCH, 0)
    assert advance_replays() == BATCH + 7
    assert figures(run) == (RunStatus.COMPLETED, 2 * BATCH + 7, 2 * BATCH + 7, 0)
    assert due() == 2 * BATCH + 7
    assert advance_replays() == 0
    assert WebhookEvent.objects.filter(replays=1, replay=run).count() == 2 * BATCH + 7


def test_a_run_is_audited_once_and_a_single_replay_too(endpoint: WebhookEndpoint) -> None:
    many(endpoint, BATCH + 1)
    first = WebhookEvent.objects.earliest("pk")
    before = len(actions())
    run = start_replay(endpoint.organization, Selection(event_type="charge.captured"))
    advance_all()
    assert actions()[before:] == ["webhook_replay.started", "webhook_replay.completed"]
    started, completed = AuditLog.objects.filter(object=f"webhooks.webhookreplay:{run.pk}").order_by("id")
    assert started.changes == {"filters": {"event_type": "charge.captured"}, "count": BATCH + 1}
    assert completed.changes == {"due": BATCH + 1, "skipped": 0}
    assert completed.actor == run.created_by
    replay_event(first)
    assert actions()[-1] == "webhook_event.replayed"
    first.refresh_from_db()
    assert (first.replays, first.replay_id) == (2, None)


def test_a_run_tells_what_became_of_its_events(endpoint: WebhookEndpoint) -> None:
    stored(endpoint, 5)
    run = start_replay(endpoint.organization, Selection(status="failed"))
    keys = list(WebhookEvent.objects.values_list("pk", flat=True))
    WebhookEvent.objects.filter(pk__in=keys[:3]).update(processing_status=Status.COMPLETED)
    WebhookEvent.objects.filter(pk=keys[3]).update(processing_status=Status.FAILED)
    assert outcome_of(run) == {"pending": 1, "processing": 0, "completed": 3, "failed": 1, "retrying": 0}


def test_what_comes_in_meanwhile_is_not_part_of_it(endpoint: WebhookEndpoint) -> None:
    many(endpoint, BATCH + 1)
    run = start_replay(endpoint.organization, Selection(endpoint=endpoint.pk))
    late = stored(endpoint, 1, event_id="evt_late")[0]
    advance_all()
    assert figures(run)[:3] == (RunStatus.COMPLETED, BATCH + 1, BATCH + 1)
    late.refresh_from_db()
    assert late.processing_status == Status.FAILED


def test_what_waits_anyway_or_fits_no_longer_is_skipped(endpoint: WebhookEndpoint) -> None:
    events = stored(endpoint, BATCH + 3)
    waiting = stored(endpoint, 1, event_id="evt_new", processing_status=Status.PENDING, next_attempt_at=timezone.now())
    run = start_replay(endpoint.organization, Selection(ids=(*[one.pk for one in events], waiting[0].pk)))
    events[-1].delete()
    advance_all()
    assert figures(run) == (RunStatus.COMPLETED, BATCH + 4, BATCH + 2, 2)
    waiting[0].refresh_from_db()
    assert (waiting[0].replays, waiting[0].replay_id) == (0, None)


def test_a_run_stays_within_its_organization(endpoint: WebhookEndpoint) -> None:
    other = create_endpoint(ConnectionFactory(), webhook_secret=SECRET)[0]
    stored(endpoint, 2)
    foreign = stored(other, 1)[0]
    run = start_replay(endpoint.organization, Selection(ids=(foreign.pk,)))
    assert figures(run) == (RunStatus.COMPLETED, 1, 0, 1)
    start_replay(endpoint.organization, Selection(status="failed"))
    foreign.refresh_from_db()
    assert foreign.processing_status == Status.FAILED


def test_only_so_many_of_a_run_wait_at_a_time_and_a_pause_holds_up_no_others(
    endpoint: WebhookEndpoint, connection: Connection
) -> None:
    many(endpoint, WAITING_AT_MOST)
    stored(create_endpoint(connection, webhook_secret=SECRET)[0], BATCH + 1)
    run = start_replay(endpoint.organization, Selection(status="failed"))
    advance_all()
    assert figures(run)[2] == WAITING_AT_MOST
    assert advance_all() == 0
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(is_paused=True)
    assert advance_all() == BATCH + 1
    assert figures(run)[0] == RunStatus.COMPLETED


def test_a_cancelled_run_makes_nothing_more_due(endpoint: WebhookEndpoint) -> None:
    many(endpoint, 2 * BATCH)
    run = start_replay(endpoint.organization, Selection(status="failed"))
    cancel_replay(run)
    assert advance_all() == 0
    assert figures(run) == (RunStatus.CANCELLED, 2 * BATCH, BATCH, 0)
    assert due() == BATCH
    assert actions()[-1] == "webhook_replay.cancelled"
    with pytest.raises(Conflict):
        cancel_replay(run)


def test_workers_at_once_do_each_batch_once(endpoint: WebhookEndpoint) -> None:
    many(endpoint, 3 * BATCH)
    run = start_replay(endpoint.organization, Selection(status="failed"))
    together = threading.Barrier(4)
    made_due: list[int] = []

    def work() -> None:
        together.wait()
        try:
            made_due.append(advance_all())
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    advance_all()
    assert figures(run) == (RunStatus.COMPLETED, 3 * BATCH, 3 * BATCH, 0)
    assert not WebhookEvent.objects.exclude(replays=1).exists()


_HOLDS_A_BATCH = """
import django, time
django.setup()
from django.db import transaction
from webhooks.models import WebhookReplay
from webhooks.replay_batches import _next_batch
with transaction.atomic():
    _next_batch(WebhookReplay.objects.select_for_update().get())
    print("in the middle", flush=True)
    time.sleep(60)
"""


def test_a_worker_killed_in_the_middle_of_a_batch_costs_nothing(endpoint: WebhookEndpoint) -> None:
    many(endpoint, 2 * BATCH + 1)
    run = start_replay(endpoint.organization, Selection(status="failed"))
    name = database.settings_dict["NAME"]
    address = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": _url_of(str(name))}
    worker = subprocess.Popen(
        [sys.executable, "-c", _HOLDS_A_BATCH], env={**os.environ, **address}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == "in the middle"
        assert advance_all() == 0  # someone is at it
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
    finally:
        worker.kill()
        worker.wait(10)
    assert due() == BATCH
    _until(lambda: advance_all() > 0)
    advance_all()
    assert figures(run) == (RunStatus.COMPLETED, 2 * BATCH + 1, 2 * BATCH + 1, 0)
    assert not WebhookEvent.objects.exclude(replays=1).exists()


def _url_of(database_name: str) -> str:
    given = urlsplit(os.environ["DATABASE_URL"])
    return f"postgresql://{given.netloc}/{database_name}?{given.query}"


def _until(holds: Any) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_that_cannot_go_on_ends_as_failed(endpoint: WebhookEndpoint) -> None:
    stored(endpoint, 2)
    run = WebhookReplay.objects.create(organization=endpoint.organization, filters={"colour": "red"}, created_by="sara")
    assert advance_all() == 0
    assert figures(run)[0] == RunStatus.FAILED
    assert run.error_message
    assert actions()[-1] == "webhook_replay.failed"
    assert not due()


def test_too_many_at_once_are_refused(endpoint: WebhookEndpoint) -> None:
    ids = tuple(WebhookEvent().pk for _ in range(10_001))
    with pytest.raises(InvalidRequest):
        start_replay(endpoint.organization, Selection(ids=ids))
    assert not WebhookReplay.objects.exists()


def receive(endpoint: WebhookEndpoint, body: bytes) -> WebhookEvent:
    assert post(urlsplit(endpoint.webhook_url).path, body).status_code == 200
    return WebhookEvent.objects.latest("pk")


@pytest.mark.parametrize("as_a_run", [False, True], ids=["one", "a run"])
def test_an_event_in_hand_is_due_when_its_lease_ends(endpoint: WebhookEndpoint, as_a_run: bool) -> None:
    """So that no two workers apply it at once."""
    received = receive(endpoint, event())
    ((_, lease_ends),) = claim(1)
    if as_a_run:
        start_replay(endpoint.organization, Selection(ids=(received.pk,)))
    else:
        replay_event(received)
    received.refresh_from_db()
    assert (received.processing_status, received.next_attempt_at) == (Status.PENDING, lease_ends)
    assert drain() == 0


def test_an_event_whose_worker_died_is_due_at_once(endpoint: WebhookEndpoint) -> None:
    received = receive(endpoint, event())
    claim(1)
    WebhookEvent.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1))
    replay_event(received)
    assert drain() == 1


def test_a_replayed_run_changes_nothing_that_is_so_already(endpoint: WebhookEndpoint, connection: Connection) -> None:
    payment = PaymentFactory(connection=connection, provider_reference="pi_sample")
    receive(endpoint, event())
    drain()
    run = start_replay(endpoint.organization, Selection(status="completed"))
    assert drain() == 1
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (Payment.Status.CAPTURED, Decimal("12.50"))
    assert payment.operations.filter(kind="event").count() == 1
    assert outcome_of(run)["completed"] == 1


SELECTIONS: list[tuple[dict[str, Any], str]] = [
    ({"event_type": "charge.captured"}, "ab"),
    ({"status": "failed"}, "ac"),
    ({"text": "evt_b"}, "b"),
    ({"text": "payout"}, "c"),
    ({"since": timezone.now() - timedelta(hours=1)}, "abc"),
    ({"until": timezone.now() - timedelta(hours=1)}, ""),
]


@pytest.mark.parametrize(("given", "names"), SELECTIONS)
def test_a_run_takes_what_fits(endpoint: WebhookEndpoint, given: dict[str, Any], names: str) -> None:
    stored(endpoint, 1, event_id="evt_a")
    stored(endpoint, 1, event_id="evt_b", processing_status=Status.COMPLETED)
    stored(endpoint, 1, event_id="evt_c", event_type="payout.paid")
    run = start_replay(endpoint.organization, Selection(**given))
    run.refresh_from_db()
    taken = WebhookEvent.objects.filter(replay=run).order_by("event_id").values_list("event_id", flat=True)
    assert "".join(taken).replace("evt_", "") == names
    assert Selection.of(run) == Selection(**given)
