from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connection as database

from integrations import circuit
from integrations.circuit import FAILURES_UNTIL_OPEN, Circuit, State
from integrations.connection_state import key_of
from integrations.errors import CircuitOpen, RateLimited, Rejected, Unavailable
from integrations.gateway import BoundClient, client_for
from integrations.models import Connection
from integrations.operations.connection_test import probe
from integrations.providers.registry import get_provider
from integrations.signals import connection_changed
from tests.wire import WireAnswer, WireRequest, WireServer

Clients = Callable[..., BoundClient]
DOWN = WireAnswer(503)
FINE = WireAnswer(200, {"ok": True})


def circuit_of(connection: Connection) -> Circuit:
    return circuit.circuits([connection.pk])[connection.pk]


def fail(client: BoundClient, times: int) -> None:
    """By writes without a key, of which each is one attempt."""
    for _ in range(times):
        with pytest.raises(Unavailable):
            client.post("/v1/refunds")


def opened(client: BoundClient, wire: WireServer) -> None:
    wire.answer = lambda request: DOWN
    fail(client, FAILURES_UNTIL_OPEN)
    wire.requests.clear()


def let_the_pause_pass(connection: Connection) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.hset(key_of(connection.pk), "open_until", f"{time.time() - 0.1:.3f}")


@pytest.fixture
def changes() -> Iterator[list[str]]:
    told: list[str] = []

    def keep(sender: object, change: str, **kwargs: object) -> None:
        told.append(change)

    connection_changed.connect(keep)
    yield told
    connection_changed.disconnect(keep)


def test_failures_in_a_row_open_the_circuit_and_nothing_is_sent(
    client: BoundClient, wire: WireServer, changes: list[str]
) -> None:
    wire.answer = lambda request: DOWN
    fail(client, FAILURES_UNTIL_OPEN)
    assert len(wire.requests) == FAILURES_UNTIL_OPEN
    with pytest.raises(CircuitOpen) as raised:
        client.post("/v1/refunds")
    assert len(wire.requests) == FAILURES_UNTIL_OPEN
    assert not raised.value.may_have_taken_effect
    assert raised.value.retry_after == pytest.approx(30, abs=3)
    assert changes == ["circuit_opened"]
    now = circuit_of(client.connection)
    assert (now.state, now.failures) == (State.OPEN, FAILURES_UNTIL_OPEN)
    assert now.opened_at is not None


def test_an_answer_in_between_keeps_it_closed(client: BoundClient, wire: WireServer) -> None:
    for _ in range(3):
        wire.answer = lambda request: DOWN
        fail(client, FAILURES_UNTIL_OPEN - 1)
        wire.answer = lambda request: FINE
        client.get("/v1/balance")
    assert circuit_of(client.connection) == Circuit(State.CLOSED)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 409, 422, 429])
def test_a_refusal_is_an_answer(client: BoundClient, wire: WireServer, status: int) -> None:
    wire.answer = lambda request: WireAnswer(status)
    for _ in range(2 * FAILURES_UNTIL_OPEN):
        with pytest.raises(Exception, match=r".") as raised:
            client.post("/v1/refunds")
        assert not isinstance(raised.value, CircuitOpen)
    assert circuit_of(client.connection).state == State.CLOSED


def test_a_provider_that_is_not_there_opens_it_too(client_to: Clients) -> None:
    client = client_to("http://127.0.0.1:1")
    fail(client, FAILURES_UNTIL_OPEN)
    with pytest.raises(CircuitOpen):
        client.get("/v1/balance")


def test_after_the_pause_one_call_is_the_probe_and_the_others_wait_for_it(
    client: BoundClient, wire: WireServer, changes: list[str]
) -> None:
    opened(client, wire)
    let_the_pause_pass(client.connection)
    assert circuit_of(client.connection).state == State.HALF_OPEN
    refused = []

    def answer(request: WireRequest) -> WireAnswer:
        with pytest.raises(CircuitOpen) as raised:  # while the probe is on its way
            client_for(client.connection, operation="test").get("/v1/balance")
        refused.append(raised.value)
        return FINE

    wire.answer = answer
    assert client.get("/v1/balance").ok
    assert (len(refused), len(wire.requests)) == (1, 1)
    assert circuit_of(client.connection) == Circuit(State.CLOSED)
    assert changes == ["circuit_opened", "circuit_closed"]


def test_a_probe_that_fails_opens_it_for_longer(client: BoundClient, wire: WireServer, changes: list[str]) -> None:
    opened(client, wire)
    waits = []
    for _ in range(5):
        let_the_pause_pass(client.connection)
        fail(client, 1)
        with pytest.raises(CircuitOpen) as raised:
            client.get("/v1/balance")
        waits.append(raised.value.retry_after or 0)
    assert waits == [pytest.approx(seconds, abs=3) for seconds in (60, 120, 240, 300, 300)]
    assert len(wire.requests) == 5
    assert changes == ["circuit_opened"]


def test_a_health_check_passes_an_open_circuit_and_closes_it(client: BoundClient, wire: WireServer) -> None:
    opened(client, wire)
    assert not probe(client.connection, get_provider("stripe")).ok
    assert circuit_of(client.connection).state == State.OPEN
    wire.answer = lambda request: FINE
    assert probe(client.connection, get_provider("stripe")).ok
    assert client.get("/v1/balance").ok


