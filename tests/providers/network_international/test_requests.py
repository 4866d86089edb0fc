"""What goes out to N-Genius: money as it counts it, the order, and links that may be followed and that may not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    NotSupported,
    Rejected,
)
from integrations.providers.results import Address, Customer
from tests.providers.network_international.wire import (
    AUTHORISED,
    BAD_CREDENTIALS,
    CREDENTIALS,
    HOST,
    MEDIA,
    OUTLET,
    PAYMENT,
    NGenius,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import OURS, capture, create, gateway, order, refund, sent


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("12.50", "AED", 1250), ("5.125", "KWD", 5125), ("5.1", "BHD", 5100), ("1.001", "JOD", 1001), ("500", "JPY", 500)],
)
def test_money_goes_out_in_minor_units(
    client: WireClient, server: WireServer, amount: str, currency: str, units: int
) -> None:
    created = create(client, order(amount, currency))

    assert sent(server)[0].json()["amount"] == {"currencyCode": currency, "value": units}
    assert created.amount == Decimal(amount)


@pytest.mark.parametrize(("amount", "currency"), [("1.234", "AED"), ("1.5", "JPY"), ("1.2345", "KWD")])
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(amount, currency))
    assert refused.value.field == "amount"
    assert not sent(server)


def test_an_order_tells_who_pays_what_and_where_they_come_back(client: WireClient, server: WireServer) -> None:
    customer = Customer(name="Test Payer Two", email="payer@example.com", phone="+971500000000")
    address = Address(line1="Street 1", city="Dubai", region="Dubai", country="AE")
    create(client, order(customer=customer, billing_address=address, language="ar", capture=False))

    (request,) = sent(server)
    assert request.json() == {
        "action": "AUTH",
        "amount": {"currencyCode": "AED", "value": 1250},
        "language": "ar",
        "merchantOrderReference": OURS,
        "emailAddress": "payer@example.com",
        "billingAddress": {
            "firstName": "Test",
            "lastName": "Payer Two",
            "address1": "Street 1",
            "city": "Dubai",
            "stateCode": "Dubai",
            "countryCode": "AE",
        },
        "merchantAttributes": {
            "redirectUrl": "https://hub.example/pay/1/return/",
            "cancelUrl": "https://hub.example/pay/1/cancel/",
            "cancelText": "العودة إلى المتجر",
            "skipConfirmationPage": True,
        },
        "merchantDefinedData": {"reference": "order 1"},
    }
    assert request.headers["content-type"] == request.headers["accept"] == MEDIA


def test_a_token_of_the_payer_s_is_nothing_that_this_page_takes(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported):
        create(client, order(payment_token="tok_sample"))
    assert not server.requests


def test_the_portal_s_key_goes_out_as_it_is_and_the_realm_where_there_is_one(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    create(client, order())
    ngenius.realm, client.configuration = "NIARABIA", {"realm": "NIARABIA"}
    create(client, order())

    plain, with_realm = (call for call in server.requests if call.path == "/identity/auth/access-token")
    assert plain.headers["authorization"] == f"Basic {CREDENTIALS['api_key']}"
    assert (plain.body, json.loads(with_realm.body)) == (b"", {"realmName": "NIARABIA"})


@pytest.mark.parametrize(
    ("environment", "tenant", "host"),
    [
        ("production", "", "api-gateway.ngenius-payments.com"),
        ("staging", "", "api-gateway.sandbox.ngenius-payments.com"),
        ("production", "ksa", "api-gateway.ksa.ngenius-payments.com"),
        ("development", "ksa", "api-gateway.sandbox.ksa.ngenius-payments.com"),
        ("staging", "orabank", "api-gateway.sandbox.orabank.ngenius-payments.com"),
    ],
)
def test_each_country_and_bank_has_its_own_gateway(environment: str, tenant: str, host: str) -> None:
    """Those of Saudi Arabia are in the official iOS SDK."""
    assert gateway.base_url(environment, {"tenant": tenant}) == f"https://{host}"


def test_an_outlet_of_others_does_not_pass_the_check(server: WireServer) -> None:
    stranger = {**CREDENTIALS, "outlet_ref": "5a3e1a11-0000-4000-8000-000000000009"}
    for credentials in (stranger, BAD_CREDENTIALS):
        with pytest.raises((AuthenticationFailed, Rejected)):
            gateway.check(WireClient(gateway, server.url, credentials))
    with pytest.raises(ConfigurationError):
        gateway.check(WireClient(gateway, server.url, {"api_key": CREDENTIALS["api_key"]}))


def elsewhere(href: str) -> str:
    return href.replace(HOST, "https://attacker.example")


@pytest.mark.parametrize(
    "lead",
    [
        elsewhere,
        lambda href: href.replace("sandbox.", "sandbox.ksa."),
        lambda href: href.replace(OUTLET, "5a3e1a11-0000-4000-8000-000000000009"),
        lambda href: href.replace(AUTHORISED, PAYMENT),
        lambda href: f"{href}?x=1",
        lambda href: "",
        lambda href: "not an address",
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(
    client: WireClient, server: WireServer, ngenius: NGenius, lead: Any
) -> None:
    """Then the documented address is used, which is one of our own order."""

    def misleading(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        if request.method == "GET" and isinstance(answer.body, dict):
            links = answer.body["_embedded"]["payment"][0]["_links"]
            links["cnp:capture"]["href"] = lead(links["cnp:capture"]["href"])
        return answer

    server.answer = misleading
    capture(client, AUTHORISED, "5.00")
    own = ngenius.orders[AUTHORISED].payment_url.removeprefix(HOST)
    assert [call.path for call in sent(server)] == [f"{own}/captures"]


def test_a_gateway_of_one_s_own_may_lead_to_itself(client: WireClient, server: WireServer, ngenius: NGenius) -> None:
    def own_links(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        return WireAnswer(answer.status, answer.content.replace(HOST.encode(), server.url.encode()))

    server.answer = own_links
    client.configuration = {"base_url": server.url}
    assert refund(client, PAYMENT, "5.00").status == "succeeded"


def test_a_capture_without_a_link_is_refunded_at_its_address(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    del ngenius.orders[PAYMENT].captures[0]["_links"]["cnp:refund"]
    assert refund(client, PAYMENT, "5.00").status == "succeeded"
    assert sent(server)[-1].path.endswith("/captures/capture-1/refund")


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        gateway.get_payment(client, "../../identity?x=")
    assert sent(server, "GET")[0].path.endswith("/orders/..%2F..%2Fidentity%3Fx%3D")
