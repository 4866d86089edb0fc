"""PayTabs through the operations, the gateway and the door: what a shop and a payer do in a day."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import F
from django.test import Client

from integrations.models import Connection, Payment, PaymentSettings
from integrations.operations.payments import (
    sync_payment,
)
from tests.factories import ConnectionFactory
from tests.providers.paytabs.wire import CONFIGURATION, CREDENTIALS, SERVER_KEY, TOKEN, Profile
from tests.providers.shop_story import order, stands
from tests.wire import WireAnswer, WireRequest, WireServer
from webhooks.endpoints import create_endpoint, rotate_secret
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(profile: Profile, settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(profile.answer) as server:
        yield server


@pytest.fixture
def connection(server: WireServer) -> Connection:
    configuration = {**CONFIGURATION, "base_url": server.url}
    return ConnectionFactory(slug="paytabs", credentials=CREDENTIALS, configuration=configuration)


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection)[0]


def notify(endpoint: WebhookEndpoint, body: bytes, key: str = SERVER_KEY) -> int:
    """As PayTabs does: the digest of the body in a header."""
    headers = {"Signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}
    answer = Client().post(f"/webhooks/{endpoint.pk}/", body, content_type="application/json", headers=headers)
    return answer.status_code


def queries(server: WireServer) -> int:
    return [request.path for request in server.requests].count("/payment/query")


def test_a_notice_of_a_paid_page_is_believed_without_asking(
    connection: Connection, endpoint: WebhookEndpoint, profile: Profile, server: WireServer
) -> None:
    payment = order(connection)
    assert (payment.status, payment.provider_reference) == ("requires_action", str(payment.pk))
    paid = profile.pay(str(payment.pk))
    assert notify(endpoint, profile.notice(paid)) == 200
    assert notify(endpoint, profile.notice(paid)) == 200
    assert drain() == 1
    assert stands(payment) == ("captured", "12.50", "0.00")
    assert (payment.method, queries(server)) == ("card", 0)


def test_a_forged_notice_stays_at_the_door(connection: Connection, endpoint: WebhookEndpoint, profile: Profile) -> None:
    payment = order(connection)
    body = profile.notice(profile.pay(str(payment.pk), "D"))
    assert notify(endpoint, body, "SAMPLENOTA-ANOTHERSRV-KEYATALL00") == 401
    assert not WebhookEvent.objects.exists()


def test_what_is_done_in_the_dashboard_is_fetched_when_it_is_told(
    connection: Connection, endpoint: WebhookEndpoint, profile: Profile, server: WireServer
) -> None:
    payment = order(connection)
    sale = profile.pay(str(payment.pk))
    notify(endpoint, profile.notice(sale))
    drain()
    refund = profile.add("Refund", str(payment.pk), Decimal(5), "AED", sale["tran_ref"])
    refund["payment_result"] = {**sale["payment_result"], "response_code": "R"}
    notify(endpoint, profile.notice(refund))
    assert drain() == 1
    assert stands(payment) == ("partially_refunded", "12.50", "5.00")
    assert queries(server) == 1


def test_a_page_that_nobody_was_shown_is_opened_anew(
    connection: Connection, profile: Profile, server: WireServer
) -> None:
    profile.shows_open_pages = False
    server.answer = lost(profile)
    payment = order(connection)
    server.answer = profile.answer
    assert sync_payment(payment).status == "pending"  # too soon to be sure
    Payment.objects.update(updated_at=F("updated_at") - timedelta(minutes=5))
    found = sync_payment(payment)
    assert (found.status, bool(found.redirect_url)) == ("requires_action", True)


def test_two_who_find_nothing_at_once_make_the_payment_once_more_and_not_twice(
    connection: Connection, profile: Profile, server: WireServer
) -> None:
    """A token takes the money as it is sent: a second call would be a second charge."""
    server.answer = lambda request: WireAnswer(502, {})
    payment = order(connection, payment_token=TOKEN)
    Payment.objects.update(updated_at=F("updated_at") - timedelta(minutes=5))
    both_have_asked, made = threading.Barrier(2, timeout=10), []

    def slowly(request: WireRequest) -> WireAnswer:
        answered = profile.answer(request)
        if request.path == "/payment/query":
            both_have_asked.wait()
        else:
            made.append(request)
            time.sleep(0.5)
        return answered

    server.answer = slowly

    def look(_: int) -> None:
        try:
            sync_payment(payment)
        finally:
            database.close()

    with ThreadPoolExecutor(2) as twins:
        list(twins.map(look, range(2)))
    assert len(made) == 1
    assert stands(payment) == ("captured", "12.50", "0.00")


def test_asking_again_within_two_minutes_leaves_it_in_doubt(
    connection: Connection, profile: Profile, server: WireServer
) -> None:
    profile.shows_open_pages = profile.is_forgetful = False
    server.answer = lost(profile)
    payment = order(connection)
    server.answer = profile.answer
    Payment.objects.update(updated_at=F("updated_at") - timedelta(minutes=5))
    sync_payment(payment)
    assert stands(payment) == ("pending", "0.00", "0.00")
    assert [attempt["outcome"] for attempt in payment.attempts][-1] == "unknown"


def test_the_payment_tells_paytabs_where_to_call(connection: Connection, server: WireServer) -> None:
    PaymentSettings.objects.create(
        connection=connection,
        organization=connection.organization,
        provider_name="PayTabs",
        webhook_url="https://hub.example/webhooks/1/",
    )
    order(connection)
    assert json.loads(server.requests[0].body)["callback"] == "https://hub.example/webhooks/1/"


def test_the_server_key_signs_without_being_entered_twice_or_shown(connection: Connection) -> None:
    endpoint, shown = create_endpoint(connection)
    assert shown == ""
    assert endpoint.webhook_secret.reveal() == SERVER_KEY
    assert rotate_secret(endpoint) == ""
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == SERVER_KEY


def lost(profile: Profile) -> Any:
    """The work is done and the answer to it is lost; questions are answered."""

    def answer(request: WireRequest) -> WireAnswer:
        answered = profile.answer(request)
        return answered if request.path == "/payment/query" else WireAnswer(502, {})

    return answer
