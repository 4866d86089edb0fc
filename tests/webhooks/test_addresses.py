"""Who may call an endpoint, and whom we take the caller for behind proxies of our own."""

from __future__ import annotations

import ipaddress
import logging
from typing import Any

import pytest

from webhooks.endpoints import update_endpoint
from webhooks.models import WebhookEvent

from .outside import connect, deliver
from .test_door import refusal

pytestmark = pytest.mark.usefixtures("outside_providers")
EVENT = b'{"id": "1", "kind": "told"}'


def trust(settings: Any, *networks: str) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(network) for network in networks]


def test_any_address_may_call_where_none_are_named() -> None:
    assert deliver(connect("outside_json"), EVENT, REMOTE_ADDR="198.51.100.7").status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"])
def test_the_provider_s_own_addresses_may_call(address: str) -> None:
    assert deliver(connect("outside_networks"), EVENT, REMOTE_ADDR=address).status_code == 200


def test_another_address_is_refused_and_written_down_without_the_body(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = connect("outside_networks")
    with caplog.at_level(logging.WARNING):
        answer = deliver(endpoint, b'{"id": "1", "kind": "sample-canary"}', REMOTE_ADDR="198.51.100.7")
    assert refusal(answer) == (403, "address_refused")
    assert not WebhookEvent.objects.exists()
    assert "198.51.100.7" in caplog.text
    assert "sample-canary" not in caplog.text


def test_an_endpoint_s_own_networks_go_before_the_provider_s() -> None:
    endpoint = connect("outside_networks", allowed_networks=["198.51.100.0/24"])
    assert deliver(endpoint, EVENT, REMOTE_ADDR="198.51.100.7").status_code == 200
    assert refusal(deliver(endpoint, EVENT, REMOTE_ADDR="192.0.2.7")) == (403, "address_refused")


def test_what_comes_from_elsewhere_does_not_use_up_the_endpoint_s_minute() -> None:
    endpoint = connect("outside_networks")
    update_endpoint(endpoint, max_per_minute=1)
    for _ in range(5):
        assert deliver(endpoint, EVENT, REMOTE_ADDR="198.51.100.7").status_code == 403
    assert deliver(endpoint, EVENT, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("192.0.2.7", 200),
        ("192.0.2.7:50512", 200),
        ("[2001:db8::7]:50512", 200),
        ("198.51.100.7, 192.0.2.7, 10.0.0.9", 200),
        ("192.0.2.7, 198.51.100.7", 403),
        ("192.0.2.7, 198.51.100.7, 10.0.0.9", 403),
        ("192.0.2.7, nonsense", 403),
        ("", 403),
    ],
)
def test_a_proxy_of_ours_is_believed_about_whom_it_was_called_by(forwarded: str, status: int, settings: Any) -> None:
    trust(settings, "10.0.0.0/8")
    endpoint = connect("outside_networks")
    answer = deliver(endpoint, EVENT, REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": forwarded})
    assert answer.status_code == status


def test_nobody_else_is_believed(settings: Any) -> None:
    endpoint = connect("outside_networks")
    for proxies in ([], ["10.0.0.0/8"]):
        trust(settings, *proxies)
        answer = deliver(endpoint, EVENT, REMOTE_ADDR="198.51.100.7", headers={"x-forwarded-for": "192.0.2.7"})
        assert answer.status_code == 403
