"""Paymob through the operations, the gateway and the door: what a shop and a payer do in a day."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from integrations import access_tokens
from integrations.errors import AuthenticationFailed, Rejected
from integrations.models import Connection, Payment
from integrations.operations.connection_test import probe
from integrations.operations.payments import (
    sync_payment,
)
from integrations.providers.payment.paymob import Paymob
from tests.factories import ConnectionFactory
from tests.providers.paymob.wire import CONFIGURATION, CREDENTIALS, Account, notice
from tests.providers.shop_story import order, stands
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)
SIGNED = (
    "amount_cents", "created_at", "currency", "error_occured", "has_parent_transaction", "id", "integration_id",
    "is_3d_secure", "is_auth", "is_capture", "is_refunded", "is_standalone_payment", "is_voided", "order.id", "owner",
    "pending", "source_data.pan", "source_data.sub_type", "source_data.type", "success",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_token_is_known() -> Iterator[None]:
    access_tokens._kept.clear()
    yield
    access_tokens._kept.clear()


@pytest.fixture
def server(account: Account, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(account.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Any:
    configuration = {**CONFIGURATION, "base_url": server.url}
    return ConnectionFactory(slug="paymob", credentials=CREDENTIALS, configuration=configuration)


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection)[0]


def notify(endpoint: WebhookEndpoint, transaction: dict[str, Any], secret: str = CREDENTIALS["webhook_secret"]) -> int:
    """As Paymob does: the digest of twenty bare values, in the query."""
    digest = hmac.new(secret.encode(), "".join(_values(transaction)).encode(), hashlib.sha512).hexdigest()
    address = f"/webhooks/{endpoint.pk}/?hmac={digest}"
    return Client().post(address, notice(transaction), content_type="application/json").status_code


def _values(transaction: dict[str, Any]) -> Iterator[str]:
    for path in SIGNED:
        value: Any = transaction
        for name in path.split("."):
            value = value[name]
        yield str(value).lower() if isinstance(value, bool) else str(value)


def test_a_callback_makes_us_ask_and_the_answer_is_believed(
    connection: Connection, endpoint: WebhookEndpoint, account: Account
) -> None:
    payment = order(connection)
    assert (payment.status, payment.provider_reference) == ("requires_action", str(payment.pk))
    paid = account.pay(str(payment.pk))
    assert notify(endpoint, paid) == 200
    assert notify(endpoint, paid) == 200
    assert drain() == 1
    assert stands(payment) == ("captured", "12.50", "0.00")


def test_a_callback_that_lies_about_what_is_not_signed_changes_nothing(
    connection: Connection, endpoint: WebhookEndpoint, account: Account
) -> None:
    """The total of what was refunded is not among the twenty fields."""
    payment = order(connection)
    paid = account.pay(str(payment.pk))
    notify(endpoint, {**paid, "refunded_amount_cents": 1250})
    drain()
    assert stands(payment) == ("captured", "12.50", "0.00")


def test_a_forged_callback_stays_at_the_door(
    connection: Connection, endpoint: WebhookEndpoint, account: Account
) -> None:
    payment = order(connection)
    assert notify(endpoint, account.pay(str(payment.pk)), "ANOTHERSECRET00000000000") == 401
    assert not WebhookEvent.objects.exists()


def test_a_refund_in_the_dashboard_is_fetched_when_it_is_told(
    connection: Connection, endpoint: WebhookEndpoint, account: Account
) -> None:
    payment = order(connection)
    paid = account.pay(str(payment.pk))
    sync_payment(payment)
    assert notify(endpoint, account.child(paid, "refund", 500)) == 200
    assert drain() == 1
    assert stands(payment) == ("partially_refunded", "12.50", "5.00")


def test_a_callback_finds_a_payment_whose_answer_was_lost(
    connection: Connection, endpoint: WebhookEndpoint, account: Account, server: WireServer
) -> None:
    server.answer = lost(account)
    payment = order(connection)
    server.answer = account.answer
    notify(endpoint, account.pay(str(payment.pk)))
    assert drain() == 1
    assert stands(payment) == ("captured", "12.50", "0.00")


def test_a_page_that_was_lost_cannot_be_opened_again_under_the_same_reference(
    connection: Connection, account: Account, server: WireServer
) -> None:
    server.answer = lost(account)
    payment = order(connection)
    server.answer = account.answer
    Payment.objects.update(updated_at=F("updated_at") - timedelta(minutes=5))
    with pytest.raises(Rejected, match="already exists"):
        sync_payment(payment)
    assert stands(payment) == ("failed", "0.00", "0.00")


def test_one_token_serves_many_questions(connection: Connection, account: Account, server: WireServer) -> None:
    payment = order(connection)
    account.pay(str(payment.pk))
    for _ in range(3):
        sync_payment(payment)
    assert [request.path for request in server.requests].count("/api/auth/tokens") == 1


def test_a_bad_api_key_is_told_as_bad_credentials(connection: Connection, server: WireServer) -> None:
    server.answer = lambda request: WireAnswer(403, {"detail": "incorrect credentials"})
    tested = probe(connection, Paymob())
    assert (tested.ok, tested.error_code) == (False, AuthenticationFailed.code)


def test_no_secret_is_kept_with_the_payment(connection: Connection) -> None:
    payment = order(connection)
    told = json.dumps([payment.attempts, *payment.operations.values_list("raw", flat=True)], default=str)
    assert not any(secret in told for secret in CREDENTIALS.values())
    assert "csk_" not in told


def lost(account: Account) -> Any:
    """The work is done and the answer to it is lost; questions and tokens are answered."""

    def answer(request: WireRequest) -> WireAnswer:
        answered = account.answer(request)
        writes = request.path.startswith(("/v1/intention", "/api/acceptance/"))
        return WireAnswer(502, {}) if writes else answered

    return answer
