"""What a provider can do wrong on the wire: what the caller gets, what is logged, and that the next call goes well."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from integrations.errors import IntegrationError, InvalidResponse, TimedOut, Unavailable
from integrations.gateway import client_for
from integrations.models import Connection
from monitoring.models import CallLog
from tests.factories import ConnectionFactory
from tests.gateway.raw_wire import HEAD, drip, raw_wire

pytestmark = pytest.mark.django_db
WELL = HEAD + b"Content-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def hangs(peer: socket.socket) -> None:
    threading.Event().wait(3)


def trickles(peer: socket.socket) -> None:
    drip(peer, [HEAD, b"Content-Length: 9000\r\n\r\n", *[b"x"] * 40], every_seconds=0.1)


def resets_mid_body(peer: socket.socket) -> None:
    peer.sendall(HEAD + b"Content-Length: 900\r\n\r\nhalf of it")
    time.sleep(0.05)
    # SO_LINGER with no time: close() sends a reset.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def hangs_up(peer: socket.socket) -> None:
    """Closes without a word."""


def sends_garbage(peer: socket.socket) -> None:
    peer.sendall(bytes(range(256)) * 40)


def sends_a_page(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<h1>Login</h1>\r\n"[:-1])


def sends_a_gigabyte(peer: socket.socket) -> None:
    peer.sendall(HEAD + b"Content-Length: 1073741824\r\n\r\n")
    for _ in range(1024):
        peer.sendall(bytes(1_048_576))


def sends_a_gigabyte_unannounced(peer: socket.socket) -> None:
    peer.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(1024):
        peer.sendall(b"100000\r\n" + bytes(1_048_576) + b"\r\n")


FAULTS: list[tuple[Callable[[socket.socket], None], type[IntegrationError], str, bool]] = [
    (hangs, TimedOut, "provider_timeout", True),
    (trickles, TimedOut, "provider_timeout", True),
    (resets_mid_body, Unavailable, "provider_unavailable", True),
    (hangs_up, Unavailable, "provider_unavailable", True),
    (sends_garbage, Unavailable, "provider_unavailable", True),
    (sends_a_gigabyte, InvalidResponse, "invalid_response", True),
    (sends_a_gigabyte_unannounced, InvalidResponse, "invalid_response", True),
]


@pytest.mark.parametrize(("fault", "error", "code", "in_doubt"), FAULTS, ids=[fault[0].__name__ for fault in FAULTS])
def test_a_fault_on_the_wire(
    fault: Callable[[socket.socket], None], error: type[IntegrationError], code: str, in_doubt: bool
) -> None:
    behaviour = fault
    with raw_wire(lambda peer: behaviour(peer)) as url:
        connection = ConnectionFactory(configuration={"base_url": url}, credentials={"api_key": "sk_test_sample"})
        client = client_for(connection, operation="fault", timeout_seconds=1.0)
        started = time.monotonic()
        with pytest.raises(error) as failure:
            client.post("/v1/payment_intents", form={"amount": "1250"})
        assert time.monotonic() - started < 2.5
        assert failure.value.code == code
        assert getattr(failure.value, "may_have_taken_effect", in_doubt) == in_doubt
        row = CallLog.objects.get(connection_id=connection.pk)
        assert (row.log_type, row.error_code, row.method, row.response_status) == ("error", code, "POST", None)
        assert (row.bytes_sent, row.operation) == (11, "fault")

        behaviour = lambda peer: peer.sendall(WELL)  # noqa: E731
        assert client_for(connection, operation="after").get("/v1/balance").json() == {}
        assert CallLog.objects.get(operation="after").response_status == 200


def test_a_page_in_the_place_of_json(settings: Any) -> None:
    with raw_wire(sends_a_page) as url:
        connection: Connection = ConnectionFactory(
            configuration={"base_url": url}, credentials={"api_key": "sk_test_sample"}
        )
        answer = client_for(connection, operation="fault").post("/v1/payment_intents")
        with pytest.raises(InvalidResponse):
            answer.json()
        assert "Login" in CallLog.objects.get(connection_id=connection.pk).response_body
