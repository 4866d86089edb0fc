from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from integrations.egress import check_url, is_public, permitted_addresses
from integrations.errors import EgressRefused, Unavailable
from integrations.gateway import BoundClient, FinishedCall
from tests.tls import self_signed
from tests.wire import WireAnswer, WireServer

Clients = Callable[..., BoundClient]

INSIDE = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.fixture(autouse=True)
def _nothing_is_opened(settings: Any) -> None:
    settings.EGRESS_ALLOW = []
    settings.SANDBOX = False


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(EgressRefused):
        permitted_addresses(address, 443, tls=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "::ffff:8.8.8.8", "2606:4700::1111"])
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


DISGUISED = [
    "localhost",
    # 127.0.0.1 in decimal, octal, hexadecimal, with parts left out, and mapped
    "2130706433", "0177.0.0.1", "0177.0.0.01", "017700000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "0x7f000001", "127.1",
    "127.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:127.0.0.1", "::7f00:1", "0:0:0:0:0:0:0:1",
    # 0.0.0.0, which is this machine, too
    "0", "0x0", "00000000000",
    # 169.254.169.254, where clouds keep a machine's credentials
    "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "::ffff:a9fe:a9fe",
    # private networks
    "3232235777", "0xc0a80101", "167772161", "012.0.0.1", "0xA.0.0.1", "10.1", "fe80::1%lo",
]  # fmt: skip


def test_the_table_is_long_enough() -> None:
    assert len({*INSIDE, *DISGUISED}) >= 60


@pytest.mark.parametrize("disguised", DISGUISED)
def test_a_disguised_address_is_judged_by_what_it_means(disguised: str) -> None:
    with pytest.raises(EgressRefused):
        permitted_addresses(disguised, 443, tls=True)


def test_one_answer_inside_is_enough_to_refuse_a_name(settings: Any) -> None:
    # Many machines have ::1 and 127.0.0.1 for this name: opening one of them does not open the other.
    settings.EGRESS_ALLOW = ["::1"]
    with pytest.raises(EgressRefused):
        permitted_addresses("localhost", 443, tls=True)


def test_a_name_that_does_not_resolve_is_no_refusal() -> None:
    with pytest.raises(Unavailable):
        permitted_addresses("no-such-name.invalid", 443, tls=True)
    with pytest.raises(Unavailable):
        permitted_addresses("x" * 70 + ".example", 443, tls=True)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "//example.com/",
        "example.com",
        "https://",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://api.stripe.com@127.0.0.1/",
        "https://@example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com#@127.0.0.1/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: x",
        "https://example.com/\x00",
        "https://example.com:99999/",
        "https://example.com:x/",
        "https://[::1/",
        "https://１２７.０.０.１/",
        "https://127。0。0。1/",
        "https://example.com/v1/../admin",
        "https://example.com/v1/%2e%2e/admin",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        check_url(url)


def test_plain_http_goes_to_opened_addresses_only(settings: Any) -> None:
    with pytest.raises(EgressRefused, match="https"):
        permitted_addresses("8.8.8.8", 80, tls=False)
    settings.EGRESS_ALLOW = ["10.1.0.0/16", "localhost"]
    assert permitted_addresses("10.1.2.3", 80, tls=False) == ["10.1.2.3"]
    assert "127.0.0.1" in permitted_addresses("localhost", 80, tls=False)
    for still_closed in ("10.2.0.1", "127.0.0.1"):
        with pytest.raises(EgressRefused):
            permitted_addresses(still_closed, 443, tls=True)


def test_our_own_address_is_open_for_the_sandbox_alone(
    client_to: Clients, wire: WireServer, settings: Any, finished: list[FinishedCall]
) -> None:
    settings.PUBLIC_URL = wire.url
    for path in ("/sandbox/v1", "/sandbox/../admin"):
        with pytest.raises(EgressRefused):
            client_to(wire.url + path).get("/balance")
    settings.SANDBOX = True
    assert client_to(wire.url + "/sandbox/v1").get("/balance").ok
    # The connection is kept alive, and must not carry what may not go over it.
    for path in ("", "/admin", "/sandbox/../admin", "/sandbox/%2e%2e/admin", "/sandboxes"):
        with pytest.raises(EgressRefused):
            client_to(wire.url + path).get("/balance")
    assert [request.path for request in wire.requests] == ["/sandbox/v1/balance"]


def test_a_refused_address_is_never_connected_to_and_the_refusal_is_told(
    client_to: Clients, wire: WireServer, finished: list[FinishedCall]
) -> None:
    with pytest.raises(EgressRefused) as raised:
        client_to(wire.url).post("/v1/refunds", idempotency_key="order-1")
    assert (wire.requests, wire.connections) == ([], 0)
    assert [(call.log_type, call.error_code) for call in finished] == [("error", "egress_refused")]
    assert raised.value.http_status == 403


def test_a_name_is_reached_at_another_of_its_addresses_when_one_is_silent(
    client_to: Clients, wire: WireServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        addresses = ["127.0.0.9", "127.0.0.1"] if host == "two.example" else [host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    settings.EGRESS_ALLOW = ["two.example"]
    assert client_to(f"http://two.example:{wire.port}").get("/v1/balance").ok
    assert wire.requests[0].headers["host"] == f"two.example:{wire.port}"


@pytest.mark.parametrize("disguised", DISGUISED)
def test_no_disguise_is_called(client_to: Clients, disguised: str, finished: list[FinishedCall]) -> None:
    host = f"[{disguised}]" if ":" in disguised else disguised
    with pytest.raises(EgressRefused):
        client_to(f"https://{host}").get("/latest/meta-data/")
    assert [call.error_code for call in finished] == ["egress_refused"]


def test_a_name_that_resolves_otherwise_a_moment_later_gains_nothing(
    client_to: Clients, wire: WireServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: the address that was judged is the one that is connected to; the name is not asked again."""
    answers = iter(["127.0.0.1", "127.0.0.2"])
    asked: list[str] = []

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host == "rebind.example":
            asked.append(host)
        address = next(answers) if host == "rebind.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    wire.answer = lambda request: WireAnswer(200, {"ok": True}, {"Connection": "close"})
    client = client_to(f"http://rebind.example:{wire.port}")
    assert client.get("/v1/balance").ok
    assert len(asked) == 1
    with pytest.raises(EgressRefused):
        client.get("/v1/balance")
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/", "http://127.0.0.1:1/", "//10.0.0.1/", "/v1/else"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere(
    client_to: Clients, wire: WireServer, settings: Any, status: int, location: str
) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    wire.answer = lambda request: WireAnswer(status, b"", {"Location": location})
    assert client_to(wire.url).exchange("GET", "/v1/balance").status == status
    assert len(wire.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(client_to: Clients, settings: Any, tmp_path: Path) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    with _tls_server(tmp_path) as port, pytest.raises(Unavailable, match="certificate") as raised:
        client_to(f"https://127.0.0.1:{port}").post("/v1/refunds")
    assert not raised.value.may_have_taken_effect


@contextmanager
def _tls_server(folder: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder, "127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                    context.wrap_socket(peer, server_side=True).close()
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
