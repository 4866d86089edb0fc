"""What goes out to PayTabs, and what its odd answers mean."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    InvalidRequest,
    InvalidResponse,
    Rejected,
    Unavailable,
)
from integrations.providers.payment.paytabs import HOSTS, PayTabs
from integrations.providers.results import (
    Address,
    Customer,
    PaymentStatus,
)
from tests.providers.paytabs.wire import (
    DECLINED_TOKEN,
    REDIRECTED_TOKEN,
    TOKEN,
    Profile,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import CART, create, get, order, refund, totals


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [
        ("12.50", "AED", b'"cart_amount": 12.50,'),
        ("12.5", "SAR", b'"cart_amount": 12.50,'),
        ("1.234", "KWD", b'"cart_amount": 1.234,'),
        ("5.1", "OMR", b'"cart_amount": 5.100,'),
        ("2.050", "JOD", b'"cart_amount": 2.050,'),
        ("500", "JPY", b'"cart_amount": 500,'),
    ],
)
def test_money_is_a_number_with_the_currency_s_decimals(
    client: WireClient, server: WireServer, profile: Profile, amount: str, currency: str, sent: bytes
) -> None:
    result = create(client, order(amount, currency))

    assert sent in server.requests[0].body
    assert (result.amount, result.currency) == (Decimal(amount), currency)
    profile.pay(CART)
    assert refund(client, amount, currency).amount == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "AED"), ("1.2345", "KWD"), ("1.5", "JPY")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest):
        create(client, order(amount, currency))
    assert not server.requests


def test_a_token_of_the_managed_form_pays_at_once_unless_the_bank_wants_a_page(
    client: WireClient, profile: Profile
) -> None:
    assert create(client, order(payment_token=TOKEN)).status == PaymentStatus.CAPTURED
    profile.transactions.clear()
    declined = create(client, order(payment_token=DECLINED_TOKEN))
    assert (declined.status, declined.failure_message) == (PaymentStatus.FAILED, "Do not honour")
    profile.transactions.clear()
    assert create(client, order(payment_token=REDIRECTED_TOKEN)).redirect_url


def test_what_the_order_knows_spares_the_payer_the_form(client: WireClient, server: WireServer) -> None:
    at = Address("Street 1", "Flat 2", "Dubai", "DU", "12345", "AE")
    payer = Customer("Sample Payer", "payer@example.com", "+971500000000")
    create(client, order(customer=payer, billing_address=at, shipping_address=at, language="ar", method="apple_pay"))

    body = server.requests[0].json()
    assert body["customer_details"] == body["shipping_details"]
    assert body["customer_details"]["street1"] == "Street 1, Flat 2"
    assert (body["paypage_lang"], body["payment_methods"]) == ("ar", ["applepay"])


def test_the_callback_is_told_where_there_is_one_that_it_would_come_to(client: WireClient, server: WireServer) -> None:
    create(client, order(webhook_url="https://hub.example/webhooks/1/"))
    create(client, order(webhook_url="http://hub.example/webhooks/1/"))

    secured, plain = (request.json() for request in server.requests)
    assert secured["callback"] == "https://hub.example/webhooks/1/"
    assert "callback" not in plain


def test_a_method_that_it_does_not_have_is_refused_before_anything_is_sent(
    client: WireClient, server: WireServer
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(method="benefit"))
    assert refused.value.field == "method"
    assert not server.requests


def test_a_payment_made_twice_within_two_minutes_is_in_doubt(client: WireClient, profile: Profile) -> None:
    profile.is_forgetful = False
    create(client, order())
    with pytest.raises(Unavailable) as doubt:
        create(client, order())
    assert doubt.value.may_have_taken_effect
    assert len(profile.transactions) == 1


def test_the_same_refund_twice_within_two_minutes_is_not_done(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART)
    profile.is_forgetful = False
    refund(client, "5.00")
    with pytest.raises(Rejected, match="two minutes") as refused:
        refund(client, "5.00")
    assert (refused.value.provider_code, refused.value.provider_status) == ("4", 409)
    assert get(client).amount_refunded == Decimal("5.00")


def test_a_payment_is_found_by_its_cart(client: WireClient, profile: Profile) -> None:
    find = PayTabs().find_payment
    assert find(client, order(), idempotency_key="key-1") is None
    profile.open(CART)
    profile.pay(CART)
    found = find(client, order(), idempotency_key="key-1")
    assert found
    assert totals(found) == ("captured", "12.50", "0.00")


@pytest.mark.parametrize("body", [[], b"null"])
def test_a_cart_with_nothing_in_it_is_no_payment_yet(client: WireClient, server: WireServer, body: Any) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    assert PayTabs().find_payment(client, order(), idempotency_key="key-1") is None
    with pytest.raises(Rejected, match="nobody has tried"):
        get(client)


def good(**changes: Any) -> dict[str, Any]:
    transaction = {"tran_ref": "TST1", "tran_type": "Sale", "cart_id": CART, "cart_currency": "AED"}
    return {**transaction, "cart_amount": "12.50", "payment_result": {"response_status": "A"}, **changes}


@pytest.mark.parametrize(
    "body",
    [
        [good(payment_result={"response_status": "Z"})],
        [good(payment_result={"response_status": 7})],
        [good(payment_result=[7])],
        [good(tran_type="Mystery")],
        [good(cart_amount="a lot")],
        [good(cart_amount="12.505")],
        [good(cart_amount=None)],
        [good(cart_currency="ZZZ")],
        [good(tran_ref="")],
        [good(cart_id="another")],
        [good(), good(cart_currency="SAR")],
        [good(tran_type="Refund")],
        [7],
        "text",
        {},
        b"<html>",
        b"",
    ],
    ids=str,
)
def test_an_answer_that_paytabs_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body if isinstance(body, bytes) else json.dumps(body).encode())
    with pytest.raises(InvalidResponse):
        get(client)


def test_a_page_that_is_neither_opened_nor_paid_is_an_invalid_response(client: WireClient, server: WireServer) -> None:
    server.answer = lambda request: WireAnswer(200, good(payment_result=None))
    with pytest.raises(InvalidResponse):
        create(client, order())


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"code": 1, "message": "Authentication failed. Check authentication header."}, AuthenticationFailed),
        (200, {"code": 1, "message": "Authentication failed. Check authentication header."}, AuthenticationFailed),
        (400, {"code": 206, "message": "Invalid currency code"}, Rejected),
        (200, {"code": 206, "message": "Invalid currency code"}, Rejected),
        (500, {}, Unavailable),
    ],
)
def test_an_error_is_one_whatever_its_http_status(
    client: WireClient, server: WireServer, status: int, body: dict[str, Any], error: type[Exception]
) -> None:
    server.answer = lambda request: WireAnswer(status, {**body, "trace": "PMNT0402"})
    for ask in (lambda: create(client, order()), lambda: get(client)):
        with pytest.raises(error):
            ask()


@pytest.mark.parametrize(
    ("answer", "is_good"),
    [
        (WireAnswer(200, []), True),
        (WireAnswer(404, {"code": 400, "message": "No such cart"}), True),
        (WireAnswer(400, {"code": 2, "message": "Invalid profile"}), False),
        (WireAnswer(200, {"code": 2, "message": "Invalid profile"}), False),
        (WireAnswer(200, {"code": 400, "message": "No such cart"}), True),
        (WireAnswer(404, {}), False),
    ],
)
def test_the_probe_knows_a_good_key_by_what_is_complained_of(
    client: WireClient, server: WireServer, answer: WireAnswer, is_good: bool
) -> None:
    server.answer = lambda request: answer
    if is_good:
        assert PayTabs().check(client).ok
    else:
        with pytest.raises(Rejected):
            PayTabs().check(client)


def test_a_bad_key_is_none_whatever_the_http_status(client: WireClient, server: WireServer) -> None:
    server.answer = lambda request: WireAnswer(200, {"code": 1, "message": "Authentication failed."})
    with pytest.raises(AuthenticationFailed):
        PayTabs().check(client)


def test_the_region_says_the_host() -> None:
    provider = PayTabs()
    assert provider.base_url("production", {"region": "SAU"}) == "https://secure.paytabs.sa"
    assert provider.base_url("development", {"region": "OMN"}) == "https://secure-oman.paytabs.com"
    assert provider.base_url("production", {}) == "https://secure.paytabs.com"
    (region,) = [one for one in provider.configuration if one.key == "region"]
    assert set(region.choices) == set(HOSTS)


def test_a_card_s_token_is_not_kept(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    token = profile.pay(CART)["token"]
    assert token not in json.dumps(get(client).raw)
