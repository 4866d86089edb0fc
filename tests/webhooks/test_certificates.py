"""A certificate that a signature names by address is fetched once; a forger cannot make us call around."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire import WireAnswer, WireServer
from webhooks import certificates
from webhooks.models import WebhookEvent

from .outside import connect, deliver
from .test_door import refusal

pytestmark = pytest.mark.usefixtures("outside_providers")
CERTIFICATE = b"the certificate"


@pytest.fixture
def host(settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    certificates.forget()
    with WireServer(lambda request: WireAnswer(200, CERTIFICATE)) as server:
        yield server
    certificates.forget()


def tell(endpoint: Any, address: str, event_id: str = "1") -> Any:
    body = b'{"id": "%s", "kind": "told"}' % event_id.encode()
    return deliver(endpoint, body, headers={"x-outside-certificate": address})


def test_a_certificate_is_fetched_once_for_many_events(host: WireServer) -> None:
    endpoint = connect("outside_certificate")
    for number in range(5):
        assert tell(endpoint, f"{host.url}/one.pem", str(number)).status_code == 200
    assert (len(host.requests), WebhookEvent.objects.count()) == (1, 5)


@pytest.mark.parametrize("status", [404, 403, 302])
def test_that_there_is_none_is_remembered(status: int, host: WireServer) -> None:
    host.answer = lambda request: WireAnswer(status, b"", {"Location": "/other.pem"} if status == 302 else {})
    endpoint = connect("outside_certificate")
    for _ in range(3):
        assert refusal(tell(endpoint, f"{host.url}/forged.pem")) == (401, "signature_refused")
    assert len(host.requests) == 1


def test_while_it_cannot_be_had_the_provider_keeps_the_event(host: WireServer) -> None:
    host.answer = lambda request: WireAnswer(503)
    endpoint = connect("outside_certificate")
    for _ in range(3):
        answer = tell(endpoint, f"{host.url}/one.pem")
        assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert len(host.requests) == 1
    certificates.forget()  # as seconds do
    host.answer = lambda request: WireAnswer(200, CERTIFICATE)
    assert tell(endpoint, f"{host.url}/one.pem").status_code == 200


def test_a_flood_is_no_certificate(host: WireServer) -> None:
    host.answer = lambda request: WireAnswer(200, b"x" * 2_000_000)
    assert refusal(tell(connect("outside_certificate"), f"{host.url}/one.pem")) == (401, "signature_refused")


def test_an_address_inside_our_network_is_not_called(host: WireServer, settings: Any) -> None:
    settings.EGRESS_ALLOW = []
    assert refusal(tell(connect("outside_certificate"), f"{host.url}/one.pem")) == (401, "signature_refused")
    assert host.requests == []


def test_ever_new_addresses_are_asked_for_only_so_often(host: WireServer) -> None:
    endpoint = connect("outside_certificate")
    assert tell(endpoint, f"{host.url}/genuine.pem").status_code == 200
    host.answer = lambda request: WireAnswer(404)
    forged = [tell(endpoint, f"{host.url}/{number}.pem").status_code for number in range(60)]
    assert forged.count(401) < 30
    assert set(forged[-20:]) == {503}
    assert len(host.requests) < 30
    assert tell(endpoint, f"{host.url}/genuine.pem", "2").status_code == 200, "what is known is not forgotten over it"
