"""What is PayPal's own: an order that its payer agrees to, what is in it, and money in its own currencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import InvalidRequest, Unavailable
from integrations.providers.results import (
    Address,
    Customer,
    Item,
    PaymentStatus,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import OUR_ID, PAYPAL, authorised, bodies, complete, create, look, order, refund, take
from .wire import PayPalWire


def test_a_payer_agrees_on_the_page_and_is_charged_once_that_is_completed(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    assert (made.status, made.amount_captured) == (PaymentStatus.REQUIRES_ACTION, 0)
    assert made.redirect_url.endswith(f"checkoutnow?token={made.provider_reference}")

    wire.books.approve(made.provider_reference)
    agreed = look(client, made.provider_reference)
    assert (agreed.status, agreed.awaits_completion, agreed.amount_captured) == (PaymentStatus.PENDING, True, 0)

    done = complete(client, made.provider_reference)
    assert (done.status, done.awaits_completion) == (PaymentStatus.CAPTURED, False)
    assert (done.amount_captured, done.fee, done.fee_currency) == (Decimal("12.50"), Decimal("0.50"), "USD")
    assert (done.method, look(client, made.provider_reference)) == ("paypal", done)


def test_looking_takes_no_money(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    wire.books.approve(made.provider_reference)
    for _ in range(3):
        look(client, made.provider_reference)

    assert wire.done == {"orders": 1}


def test_the_order_says_what_is_bought_and_whose_payment_it_is(client: WireClient, server: WireServer) -> None:
    items = (Item("Abaya", 2, Decimal("5.00"), sku="A-1"), Item("Tailoring", 1, Decimal("2.50")))
    to = Address(line1="Street 1", city="Dubai", region="Dubai", country="AE")
    create(client, order(items=items, shipping_address=to, customer=Customer("Sample Payer", "payer@example.com")))

    (sent,) = bodies(server, "/orders")
    (unit,) = sent["purchase_units"]
    assert (sent["intent"], unit["custom_id"], unit["reference_id"]) == ("CAPTURE", OUR_ID, "order-1")
    assert [item["quantity"] for item in unit["items"]] == ["2", "1"]
    assert unit["shipping"]["address"]["admin_area_2"] == "Dubai"
    payer = sent["payment_source"]["paypal"]
    assert (payer["email_address"], payer["experience_context"]["user_action"]) == ("payer@example.com", "PAY_NOW")
    assert payer["experience_context"]["shipping_preference"] == "SET_PROVIDED_ADDRESS"


def test_half_an_address_is_not_sent(client: WireClient, server: WireServer) -> None:
    create(client, order(shipping_address=Address(line1="Street 1"), language="ar"))

    (sent,) = bodies(server, "/orders")
    context = sent["payment_source"]["paypal"]["experience_context"]
    assert "shipping" not in sent["purchase_units"][0]
    assert (context["shipping_preference"], context["locale"]) == ("NO_SHIPPING", "ar-EG")


def test_what_is_longer_than_paypal_takes_is_cut(client: WireClient, server: WireServer) -> None:
    long = "ش" * 500
    to = Address(line1=long, line2=long, city=long, region=long, postal_code=long, country="AE")
    create(client, order(description=long[:255], shipping_address=to, customer=Customer(long)))

    (sent,) = bodies(server, "/orders")
    shipping = sent["purchase_units"][0]["shipping"]
    assert shipping["name"] == {"full_name": long[:300]}
    assert {name: len(text) for name, text in shipping["address"].items()} == {
        "address_line_1": 300, "address_line_2": 300, "admin_area_2": 120, "admin_area_1": 300, "postal_code": 60,
        "country_code": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("payer+shop@mail.example.com", True),
        ("payer@localhost", False),
        ("payer", False),
        ("سارة@example.com", False),
        ("payer@example..com", False),
        (".payer@example.com", False),
        ("payer@-example.com", False),
        (f"{'x' * 250}@example.com", False),
    ],
)
def test_a_mail_address_that_paypal_would_refuse_is_left_to_the_payer(
    client: WireClient, server: WireServer, address: str, is_told: bool
) -> None:
    create(client, order(customer=Customer("Sample Payer", address)))

    (sent,) = bodies(server, "/orders")
    assert ("email_address" in sent["payment_source"]["paypal"]) is is_told


def test_items_whose_prices_paypal_cannot_count_are_told_as_one(client: WireClient, server: WireServer) -> None:
    create(client, order("25.00", "HUF", items=(Item("Button", 2, Decimal("12.50")),)))

    (item,) = bodies(server, "/orders")[0]["purchase_units"][0]["items"]
    assert (item["quantity"], item["unit_amount"]) == ("1", {"currency_code": "HUF", "value": "25"})


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, reference: take(client, reference, "5.00"),
        lambda client, reference: refund(client, reference, "5.00"),
        lambda client, reference: PAYPAL.void_payment(client, reference, idempotency_key="void-1"),
    ],
    ids=["capture", "refund", "void"],
)
def test_a_question_that_fails_leaves_no_doubt_of_the_change_that_was_to_come(
    client: WireClient, wire: PayPalWire, ask: Callable[[WireClient, str], Any]
) -> None:
    reference = authorised(client, wire)
    wire.override = lambda request: WireAnswer(200, {}) if request.method == "GET" else None
    with pytest.raises(Unavailable) as failed:
        ask(client, reference)
    assert not failed.value.may_have_taken_effect


@pytest.mark.parametrize(
    ("amount", "currency", "value"),
    [("12.50", "USD", "12.50"), ("12", "EUR", "12.00"), ("1500.00", "HUF", "1500"), ("500", "JPY", "500"),
     ("30.00", "TWD", "30")],
)  # fmt: skip
def test_money_is_written_as_paypal_counts_it(
    client: WireClient, server: WireServer, amount: str, currency: str, value: str
) -> None:
    made = create(client, order(amount, currency))

    assert bodies(server, "/orders")[0]["purchase_units"][0]["amount"]["value"] == value
    assert (made.amount, made.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(("amount", "currency"), [("10.50", "HUF"), ("10.50", "TWD"), ("1.5", "JPY")])
def test_a_fraction_of_what_paypal_counts_in_whole_units_is_refused(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"{currency} in whole units only") as refused:
        create(client, order(amount, currency))
    assert (refused.value.field, server.requests) == ("amount", [])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"currency": "AED"}, "currency"),
        ({"currency": "KWD", "amount": "5.120"}, "currency"),
        ({"amount": "12.505"}, "amount"),
        ({"payment_token": "tok_sample"}, "payment_token"),
    ],
)
def test_what_paypal_cannot_take_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, fields: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(**fields))
    assert (refused.value.field, server.requests) == (field, [])
