"""What goes out to Paymob: money, hosts by country, two ways to authenticate, integrations by method."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    Rejected,
)
from integrations.providers.payment.paymob import Paymob
from integrations.providers.payment.paymob_calls import integrations
from integrations.providers.results import (
    Address,
    Customer,
    Item,
)
from tests.providers.paymob.wire import BAD_SECRET_KEY, CONFIGURATION, CREDENTIALS, Account
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

from .calls import ORDER, create, get, order, refund, totals


def intention(server: WireServer) -> dict[str, Any]:
    (sent,) = [request for request in server.requests if request.path == "/v1/intention/"]
    body: dict[str, Any] = sent.json()
    return body


@pytest.mark.parametrize(
    ("country", "amount", "currency", "units"),
    [
        ("are", "12.50", "AED", 1250),
        ("egy", "0.01", "EGP", 1),
        ("ksa", "12.5", "SAR", 1250),
        ("omn", "1.234", "OMR", 1234),
        ("omn", "1.2", "OMR", 1200),
        ("pak", "500", "PKR", 50000),
    ],
)
def test_money_is_counted_as_the_account_s_country_does(
    server: WireServer, account: Account, country: str, amount: str, currency: str, units: int
) -> None:
    client = of_country(server, country)
    account.secret_key = client.credentials["secret_key"]
    create(client, order(amount, currency))
    assert intention(server)["amount"] == intention(server)["items"][0]["amount"] == units
    account.pay(ORDER)
    assert (get(client).amount, get(client).currency) == (Decimal(amount), currency)
    assert refund(client, amount, currency).amount == Decimal(amount)


@pytest.mark.parametrize(("country", "amount", "currency"), [("are", "1.234", "AED"), ("omn", "1.2345", "OMR")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    server: WireServer, country: str, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest):
        create(of_country(server, country), order(amount, currency))
    assert not server.requests


def test_the_page_is_the_country_s_with_the_public_key(client: WireClient) -> None:
    result = create(client, order())
    page = urlsplit(result.redirect_url)
    assert f"{page.scheme}://{page.netloc}{page.path}" == "https://uae.paymob.com/unifiedcheckout/"
    assert parse_qs(page.query) == {
        "publicKey": [CONFIGURATION["public_key"]],
        "clientSecret": [result.client_secret],
    }
    assert result.client_secret not in json.dumps(result.raw)


@pytest.mark.parametrize(
    ("key", "host"),
    [("uae", "uae"), ("egy", "accept"), ("sau", "ksa"), ("ksa", "ksa"), ("omn", "oman"), ("pak", "pakistan")],
)
def test_the_key_says_the_host(key: str, host: str) -> None:
    assert Paymob().base_url("production", {"public_key": f"{key}_pk_live_x"}) == f"https://{host}.paymob.com"


@pytest.mark.parametrize("secret", ["egy_sk_test_sampleNotAKey", "are_sk_live_sampleNotAKey"])
def test_keys_of_two_accounts_are_told_apart_before_anything_is_sent(
    client: WireClient, server: WireServer, secret: str
) -> None:
    client.credentials = {**CREDENTIALS, "secret_key": secret}
    for ask in (lambda: create(client, order()), lambda: Paymob().check(client)):
        with pytest.raises(ConfigurationError, match="two accounts"):
            ask()
    assert not server.requests


def test_the_probe_changes_nothing_and_a_bad_secret_key_is_told_by_the_first_payment(
    client: WireClient, server: WireServer
) -> None:
    client.credentials = BAD_SECRET_KEY
    assert Paymob().check(client).ok
    assert {request.path for request in server.requests} == {"/api/auth/tokens", "/api/ecommerce/integrations"}
    with pytest.raises(AuthenticationFailed):
        create(client, order())


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, [1001, 1002, 1004]),
        ({"method": "card"}, [1001]),
        ({"method": "bnpl"}, [1004]),
        ({"capture": False}, [1003]),
        ({"method": "card", "capture": False}, [1003]),
    ],
)
def test_the_method_chooses_the_integration(
    client: WireClient, server: WireServer, changes: dict[str, Any], ids: list[int]
) -> None:
    create(client, order(**changes))
    assert intention(server)["payment_methods"] == ids


@pytest.mark.parametrize("changes", [{"method": "valu"}, {"method": "apple_pay", "capture": False}])
def test_a_method_with_no_integration_is_refused_before_anything_is_sent(
    client: WireClient, server: WireServer, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="integration"):
        create(client, order(**changes))
    assert not server.requests


def test_integrations_are_written_as_a_person_would() -> None:
    assert integrations(" card = 12 ,apple_pay=34,") == {"card": 12, "apple_pay": 34}
    assert integrations("card_auth=5") == {"card_auth": 5}
    for wrong in ("card", "card=x", "card=1 apple_pay=2", "bitcoin=1", "card:1"):
        with pytest.raises(ConfigurationError):
            integrations(wrong)


def test_what_the_order_knows_is_told_and_the_rest_is_na(client: WireClient, server: WireServer) -> None:
    at = Address("Street 1", "Flat 2", "Dubai", "DU", "12345", "AE")
    items = (
        Item("Abaya", 2, Decimal("5.00")),
        Item("A scarf whose name goes on and on, and on and on", 1, Decimal("2.50")),
    )
    create(client, order(billing_address=at, items=items, webhook_url="https://hub.example/webhooks/1/"))
    body = intention(server)
    assert (body["special_reference"], body["notification_url"]) == (ORDER, "https://hub.example/webhooks/1/")
    assert [(item["amount"], item["quantity"]) for item in body["items"]] == [(500, 2), (250, 1)]
    assert (body["billing_data"]["first_name"], body["billing_data"]["city"]) == ("Sample", "Dubai")


def test_a_payer_with_one_name_and_no_phone_is_taken(client: WireClient, server: WireServer) -> None:
    create(client, order(customer=Customer("Sample", "payer@example.com")))
    billing = intention(server)["billing_data"]
    assert (billing["last_name"], billing["phone_number"], billing["country"]) == ("NA", "NA", "NA")


@pytest.mark.parametrize(
    ("changes", "field"), [({"customer": Customer("Sample")}, "customer"), ({"payment_token": "tok"}, "payment_token")]
)
def test_what_paymob_cannot_take_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(**changes))
    assert refused.value.field == field
    assert not server.requests


def test_a_reference_used_twice_is_refused_in_paymob_s_words(client: WireClient) -> None:
    create(client, order())
    with pytest.raises(Rejected, match="special_reference: intention with this"):
        create(client, order())


def test_a_payment_is_found_once_somebody_tried_to_pay(client: WireClient, account: Account) -> None:
    find = Paymob().find_payment
    create(client, order())
    assert find(client, order(), idempotency_key="key-1") is None
    account.pay(ORDER)
    found = find(client, order(), idempotency_key="key-1")
    assert found
    assert totals(found) == ("captured", "12.50", "0.00")


def test_it_is_read_with_a_token_and_changed_with_the_secret_key(
    client: WireClient, account: Account, server: WireServer
) -> None:
    account.open(ORDER)
    account.pay(ORDER)
    refund(client, "5.00")
    ways = {request.path: request.headers.get("authorization", "").partition(" ")[0] for request in server.requests}
    assert ways == {
        "/api/auth/tokens": "",
        "/api/ecommerce/orders/transaction_inquiry": "Bearer",
        "/api/acceptance/void_refund/refund": "Token",
    }


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"detail": "Not found."}, "", "Not found."),
        ({"message": "No.", "code": "unmatched"}, "unmatched", "No."),
        ({"amount": ["Too much."], "currency": ["Invalid."]}, "", "amount: Too much.; currency: Invalid."),
        ({"detail": [{"loc": ["body"], "msg": "x"}]}, "", ""),
    ],
)
def test_a_refusal_is_told_in_paymob_s_words(body: dict[str, Any], code: str, message: str) -> None:
    assert Paymob().error_details(body) == (code, message)


def of_country(server: WireServer, country: str) -> WireClient:
    configuration = {**CONFIGURATION, "public_key": f"{country}_pk_test_sampleNotAKey"}
    credentials = {**CREDENTIALS, "secret_key": f"{country}_sk_test_sampleNotAKey"}
    return WireClient(Paymob(), server.url, credentials, configuration=configuration)
