"""One id, from the request over a hint and the worker to the call: in each line, never in a task's arguments."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from celery import current_app
from celery.contrib.testing.worker import start_worker
from django.conf import settings as django_settings
from django.test import Client, override_settings

from integrations import circuit
from integrations.models import Connection, Organization
from integrations.request_id import Origin, current_origin
from integrations.task_origin import HEADER
from monitoring.models import CallLog
from tests.config.lines import Lines, json_lines
from tests.factories import ConnectionFactory, OrganizationFactory, token_for
from tests.webhooks.stripe_sender import SECRET, event, post
from tests.wire import WireAnswer, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEvent
from webhooks.signals import event_processed

pytestmark = pytest.mark.django_db(transaction=True)
TRACE, REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736", "request-from-the-till"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CALLER = {"X-Request-Id": REQUEST, "traceparent": TRACEPARENT}


@pytest.fixture
def lines() -> Iterator[Lines]:
    with json_lines("hub", "integrations", "monitoring", "webhooks") as lines:
        yield lines


@pytest.fixture
def provider(settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    with WireServer(lambda request: WireAnswer(503, {})) as server:
        yield server


@pytest.fixture
def connection(provider: WireServer) -> Connection:
    return ConnectionFactory(
        organization=OrganizationFactory(), status=Connection.Status.INACTIVE,
        configuration={"base_url": provider.url}, credentials={"api_key": "sk_test_sample_not_a_key"},
    )  # fmt: skip


def messages(count: int = 1) -> list[dict[str, Any]]:
    """What waits for a worker, once there is that much."""
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        while client.llen("celery") < count and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting: Any = client.lrange("celery", 0, -1)
    return [json.loads(message) for message in waiting]


def work_off(expected: int = 1) -> None:
    """Have a real worker take what waits, over the real broker."""
    messages(expected)
    with start_worker(current_app, pool="solo", perform_ping_check=False, queues=["celery"], loglevel="WARNING"):
        deadline = time.monotonic() + 30
        with redis.Redis.from_url(django_settings.REDIS_URL) as client:
            while (client.llen("celery") or client.hlen("unacked")) and time.monotonic() < deadline:
                time.sleep(0.05)


def test_a_request_its_task_and_the_calls_of_both_have_one_id(
    connection: Connection, provider: WireServer, lines: Lines
) -> None:
    provider.answer = lambda request: WireAnswer(200, {"object": "balance"})
    client = Client(headers={"Authorization": f"Bearer {token_for(connection.organization)}", **CALLER})
    answer = client.post(f"/api/v1/connections/{connection.pk}/activate/", content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer["X-Request-Id"] == REQUEST
    [message] = [one for one in messages() if one["headers"]["task"] == "monitoring.tasks.check_connection"]
    assert message["headers"][HEADER] == {"request_id": REQUEST, "caused_by": "", "traceparent": TRACEPARENT}
    assert REQUEST not in message["headers"]["argsrepr"]
    for _ in range(circuit.FAILURES_UNTIL_OPEN):
        circuit.record_failure(connection)
    work_off()  # the task's call is answered and closes it, which the gateway tells
    told = [entry for entry in lines.entries("integrations.circuit") if "closed" in entry["message"]]
    assert told
    assert {(entry["request_id"], entry["trace_id"]) for entry in told} == {(REQUEST, TRACE)}
    assert {entry["organization_id"] for entry in told} == {str(connection.organization_id)}
    assert {entry["actor_kind"] for entry in told} == {"system"}
    assert set(CallLog.objects.values_list("request_id", flat=True)) == {REQUEST}
    assert all("traceparent" not in request.headers for request in provider.requests)
    assert all("x-request-id" not in request.headers for request in provider.requests)


def test_a_task_of_nobody_goes_by_its_own_id(connection: Connection, provider: WireServer) -> None:
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.ACTIVE)
    sent = current_app.send_task("monitoring.tasks.check_connection", args=[str(connection.pk)])
    work_off()
    assert set(CallLog.objects.values_list("request_id", flat=True)) == {sent.id}


@pytest.mark.parametrize("forged", [{"request_id": "x\ny" * 9}, {"traceparent": "nonsense"}, "text", 7, ["list"]])
def test_a_header_that_is_not_ours_is_left(forged: Any, connection: Connection, lines: Lines) -> None:
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.ACTIVE)
    sent = current_app.send_task(
        "monitoring.tasks.check_connection", args=[str(connection.pk)], headers={HEADER: forged}
    )
    work_off()
    assert set(CallLog.objects.values_list("request_id", flat=True)) == {sent.id}


def test_an_event_remembers_what_brought_it(connection: Connection, lines: Lines) -> None:
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.ACTIVE)
    endpoint, _ = create_endpoint(connection, webhook_secret=SECRET)
    body = event("payout.paid")
    assert post(urlsplit(endpoint.webhook_url).path, body, **CALLER).status_code == 200
    [message] = messages()
    assert message["headers"][HEADER]["request_id"] == REQUEST
    told: list[Origin] = []

    def note(**kwargs: Any) -> None:
        told.append(current_origin())

    event_processed.connect(note)
    try:
        work_off()
    finally:
        event_processed.disconnect(note)
    stored = WebhookEvent.objects.get()
    assert {(one.request_id, one.caused_by, one.trace_id) for one in told} == {(f"event-{stored.pk}", REQUEST, TRACE)}


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"{TRACEPARENT}\n{TRACE}",
        f"{TRACEPARENT}-more",
        f"01{TRACEPARENT[2:]}-{'x' * 200}",
    ],
)
def test_a_traceparent_that_is_none_is_not_gone_on_with(given: str, lines: Lines) -> None:
    Client(headers={"traceparent": given}).get("/metrics")
    [entry] = lines.entries("monitoring.metrics.page")
    assert "trace_id" not in entry
    assert entry["request_id"]


def test_a_later_version_of_the_trace_is_gone_on_with(lines: Lines) -> None:
    Client(headers={"traceparent": f"01-{TRACE}-00f067aa0ba902b7-01-more"}).get("/metrics")
    assert [entry["trace_id"] for entry in lines.entries("monitoring.metrics.page")] == [TRACE]


@override_settings(LOG_REQUESTS=True)
def test_a_request_leaves_a_line_with_its_route_and_no_address(
    connection: Connection, lines: Lines, organization: Organization
) -> None:
    headers = {"Authorization": f"Bearer {token_for(organization)}", **CALLER}
    Client(headers=headers).get(f"/api/v1/connections/{connection.pk}/?canary0yellow=1")
    [entry] = lines.entries("hub.requests")
    assert entry["message"] == "GET api/v1/connections/<uuid:pk>/ 400"
    assert (entry["status"], entry["method"]) == (400, "GET")
    assert entry["duration_ms"] > 0
    assert (entry["request_id"], entry["trace_id"], entry["actor_kind"]) == (REQUEST, TRACE, "token")
    assert entry["organization_id"] == str(organization.pk)
    assert "canary0yellow" not in lines.text


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()
