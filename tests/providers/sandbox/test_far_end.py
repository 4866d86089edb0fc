"""The sandbox's client against the sandbox itself, over HTTP."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from integrations.errors import Rejected, Unavailable
from integrations.providers.payment.sandbox import Sandbox
from integrations.providers.results import Customer, PaymentRequest, PaymentResult, PaymentStatus, RefundStatus
from integrations.providers.signatures import StandardWebhooks
from tests.providers.sandbox.wire import CREDENTIALS
from tests.providers.wire_client import WireClient


@pytest.fixture
def client(live_server: LiveServer, settings: Settings) -> WireClient:
    settings.PUBLIC_URL = live_server.url
    address = Sandbox.base_urls["development"].format(public_url=live_server.url)
    return WireClient(Sandbox(), address, CREDENTIALS)


def create(
    client: WireClient, amount: str = "12.50", *, token: str = "tok_visa", capture: bool = True
) -> PaymentResult:
    order = PaymentRequest(
        amount=Decimal(amount),
        currency="AED",
        reference="order-1",
        capture=capture,
        method="card",
        customer=Customer(name="Sample", email="payer@example.com"),
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/basket",
        payment_token=token,
        metadata={"tailor": "7"},
    )
    return Sandbox().create_payment(client, order, idempotency_key=f"key-{time.monotonic_ns()}")


def test_a_payment_s_whole_life(client: WireClient) -> None:
    sandbox = Sandbox()
    payment = create(client, capture=False)
    assert payment.status == PaymentStatus.AUTHORISED

    captured = sandbox.capture_payment(
        client, payment.provider_reference, amount=Decimal("10.00"), currency="AED", idempotency_key="capture"
    )
    assert (captured.status, captured.amount_captured) == (PaymentStatus.CAPTURED, Decimal("10.00"))

    refund = sandbox.refund_payment(
        client, payment.provider_reference, amount=None, currency="AED", idempotency_key="refund"
    )
    assert (refund.status, refund.amount) == (RefundStatus.SUCCEEDED, Decimal("10.00"))
    assert sandbox.get_payment(client, payment.provider_reference).status == PaymentStatus.REFUNDED


def test_a_payment_with_no_token_has_a_page(client: WireClient) -> None:
    payment = create(client, token="")

    assert payment.status == PaymentStatus.REQUIRES_ACTION
    assert payment.redirect_url.startswith(client.base_url + "/pay/")


def test_a_marked_amount_is_a_failed_payment_with_its_reason(client: WireClient) -> None:
    payment = create(client, "10.02")

    assert (payment.status, payment.failure_code) == (PaymentStatus.FAILED, "insufficient_funds")


def test_a_marked_amount_finds_the_sandbox_down(client: WireClient) -> None:
    with pytest.raises(Unavailable):
        create(client, "10.53")


def test_an_authorisation_is_voided_once(client: WireClient) -> None:
    payment = create(client, capture=False)
    voided = Sandbox().void_payment(client, payment.provider_reference, idempotency_key="void")
    assert voided.status == PaymentStatus.CANCELLED

    with pytest.raises(Rejected) as refused:
        Sandbox().void_payment(client, payment.provider_reference, idempotency_key="void again")
    assert refused.value.provider_code == "missing_idempotency_key"
    with pytest.raises(Rejected) as refused:
        Sandbox().void_payment(client, payment.provider_reference, idempotency_key="void-again")
    assert refused.value.provider_code == "invalid_state"


def test_our_webhook_door_is_registered(client: WireClient, live_server: LiveServer) -> None:
    door = f"{live_server.url}/webhooks/01890000-0000-7000-8000-000000000000/"
    Sandbox().register_webhook(client, door, StandardWebhooks().generate_secret())

    assert client.get("/v1/account").json()["webhooks"] == 1
