"""Against a Stripe server that others wrote, with its own signed webhooks: the whole way, over real sockets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from django.db import connection
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from integrations.models import Organization, Payment
from tests.factories import OrganizationFactory, catalogue_row, token_for
from tests.served import free_port
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.inbox import drain
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "sk_test_sample_not_a_key"


@pytest.fixture
def localstripe() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def relay(localstripe: str) -> Iterator[str]:
    """localstripe behind a relay that keeps back the one field that we send, and that it does not know of yet."""

    def forward(request: WireRequest) -> WireAnswer:
        form = {name: value for name, value in request.form.items() if name != "return_url"}
        told = requests.request(
            request.method,
            localstripe + request.path,
            params=request.query,
            data=urlencode(form),
            headers={name: value for name, value in request.headers.items() if name not in ("host", "content-length")},
            timeout=10,
        )
        return WireAnswer(told.status_code, told.content)

    with WireServer(forward) as server:
        yield server.url


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            requests.get(f"{url}/v1/balance", headers={"Authorization": f"Bearer {KEY}"}, timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("localstripe did not start")


class Api:
    def __init__(self, server: LiveServer, organization: Organization) -> None:
        self.url = f"{server.url}/api/v1"
        self.headers = {"Authorization": f"Bearer {token_for(organization)}"}

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/{path}", json=body or {}, headers=self.headers, timeout=30)
        assert answer.ok, answer.text
        answered: dict[str, Any] = answer.json()
        return answered


@pytest.fixture
def api(live_server: LiveServer, settings: Settings) -> Api:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    settings.PUBLIC_URL = live_server.url
    catalogue_row("stripe")
    return Api(live_server, OrganizationFactory())


@pytest.fixture
def connection_id(api: Api, relay: str) -> str:
    made = api.post(
        "connections/",
        {
            "provider": "stripe",
            "connection_name": "localstripe",
            "environment": "development",
            "configuration": {"base_url": relay},
            "credentials": {"api_key": KEY},
        },
    )
    assert api.post(f"connections/{made['id']}/test/")["ok"] is True
    assert api.post(f"connections/{made['id']}/activate/")["status"] == "active"
    return str(made["id"])


@pytest.fixture
def listening(api: Api, connection_id: str, localstripe: str) -> str:
    """Our endpoint, made known to localstripe the way it wants it; returns the endpoint's id."""
    endpoint = api.post("webhook-endpoints/", {"connection": connection_id, "event_types": []})
    registration = {"url": endpoint["webhook_url"], "secret": endpoint["webhook_secret"]}
    answer = requests.post(f"{localstripe}/_config/webhooks/{endpoint['id']}", json=registration, timeout=5)
    assert answer.ok
    return str(endpoint["id"])


def eventually(holds: Callable[[], bool]) -> None:
    """localstripe sends its events a second late."""
    deadline = time.monotonic() + 15
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail("it did not come to hold")
        time.sleep(0.1)
        connection.close()


def order(connection_id: str, **more: Any) -> dict[str, Any]:
    return {
        "connection": connection_id,
        "amount": "12.50",
        "currency": "AED",
        "reference": "order-1",
        "payment_token": "pm_card_visa",
        **more,
    }


def test_a_payment_is_created_captured_and_refunded(api: Api, connection_id: str) -> None:
    payment = api.post("payments/", order(connection_id, capture=False))
    assert (payment["status"], payment["amount_captured"]) == ("authorised", "0.00")
    captured = api.post(f"payments/{payment['id']}/capture/")
    assert (captured["status"], captured["amount_captured"]) == ("captured", "12.50")
    refunded = api.post(f"payments/{payment['id']}/refund/", {"amount": "4.50"})
    assert (refunded["status"], refunded["amount_refunded"]) == ("partially_refunded", "4.50")
    rest = api.post(f"payments/{payment['id']}/refund/")
    assert (rest["status"], rest["amount_refunded"]) == ("refunded", "12.50")


def test_its_events_arrive_and_are_applied(api: Api, connection_id: str, listening: str) -> None:
    payment = api.post("payments/", order(connection_id))
    # As if the answer had been lost: only the event can tell now that the money was taken.
    Payment.objects.filter(pk=payment["id"]).update(status=Payment.Status.PENDING, amount_captured=0)
    eventually(lambda: WebhookEvent.objects.filter(event_type="payment_intent.succeeded").exists())
    event = WebhookEvent.objects.get(event_type="payment_intent.succeeded")
    assert (str(event.webhook_endpoint_id), event.signature_verified) == (listening, True)
    drain(seconds=10)
    event.refresh_from_db()
    assert event.processing_status == WebhookEvent.Status.COMPLETED, event.error_message
    stored = Payment.objects.get(pk=payment["id"])
    assert (stored.status, str(stored.amount_captured)) == ("captured", "12.5000")


def test_an_event_that_comes_late_undoes_no_refund(api: Api, connection_id: str, listening: str) -> None:
    """Captured and half refunded before the event that tells of the capture is here."""
    payment = api.post("payments/", order(connection_id, capture=False))
    api.post(f"payments/{payment['id']}/capture/")
    api.post(f"payments/{payment['id']}/refund/", {"amount": "6.25"})
    eventually(lambda: WebhookEvent.objects.filter(event_type="payment_intent.succeeded").exists())
    drain(seconds=10)
    assert not WebhookEvent.objects.exclude(processing_status=WebhookEvent.Status.COMPLETED).exists()
    stored = Payment.objects.get(pk=payment["id"])
    assert (stored.status, str(stored.amount_captured)) == ("partially_refunded", "12.5000")
    assert str(stored.amount_refunded) == "6.2500"


def test_a_key_that_localstripe_refuses_is_told(api: Api, localstripe: str) -> None:
    made = api.post(
        "connections/",
        {
            "provider": "stripe",
            "connection_name": "wrong",
            "environment": "development",
            "configuration": {"base_url": localstripe},
            "credentials": {"api_key": "rk_test_not_for_localstripe"},
        },
    )
    tested = api.post(f"connections/{made['id']}/test/")
    assert (tested["ok"], tested["error_code"]) == (False, "authentication_failed")