def test_failing_health_checks_hold_back_no_call(client: BoundClient, wire: WireServer) -> None:
    wire.answer = lambda request: DOWN
    for _ in range(FAILURES_UNTIL_OPEN):  # of three attempts each
        assert not probe(client.connection, get_provider("stripe")).ok
    assert circuit_of(client.connection) == Circuit(State.CLOSED)
    wire.requests.clear()
    fail(client, FAILURES_UNTIL_OPEN)
    assert len(wire.requests) == FAILURES_UNTIL_OPEN


def test_a_failing_health_check_leaves_the_next_try_to_a_call(client: BoundClient, wire: WireServer) -> None:
    opened(client, wire)
    let_the_pause_pass(client.connection)
    assert not probe(client.connection, get_provider("stripe")).ok
    assert circuit_of(client.connection).state == State.HALF_OPEN
    wire.answer = lambda request: FINE
    assert client.get("/v1/balance").ok


def test_it_can_be_closed_by_hand(client: BoundClient, wire: WireServer, changes: list[str]) -> None:
    opened(client, wire)
    circuit.reset(client.connection)
    wire.answer = lambda request: FINE
    assert client.get("/v1/balance").ok
    assert changes == ["circuit_opened", "circuit_closed"]


@pytest.mark.django_db(transaction=True)
def test_failures_of_many_threads_open_it_once(client_to: Clients, wire: WireServer, changes: list[str]) -> None:
    client = client_to(wire.url)
    wire.answer = lambda request: DOWN

    def call(_: int) -> None:
        try:
            client_for(Connection.objects.get(pk=client.connection.pk), operation="test").post("/v1/refunds")
        except Unavailable:
            return
        finally:
            database.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, range(40)))
    assert changes == ["circuit_opened"]
    assert FAILURES_UNTIL_OPEN <= len(wire.requests) < FAILURES_UNTIL_OPEN + 8


def test_without_redis_calls_go_through(client: BoundClient, wire: WireServer, settings: Any) -> None:
    opened(client, wire)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    wire.answer = lambda request: FINE
    assert client.get("/v1/balance").ok
    assert circuit_of(client.connection) == Circuit(State.CLOSED)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"Retry-After": "20"}),
        (503, {"Retry-After": "20"}),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"}),
        (200, {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(int(time.time()) + 3600)}),
        (200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "20"}),
        (200, {"RateLimit": "limit=100, remaining=0, reset=20"}),
        (200, {"RateLimit": '"default";r=0;t=20'}),
        (200, {"RateLimit": '"default";t=20;r=0'}),
        (200, {"RateLimit": '"burst";r=5;t=1, "daily";r=0;t=600'}),
        (200, {"RateLimit": '"burst";r=0;t=1, "daily";r=0;t=600'}),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time() * 1000) + 3_600_000)}),
    ],
)
def test_a_provider_that_asks_for_a_pause_gets_it(
    client: BoundClient, wire: WireServer, status: int, headers: dict[str, str]
) -> None:
    wire.answer = lambda request: WireAnswer(status, {"ok": True}, headers)
    client.exchange("POST", "/v1/refunds")
    with pytest.raises(RateLimited) as raised:
        client.get("/v1/balance")
    assert len(wire.requests) == 1
    assert 15 < raised.value.retry_after < 3601
    assert circuit_of(client.connection).paused


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "20"},
        {"X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"},
        {"RateLimit": '"default";r=10;t=20'},
        {"RateLimit": '"r=0";r=10;t=20'},
        {"RateLimit": '"burst";r=0, "daily";r=10;t=20'},
        {"RateLimit": "limit=100, remaining=100, reset=20"},
        {"Retry-After": "20"},
    ],
)
def test_no_pause_is_read_into_headers_that_ask_for_none(
    client: BoundClient, wire: WireServer, headers: dict[str, str]
) -> None:
    wire.answer = lambda request: WireAnswer(200, {"ok": True}, headers)
    assert client.get("/v1/balance").ok
    assert client.get("/v1/balance").ok


def test_a_caller_may_wait_for_a_short_pause(client: BoundClient, wire: WireServer) -> None:
    wire.answer = lambda request: WireAnswer(200, {"ok": True}, {"RateLimit": "limit=1, remaining=0, reset=1"})
    assert client.get("/v1/balance").ok
    started = time.monotonic()
    patient = client_for(client.connection, operation="test", wait_seconds=2)
    assert patient.get("/v1/balance").ok
    assert 0.7 < time.monotonic() - started < 2
    with pytest.raises(RateLimited):
        client_for(client.connection, operation="test", wait_seconds=0.2).get("/v1/balance")


def test_a_decline_says_what_it_is_behind_a_circuit_too(client: BoundClient, wire: WireServer) -> None:
    wire.answer = lambda request: DOWN
    fail(client, FAILURES_UNTIL_OPEN - 1)
    wire.answer = lambda request: WireAnswer(402, {"error": {"code": "card_declined", "message": "No."}})
    with pytest.raises(Rejected):
        client.post("/v1/refunds")
    assert circuit_of(client.connection) == Circuit(State.CLOSED)
