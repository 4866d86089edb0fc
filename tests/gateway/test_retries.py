from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from integrations.answers import asked_to_wait
from integrations.errors import (
    EgressRefused,
    IntegrationError,
    InvalidResponse,
    RateLimited,
    Rejected,
    TimedOut,
    Unavailable,
)
from integrations.gateway import BoundClient, FinishedCall
from integrations.providers.base import Answer
from integrations.request_id import Origin, originating
from monitoring.models import CallLog
from tests.factories import RateLimitFactory
from tests.wire import WireAnswer, WireRequest, WireServer

from .raw_wire import HEAD, drip, raw_wire

Clients = Callable[..., BoundClient]
DOWN = WireAnswer(503)
FINE = WireAnswer(200, {"ok": True})


def one_after_another(*answers: WireAnswer) -> Callable[[WireRequest], WireAnswer]:
    """Each answer once, the last one from then on."""
    rest = itertools.chain(answers[:-1], itertools.repeat(answers[-1]))
    return lambda request: next(rest)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_get_is_tried_again(client: BoundClient, wire: WireServer, status: int) -> None:
    wire.answer = one_after_another(WireAnswer(status), FINE)
    assert client.get("/v1/balance").ok
    assert len(wire.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422])
def test_a_refusal_is_not_tried_again(client: BoundClient, wire: WireServer, status: int) -> None:
    wire.answer = lambda request: WireAnswer(status)
    with pytest.raises(IntegrationError):
        client.get("/v1/balance")
    assert len(wire.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_without_a_key_is_never_tried_again(client: BoundClient, wire: WireServer, method: str) -> None:
    wire.answer = lambda request: DOWN
    with pytest.raises(Unavailable) as raised:
        client.request(method, "/v1/refunds")
    assert raised.value.may_have_taken_effect
    assert len(wire.requests) == 1


def test_a_write_with_a_key_is_tried_again_with_the_same_key(client: BoundClient, wire: WireServer) -> None:
    wire.answer = one_after_another(DOWN, DOWN, FINE)
    client.post("/v1/refunds", form={"amount": "100"}, idempotency_key="order-1")
    assert [request.headers["idempotency-key"] for request in wire.requests] == ["order-1"] * 3
    assert {request.body for request in wire.requests} == {b"amount=100"}


def test_a_provider_that_knows_no_keys_gets_none_and_no_second_write(client_to: Clients, wire: WireServer) -> None:
    client = client_to(wire.url)
    client._provider = type("Keyless", (type(client._provider),), {"idempotency_header": ""})()
    wire.answer = lambda request: DOWN
    with pytest.raises(Unavailable):
        client.post("/v1/refunds", idempotency_key="order-1")
    (request,) = wire.requests
    assert "order-1" not in str(request.headers)


def test_three_attempts_are_enough_and_each_is_told(
    client: BoundClient, wire: WireServer, finished: list[FinishedCall]
) -> None:
    wire.answer = lambda request: DOWN
    with pytest.raises(Unavailable):
        client.get("/v1/balance")
    assert len(wire.requests) == 3
    assert [(call.attempt, call.error_code) for call in finished] == [
        (number, "provider_unavailable") for number in (1, 2, 3)
    ]


def test_the_attempts_of_a_call_are_found_in_the_log_by_one_request_id(client: BoundClient, wire: WireServer) -> None:
    wire.answer = one_after_another(DOWN, FINE)
    with originating(Origin("request-4711")):
        client.get("/v1/balance")
    rows = CallLog.objects.filter(request_id="request-4711").order_by("attempt")
    assert [(row.attempt, row.response_status) for row in rows] == [(1, 503), (2, 200)]
    wire.answer = one_after_another(DOWN, FINE)
    client.get("/v1/balance")
    ids = set(CallLog.objects.exclude(request_id="request-4711").values_list("request_id", flat=True))
    assert len(ids) == 1, "outside of a request, too, the attempts of one call belong together"


def test_a_provider_that_is_not_there_is_tried_again_and_nothing_was_done(
    client_to: Clients, finished: list[FinishedCall]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable) as raised:
        client_to(f"http://127.0.0.1:{port}").post("/v1/refunds", idempotency_key="order-1")
    assert not raised.value.may_have_taken_effect
    assert [call.log_type for call in finished] == ["error"] * 3


def test_a_connection_that_breaks_off_leaves_a_doubt(client_to: Clients) -> None:
    with raw_wire(lambda peer: None) as url, pytest.raises(Unavailable) as raised:
        client_to(url).post("/v1/refunds")
    assert raised.value.may_have_taken_effect


@pytest.mark.parametrize(("status", "advice", "calls"), [(500, "false", 1), (409, "true", 2), (500, "perhaps", 2)])
def test_a_provider_that_says_whether_to_ask_again_is_obeyed(
    client: BoundClient, wire: WireServer, status: int, advice: str, calls: int
) -> None:
    wire.answer = one_after_another(WireAnswer(status, b"{}", {"Stripe-Should-Retry": advice}), FINE)
    if calls == 1:
        with pytest.raises(Unavailable) as raised:
            client.post("/v1/refunds", idempotency_key="key-1")
        assert raised.value.may_have_taken_effect
    else:
        assert client.post("/v1/refunds", idempotency_key="key-1").ok
    assert len(wire.requests) == calls


def test_a_call_that_may_not_be_repeated_is_not_whatever_the_provider_says(
    client: BoundClient, wire: WireServer
) -> None:
    wire.answer = lambda request: WireAnswer(409, b"{}", {"Stripe-Should-Retry": "true"})
    with pytest.raises(Rejected):
        client.post("/v1/refunds")
    assert len(wire.requests) == 1


def test_the_wait_that_a_provider_asks_for_is_kept(client: BoundClient, wire: WireServer) -> None:
    wire.answer = one_after_another(WireAnswer(429, b"", {"Retry-After": "1"}), FINE)
    started = time.monotonic()
    client.get("/v1/balance")
    assert 1.0 <= time.monotonic() - started < 3.0


def test_a_wait_beyond_the_deadline_ends_the_call_at_once(client_to: Clients, wire: WireServer) -> None:
    wire.answer = lambda request: WireAnswer(429, b"", {"Retry-After": "60"})
    started = time.monotonic()
    with pytest.raises(RateLimited) as raised:
        client_to(wire.url).get("/v1/balance")
    assert time.monotonic() - started < 2
    assert raised.value.retry_after == 60
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("0", 0), ("7", 7), (" 7 ", 7), ("9" * 400, 86_400), ("", None), ("soon", None), ("-5", None), ("1.5", None)],
)
def test_retry_after_in_seconds(given: str, seconds: float | None) -> None:
    assert asked_to_wait(Answer(429, {"retry-after": given}, b"")) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_as_a_date(zone: str) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=90)
    written = format_datetime(moment, usegmt=True).replace("GMT", zone)
    assert asked_to_wait(Answer(429, {"retry-after": written}, b"")) == pytest.approx(90, abs=2)
    assert asked_to_wait(Answer(429, {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, b"")) == 0
    assert asked_to_wait(Answer(429, {"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, b"")) in (None, 86_400)


@pytest.mark.parametrize("second", [401, 403, 404, 409, 429])
def test_a_later_refusal_does_not_hide_that_the_first_try_may_count(
    client: BoundClient, wire: WireServer, second: int
) -> None:
    wire.answer = one_after_another(DOWN, WireAnswer(second, b"", {"Retry-After": "60"}))
    with pytest.raises(Unavailable) as raised:
        client.post("/v1/payment_intents", idempotency_key="order-1")
    assert raised.value.may_have_taken_effect
    assert len(wire.requests) == 2


def test_a_decline_of_the_repetition_is_the_answer(client: BoundClient, wire: WireServer) -> None:
    wire.answer = one_after_another(DOWN, WireAnswer(402, {"error": {"code": "card_declined"}}))
    with pytest.raises(Rejected):
        client.post("/v1/payment_intents", idempotency_key="order-1")


def test_an_unreachable_repetition_does_not_hide_that_the_first_try_may_count(client_to: Clients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def read_once_and_be_gone() -> None:
            peer, _ = listener.accept()
            peer.recv(65_536)
            listener.close()
            peer.close()

        threading.Thread(target=read_once_and_be_gone, daemon=True).start()
        client = client_to(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(Unavailable) as raised:
            client.post("/v1/payment_intents", idempotency_key="order-1")
    assert raised.value.may_have_taken_effect


def test_a_limit_reached_between_tries_does_not_hide_that_the_first_may_count(
    client: BoundClient, wire: WireServer
) -> None:
    RateLimitFactory(connection=client.connection, limit_type="per_day", max_requests=1)
    wire.answer = lambda request: DOWN
    with pytest.raises(Unavailable) as raised:
        client.post("/v1/payment_intents", idempotency_key="order-1")
    assert raised.value.may_have_taken_effect
    assert len(wire.requests) == 1


@pytest.mark.parametrize(("method", "doubt"), [("GET", False), ("POST", True)])
def test_the_deadline_covers_all_attempts(client_to: Clients, wire: WireServer, method: str, doubt: bool) -> None:
    wire.answer = lambda request: WireAnswer(200, delay_seconds=10)
    started = time.monotonic()
    with pytest.raises(TimedOut) as raised:
        client_to(wire.url, timeout_seconds=0.6).request(method, "/v1/balance")
    assert 0.5 < time.monotonic() - started < 1.5
    assert raised.value.may_have_taken_effect is doubt


def test_an_operation_may_have_a_shorter_time_out_after_which_it_is_tried_again(
    client: BoundClient, wire: WireServer, finished: list[FinishedCall]
) -> None:
    client._provider = type("Hasty", (type(client._provider),), {"timeouts": {"test": 0.3}})()
    wire.answer = one_after_another(WireAnswer(200, delay_seconds=2), FINE)
    started = time.monotonic()
    assert client.get("/v1/balance").ok
    assert time.monotonic() - started < 1.5
    assert [call.error_code for call in finished] == ["provider_timeout", ""]


def dripped_body() -> Iterator[bytes]:
    yield HEAD + b"Content-Length: 1000\r\n\r\n"
    yield from itertools.repeat(b" ", 100)


def dripped_head() -> Iterator[bytes]:
    yield HEAD
    yield from itertools.repeat(b"X-More: 1\r\n", 100)


def dripped_chunks() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"1\r\nx\r\n", 100)


@pytest.mark.parametrize("pieces", [dripped_body, dripped_head, dripped_chunks])
def test_a_trickle_does_not_outlast_the_deadline(client_to: Clients, pieces: Callable[[], Iterator[bytes]]) -> None:
    with raw_wire(lambda peer: drip(peer, pieces(), every_seconds=0.05)) as url:
        started = time.monotonic()
        with pytest.raises(TimedOut) as raised:
            client_to(url, timeout_seconds=0.6).post("/v1/refunds")
    assert time.monotonic() - started < 1.5
    assert raised.value.may_have_taken_effect


def test_a_short_deadline_does_not_shorten_the_next_call_on_the_same_connection(
    client: BoundClient, client_to: Clients, wire: WireServer
) -> None:
    client_to(wire.url, timeout_seconds=0.3).get("/v1/balance")
    wire.answer = lambda request: WireAnswer(200, {"ok": True}, delay_seconds=0.6)
    assert client.get("/v1/balance").ok
    assert wire.connections == 1


def test_ten_megabytes_are_read_and_one_byte_more_is_refused(client: BoundClient, wire: WireServer) -> None:
    bound = 10 * 1024 * 1024
    wire.answer = lambda request: WireAnswer(200, b" " * bound)
    assert len(client.get("/v1/balance").body) == bound
    wire.answer = lambda request: WireAnswer(200, b" " * (bound + 1))
    with pytest.raises(InvalidResponse, match="larger"):
        client.get("/v1/balance")
    wire.answer = lambda request: FINE
    assert client.get("/v1/balance").json() == {"ok": True}


def test_the_bound_of_an_answer_can_be_set(client: BoundClient, wire: WireServer, settings: Any) -> None:
    settings.MAX_ANSWER_BYTES = 1000
    wire.answer = lambda request: WireAnswer(200, b" " * 1000)
    assert len(client.get("/v1/files").body) == 1000
    wire.answer = lambda request: WireAnswer(200, b" " * 1001)
    with pytest.raises(InvalidResponse, match="1000 bytes"):
        client.get("/v1/files")


def test_a_bomb_is_refused_before_it_is_unpacked_whole(client: BoundClient, wire: WireServer) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), compresslevel=9)
    wire.answer = lambda request: WireAnswer(200, bomb, {"Content-Encoding": "gzip"})
    started = time.monotonic()
    with pytest.raises(InvalidResponse, match="larger"):
        client.get("/v1/balance")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"",
    ],
)
def test_broken_http_is_an_error_of_ours(client_to: Clients, answer: bytes) -> None:
    with raw_wire(lambda peer: peer.sendall(answer)) as url, pytest.raises((Unavailable, InvalidResponse)) as raised:
        client_to(url).post("/v1/refunds")
    assert not isinstance(raised.value, EgressRefused)
    assert getattr(raised.value, "may_have_taken_effect", True)
