"""What Prometheus reads: figures of the whole of Hub, from rows, Redis and calls that were really made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from celery import current_app
from celery.signals import after_task_publish, beat_init
from django.conf import settings as django_settings
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from integrations import circuit
from integrations.errors import IntegrationError
from integrations.gateway import client_for
from integrations.models import Connection, RateLimit
from monitoring.metrics import beat, calls, from_postgresql
from monitoring.models import Alert, AlertChannel, AlertNotification, RollupWatermark
from monitoring.partitions import MONTHS_AHEAD, ensure_partitions
from tests.factories import ConnectionFactory, OrganizationFactory, RateLimitFactory, catalogue_row
from tests.served import ROOT
from tests.wire import WireAnswer, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.forward.destinations import create_destination
from webhooks.models import WebhookDelivery, WebhookEvent

from .scrape import TOKEN, ask, scrape, value

pytestmark = pytest.mark.django_db(transaction=True)
SECRET_NAME = "Canary Tailors of Deira"


@pytest.fixture(autouse=True)
def _open(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    calls.flush()  # what the test before has counted and not sent
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.delete(calls.KEY)


@pytest.fixture
def provider() -> Iterator[WireServer]:
    with WireServer(lambda request: WireAnswer(200, {"object": "balance"})) as server:
        yield server


@pytest.fixture
def connection(provider: WireServer) -> Connection:
    return connect(provider)


def connect(provider: WireServer, **fields: Any) -> Connection:
    given = {"organization": OrganizationFactory(name=SECRET_NAME), "connection_name": SECRET_NAME, **fields}
    return ConnectionFactory(
        configuration={"base_url": provider.url}, credentials={"api_key": "sk_test_sample_not_a_key"}, **given
    )


def call(connection: Connection, *answers: WireAnswer, provider: WireServer) -> None:
    for answer in answers:
        provider.answer = lambda request, answer=answer: answer
        try:
            client_for(connection, operation="balance").post("/v1/balance", json={})
        except IntegrationError:
            continue


def test_calls_are_counted_by_provider_and_outcome_and_timed(connection: Connection, provider: WireServer) -> None:
    well, slow = WireAnswer(200, {}), WireAnswer(200, {}, delay_seconds=0.3)
    call(connection, well, slow, WireAnswer(402, {"error": {}}), WireAnswer(503, {}), provider=provider)
    found = scrape()
    assert value(found, "hub_calls_total", provider="stripe", outcome="ok", status_class="2xx") == 2
    failed = [one for one in found["hub_calls"].samples if one.labels.get("outcome") != "ok"]
    assert sorted((one.labels["status_class"], one.value) for one in failed) == [("4xx", 1), ("5xx", 1)]
    assert value(found, "hub_call_duration_seconds_count", provider="stripe") == 4
    assert value(found, "hub_call_duration_seconds_bucket", provider="stripe", le="0.25") == 3
    assert value(found, "hub_call_duration_seconds_bucket", provider="stripe", le="+Inf") == 4
    taken = value(found, "hub_call_duration_seconds_sum", provider="stripe")
    assert taken is not None
    assert 0.3 <= taken < 3


def test_other_processes_calls_are_in_the_same_figures(connection: Connection, provider: WireServer) -> None:
    call(connection, WireAnswer(200, {}), provider=provider)
    given = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "HUB_EGRESS_ALLOW": "127.0.0.1",
        "DATABASE_URL": f"postgresql://{given.netloc}/{database.settings_dict['NAME']}?{given.query}",
        "REDIS_URL": django_settings.REDIS_URL,
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.monitoring.caller", str(connection.pk), "2"]
    workers = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert value(scrape(), "hub_calls_total", provider="stripe", outcome="ok", status_class="2xx") == 5


def test_counts_wait_for_a_redis_that_is_away(connection: Connection, provider: WireServer, settings: Any) -> None:
    here = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    call(connection, WireAnswer(200, {}), provider=provider)
    assert calls.flush() is False
    settings.REDIS_URL = here
    assert value(scrape(), "hub_calls_total", provider="stripe", outcome="ok", status_class="2xx") == 1


def test_a_lot_that_is_sent_twice_counts_once(connection: Connection, provider: WireServer) -> None:
    call(connection, WireAnswer(200, {}), provider=provider)
    calls.flush()
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        [mark] = client.keys(f"{calls.KEY}:*")
    name = mark.decode().removeprefix(f"{calls.KEY}:")
    calls._lot = (name, {"calls|stripe|ok|2xx": 1})
    assert calls.flush()
    assert value(scrape(), "hub_calls_total", provider="stripe", outcome="ok", status_class="2xx") == 1


def test_counters_begin_anew_when_redis_was_emptied(connection: Connection, provider: WireServer) -> None:
    call(connection, WireAnswer(200, {}), WireAnswer(200, {}), provider=provider)
    scrape()
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.flushdb()
    call(connection, WireAnswer(200, {}), provider=provider)
    assert value(scrape(), "hub_calls_total", provider="stripe", outcome="ok", status_class="2xx") == 1


def test_queues_are_told_by_depth_and_age(connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection)
    destination, _ = create_destination(connection.organization, url="https://receiver.example.com/")
    channel = AlertChannel.objects.create(organization=connection.organization, name="On call", url="jsons://8.8.8.8/")
    now = timezone.now()
    for number, due in enumerate([now - timedelta(minutes=5), now - timedelta(minutes=1), now + timedelta(hours=1)]):
        event = WebhookEvent.objects.create(
            organization=connection.organization, webhook_endpoint=endpoint, event_id=f"evt_{number}",
            event_type="charge.captured", raw_body=b"{}", signature_verified=True, next_attempt_at=due,
        )  # fmt: skip
        WebhookDelivery.objects.create(
            organization=connection.organization, event=event, destination=destination, event_type="payment.captured",
            next_attempt_at=due + timedelta(minutes=2),
        )  # fmt: skip
        AlertNotification.objects.create(
            organization=connection.organization, channel=channel, kind="opened",
            next_attempt_at=due - timedelta(minutes=3),
        )  # fmt: skip
    found = scrape()
    assert value(found, "hub_webhook_inbox_events", state="due") == 2
    assert value(found, "hub_webhook_inbox_events", state="later") == 1
    assert value(found, "hub_webhook_inbox_oldest_due_seconds") == pytest.approx(300, abs=20)
    assert value(found, "hub_webhook_deliveries_messages", state="due") == 1
    assert value(found, "hub_webhook_deliveries_messages", state="later") == 2
    assert value(found, "hub_webhook_deliveries_oldest_due_seconds") == pytest.approx(180, abs=20)
    assert value(found, "hub_alert_notifications_messages", state="due") == 2
    assert value(found, "hub_alert_notifications_messages", state="later") == 1
    assert value(found, "hub_alert_notifications_oldest_due_seconds") == pytest.approx(480, abs=20)


def test_the_oldest_of_all_organizations_is_told(connection: Connection, provider: WireServer) -> None:
    for minutes in (1, 7, 3):
        endpoint, _ = create_endpoint(connect(provider))
        WebhookEvent.objects.create(
            organization=endpoint.organization, webhook_endpoint=endpoint, event_id="evt_1", raw_body=b"{}",
            event_type="charge.captured", signature_verified=True,
            next_attempt_at=timezone.now() - timedelta(minutes=minutes),
        )  # fmt: skip
    assert value(scrape(), "hub_webhook_inbox_oldest_due_seconds") == pytest.approx(420, abs=20)


def test_a_long_queue_is_counted_as_far_as_its_limit(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, _ = create_endpoint(connection)
    for number in range(5):
        WebhookEvent.objects.create(
            organization=connection.organization, webhook_endpoint=endpoint, event_id=f"evt_{number}", raw_body=b"{}",
            event_type="charge.captured", signature_verified=True,
        )  # fmt: skip
    monkeypatch.setattr(from_postgresql, "COUNTED_AT_MOST", 3)
    assert value(scrape(), "hub_webhook_inbox_events", state="due") == 3
    with CaptureQueriesContext(database) as asked:
        scrape()
    [inbox] = [one["sql"] for one in asked if "FROM webhook_events" in one["sql"]]
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {inbox}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert plan.count("webhook_events_waiting") == 3
    assert "Sort" not in plan


def test_health_and_circuits_are_told_by_provider(connection: Connection, provider: WireServer) -> None:
    Connection.objects.filter(pk=connection.pk).update(health_status=Connection.Health.DOWN)
    connect(provider, status=Connection.Status.INACTIVE)
    for _ in range(circuit.FAILURES_UNTIL_OPEN):
        circuit.record_failure(connection)
    circuit.pause(connect(provider), 60)
    found = scrape()
    assert value(found, "hub_connections", provider="stripe", health="down") == 1
    assert value(found, "hub_connections", provider="stripe", health="unknown") == 1
    assert value(found, "hub_connections", provider="stripe", health="healthy") == 0
    states = {state: value(found, "hub_circuits", provider="stripe", state=state) for state in _states(found)}
    assert states == {"closed": 0, "open": 1, "half_open": 0, "paused": 1}


def _states(found: dict[str, Any]) -> list[str]:
    return [one.labels["state"] for one in found["hub_circuits"].samples]


def test_a_private_provider_is_not_named(provider: WireServer) -> None:
    organization = OrganizationFactory()
    row = catalogue_row("stripe")
    type(row).objects.filter(pk=row.pk).update(organization=organization)
    own = connect(provider, organization=organization)
    call(own, WireAnswer(200, {}), provider=provider)
    found = scrape()
    assert value(found, "hub_calls_total", provider="private", outcome="ok", status_class="2xx") == 1
    assert value(found, "hub_connections", provider="private", health="unknown") == 1
    assert "stripe" not in ask().content.decode()


def test_limits_alerts_rollup_and_partitions_are_told(connection: Connection) -> None:
    now = timezone.now()
    ends = {"is_exceeded": True, "window_end": now + timedelta(minutes=1)}
    RateLimitFactory(connection=connection, **ends)
    RateLimitFactory(connection=connection, limit_type=RateLimit.Window.PER_DAY)
    Alert.objects.create(
        organization=connection.organization, kind=Alert.Kind.DISPUTE_DUE, subject_id=connection.pk, message="Answer."
    )
    RollupWatermark.objects.update_or_create(level="hourly", defaults={"read_until": now - timedelta(minutes=10)})
    ensure_partitions()
    found = scrape()
    assert value(found, "hub_rate_limits_exceeded", provider="stripe") == 1
    assert value(found, "hub_alerts_open", kind="dispute_due") == 1
    assert value(found, "hub_alerts_open", kind="webhook_failing") == 0
    assert value(found, "hub_rollup_lag_seconds", level="hourly") == pytest.approx(600, abs=20)
    assert value(found, "hub_log_partitions_ahead") == MONTHS_AHEAD
    sessions = sum(one.value for one in found["hub_database_sessions"].samples)
    assert 1 <= sessions <= (value(found, "hub_database_sessions_limit") or 0)


def test_a_gap_in_the_partitions_ends_the_count() -> None:
    ensure_partitions()
    missing = datetime.now(UTC).date().replace(day=1) + timedelta(days=62)  # the month after next, whichever this is
    name = f"integration_logs_{missing:%Y_%m}"
    with database.cursor() as cursor:
        cursor.execute(f"ALTER TABLE integration_logs DETACH PARTITION {name}")
    try:
        assert value(scrape(), "hub_log_partitions_ahead") == 1
    finally:
        with database.cursor() as cursor:
            cursor.execute(f"DROP TABLE {name}")
        ensure_partitions()


def test_celery_and_beat_are_told() -> None:
    assert "hub_beat_last_sent_timestamp_seconds" not in scrape()
    current_app.send_task("webhooks.tasks.drain_inbox")
    assert "hub_beat_last_sent_timestamp_seconds" not in scrape()  # a request sent that one
    beat_init.send(sender=None)
    try:
        current_app.send_task("webhooks.tasks.sweep_deliveries", queue="forward")
    finally:
        after_task_publish.disconnect(beat._note, dispatch_uid="hub.metrics.beat.sent")
    found = scrape()
    assert value(found, "hub_beat_last_sent_timestamp_seconds") == pytest.approx(time.time(), abs=10)
    assert value(found, "hub_celery_queue_length", queue="celery") == 1
    assert value(found, "hub_celery_queue_length", queue="forward") == 1
    assert value(found, "hub_celery_unacknowledged_tasks") == 0


def test_names_types_and_help_follow_prometheus(connection: Connection, provider: WireServer) -> None:
    call(connection, WireAnswer(200, {}), provider=provider)
    RollupWatermark.objects.update_or_create(level="hourly", defaults={"read_until": timezone.now()})
    found = scrape()
    assert {family.type for family in found.values()} == {"counter", "gauge", "histogram"}
    for family in found.values():
        assert re.fullmatch(r"hub_[a-z][a-z_]*[a-z]", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert family.samples or family.name == "hub_rate_limits_exceeded", family.name
        assert not re.search(r"_(ms|minutes|total|count|sum)$", family.name), family.name
        if "seconds" in family.name:
            assert family.name.endswith("seconds"), family.name
    open_metrics = ask(Accept="application/openmetrics-text; version=1.0.0")
    assert open_metrics["Content-Type"].startswith("application/openmetrics-text")
    assert {family.name for family in read_openmetrics(open_metrics.content.decode())} == set(found)


def test_no_name_of_an_organization_and_no_id_is_in_it(connection: Connection, provider: WireServer) -> None:
    call(connection, WireAnswer(200, {}), WireAnswer(401, {"error": {"code": SECRET_NAME}}), provider=provider)
    scrape()
    text = ask().content.decode()
    assert SECRET_NAME not in text
    assert connection.organization.slug not in text
    assert str(connection.pk) not in text


def test_without_redis_the_rest_is_told(connection: Connection, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = scrape()
    assert value(found, "hub_up", part="redis") == 0
    assert value(found, "hub_up", part="postgresql") == 1
    assert value(found, "hub_connections", provider="stripe", health="unknown") == 1
    assert "hub_calls" not in found
    assert "hub_circuits" not in found


def test_without_postgresql_the_rest_is_told(
    connection: Connection, provider: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(connection, WireAnswer(200, {}), provider=provider)
    calls.flush()
    database.close()
    database.close_pool()
    monkeypatch.setitem(database.settings_dict, "PORT", "1")
    monkeypatch.setitem(database.settings_dict, "HOST", "127.0.0.1")
    try:
        found = scrape()
    finally:
        database.close()
        database.close_pool()
    assert value(found, "hub_up", part="postgresql") == 0
    assert value(found, "hub_up", part="redis") == 1
    assert value(found, "hub_calls_total", provider="stripe", outcome="ok", status_class="2xx") == 1
    assert "hub_connections" not in found


def test_a_figure_that_takes_too_long_is_left_out(connection: Connection, settings: Any) -> None:
    parameters = database.get_connection_params()
    parameters = {
        name: parameters[name] for name in ("dbname", "user", "host", "port", "password") if name in parameters
    }
    with psycopg.connect(**parameters) as locking:
        locking.execute("LOCK TABLE rate_limits IN ACCESS EXCLUSIVE MODE")
        found = scrape()
        locking.rollback()
    assert "hub_rate_limits_exceeded" not in found
    assert "hub_alerts_open" in found
    assert value(found, "hub_up", part="postgresql") == 1


def _address() -> dict[str, Any]:
    parameters = database.get_connection_params()
    return {name: parameters[name] for name in ("dbname", "user", "host", "port", "password") if name in parameters}


def test_a_scrape_soon_after_another_asks_postgresql_nothing_and_tells_no_old_counts(
    connection: Connection, provider: WireServer, django_assert_num_queries: Any
) -> None:
    scrape()
    call(connection, WireAnswer(200, {}), provider=provider)
    calls.flush()
    with django_assert_num_queries(0):
        text = ask().content.decode()
    assert 'hub_calls_total{outcome="ok",provider="stripe",status_class="2xx"} 1.0' in text
