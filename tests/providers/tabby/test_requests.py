"""What Tabby's session demands and decides by, and how it refuses."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import ConfigurationError, InvalidRequest
from integrations.providers.results import Address, Customer, Item, PaymentRequest
from tests.providers.orders import A_CUSTOMER, AN_ADDRESS
from tests.providers.tabby.wire import CONFIGURATION
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

from .calls import OURS, TABBY, S, create, order


def test_a_session_says_what_tabby_decides_by(client: WireClient, server: WireServer) -> None:
    result = create(client, order(language="ar", description="Two things"))

    assert (result.status, result.amount, result.currency) == (S.REQUIRES_ACTION, Decimal("12.50"), "AED")
    assert result.redirect_url == f"https://checkout.tabby.ai/?sessionId=s-{result.provider_reference}"
    sent = server.requests[0].json()
    assert (sent["lang"], sent["merchant_code"]) == ("ar", "SAMPLE_AE")
    assert sent["merchant_urls"]["failure"] == "https://hub.example/back"
    payment = sent["payment"]
    assert (payment["amount"], payment["description"]) == ("12.50", "Two things")
    assert payment["buyer"] == {
        "name": "Sample Customer", "email": "customer@example.com", "phone": "+971500000001",
    }  # fmt: skip
    assert payment["buyer_history"] == {"registered_since": "2024-05-01T06:00:00Z", "loyalty_level": 3}
    assert payment["shipping_address"] == {"city": "Dubai", "address": "Sample Street 1, Flat 2", "zip": ""}
    assert payment["order"]["reference_id"] == OURS
    assert payment["order"]["items"][1] == {
        "title": "Scarf", "quantity": 2, "unit_price": "1.25", "category": "Clothes",
    }  # fmt: skip
    assert payment["meta"] == {"order_id": "order-1"}


@pytest.mark.parametrize(
    ("country", "currency", "amount", "host"),
    [
        ("AE", "AED", "12.50", "https://api.tabby.ai"),
        ("KW", "KWD", "3.125", "https://api.tabby.ai"),
        ("SA", "SAR", "100.00", "https://api.tabby.sa"),
    ],
)
def test_a_store_s_country_decides_currency_and_address(
    client: WireClient, server: WireServer, country: str, currency: str, amount: str, host: str
) -> None:
    client.configuration = {"merchant_code": f"SAMPLE_{country}", "country": country, "item_category": "Clothes"}
    result = create(client, order(amount, currency, items=()))

    assert TABBY.base_url("production", client.configuration) == host
    assert server.requests[0].json()["payment"]["amount"] == amount
    assert (result.amount, result.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("request_", "field", "words"),
    [
        (order(currency="SAR"), "currency", "in AE and takes AED alone"),
        (order("12.505"), "amount", "2 decimals"),
        (order(customer=Customer()), "customer", "customer.name is missing"),
        (order(customer=replace(A_CUSTOMER, email="")), "customer", "customer.email is missing"),
        (order(customer=replace(A_CUSTOMER, phone="")), "customer", "customer.phone is missing"),
        (order(customer=replace(A_CUSTOMER, registered_since="")), "customer", "customer.registered_since is missing"),
        (order(customer=replace(A_CUSTOMER, registered_since="May")), "customer", "ISO 8601"),
        (order(shipping_address=Address()), "shipping_address", "shipping_address.line1 is missing"),
        (order(shipping_address=replace(AN_ADDRESS, city="")), "shipping_address", "shipping_address.city is missing"),
        (order(items=()), "items", "wants each item's category, and 'order-1' has none"),
        (order(items=(Item("Belt", 1, Decimal("12.50")),)), "items", "'Belt' has none"),
        (order(success_url=""), "success_url", "success_url is missing"),
        (order(payment_token="tok"), "payment_token", "no payment tokens"),
    ],
)
def test_an_order_that_tabby_could_not_decide_on_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, request_: PaymentRequest, field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, request_)

    assert refused.value.field == field
    assert words in refused.value.message
    assert not server.requests


def test_what_is_not_delivered_goes_to_who_pays_it(client: WireClient, server: WireServer) -> None:
    create(client, order(shipping_address=Address(), billing_address=replace(AN_ADDRESS, postal_code="12345")))
    assert server.requests[0].json()["payment"]["shipping_address"]["zip"] == "12345"


def test_a_connection_can_have_a_category_for_items_without(client: WireClient, server: WireServer) -> None:
    client.configuration = {**CONFIGURATION, "item_category": "Tailoring"}
    create(client, order(items=()))

    item = {"title": "order-1", "quantity": 1, "unit_price": "12.50", "category": "Tailoring"}
    assert server.requests[0].json()["payment"]["order"]["items"] == [item]


def test_a_connection_needs_a_merchant_code(client: WireClient, server: WireServer) -> None:
    client.configuration = {}
    with pytest.raises(ConfigurationError, match="merchant_code"):
        create(client, order())
    assert not server.requests


@pytest.mark.parametrize(
    ("changed", "amount", "code", "words"),
    [
        ({"customer": replace(A_CUSTOMER, email="otp.rejected@tabby.ai")}, "12.50", "not_available", "lends this"),
        ({"items": (Item("Gown", 1, Decimal("6000.00"), category="Clothes"),)}, "6000.00", "order_amount_too_high",
         "above what Tabby lends"),
        ({"items": (Item("Pin", 1, Decimal("0.50"), category="Clothes"),)}, "0.50", "order_amount_too_low",
         "below the least"),
    ],
)  # fmt: skip
def test_a_refused_session_is_a_failed_payment_that_says_why(
    client: WireClient, changed: dict[str, Any], amount: str, code: str, words: str
) -> None:
    result = create(client, order(amount, **changed))

    assert (result.status, result.failure_code, result.redirect_url) == (S.FAILED, code, "")
    assert words in result.failure_message
    assert result.provider_reference
