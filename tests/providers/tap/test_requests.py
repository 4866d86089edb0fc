"""What Tap is asked for: amounts as numbers, sources, customers; and what is refused before it is sent."""

from __future__ import annotations

import pytest

from integrations.errors import InvalidRequest, NotSupported
from integrations.providers.results import Customer
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

from .calls import OURS, create, order


@pytest.mark.parametrize(
    ("amount", "currency", "sent"),
    [("12.5", "AED", "12.50"), ("0.100", "KWD", "0.100"), ("7", "BHD", "7.000"), ("100", "SAR", "100.00")],
)
def test_an_amount_is_a_number_with_the_currency_s_decimals(
    client: WireClient, server: WireServer, amount: str, currency: str, sent: str
) -> None:
    assert str(create(client, order(amount, currency)).amount) == sent
    assert f'"amount": {sent},'.encode() in server.requests[0].body


def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order("1.234", "AED"))
    assert refused.value.field == "amount"
    assert not server.requests


@pytest.mark.parametrize(
    ("method", "currency", "source"),
    [
        ("", "AED", "src_all"),
        ("card", "AED", "src_card"),
        ("mada", "SAR", "src_sa.mada"),
        ("knet", "KWD", "src_kw.knet"),
        ("benefit", "BHD", "src_bh.benefit"),
        ("omannet", "OMR", "src_om.omannet"),
        ("qpay", "QAR", "src_qa.qpay"),
        ("fawry", "EGP", "src_eg.fawry"),
        ("apple_pay", "AED", "src_apple_pay"),
        ("stc_pay", "SAR", "src_all"),
    ],
)
def test_each_method_has_its_source(
    client: WireClient, server: WireServer, method: str, currency: str, source: str
) -> None:
    create(client, order("10.00", currency, method=method))
    assert server.requests[0].json()["source"] == {"id": source}


def test_what_cannot_be_authorised_is_not_asked_for(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported):
        create(client, order("10.000", "BHD", method="benefit", capture=False))
    assert not server.requests


@pytest.mark.parametrize(
    ("phone", "code", "number"),
    [
        ("+971501234567", "971", "501234567"),
        ("+201001234567", "20", "1001234567"),
        ("+12025550123", "1", "2025550123"),
        ("+971 (50) 123-45.67", "971", "501234567"),
        ("00966500000001", "966", "500000001"),
    ],
)
def test_a_phone_number_is_split_after_its_calling_code(
    client: WireClient, server: WireServer, phone: str, code: str, number: str
) -> None:
    create(client, order(customer=Customer(name="Sample", phone=phone)))
    assert server.requests[0].json()["customer"]["phone"] == {"country_code": code, "number": number}


@pytest.mark.parametrize(
    "customer",
    [
        Customer(),
        Customer(name="Sample"),
        Customer(name="  ", email="payer@example.com"),
        Customer(email="payer@example.com"),
        Customer(name="X", phone="?"),
        Customer(name="X", phone="0501234567"),  # of which country?
        Customer(name="X", phone="501234567"),
        Customer(name="X", phone="+0501234567"),
    ],
)
def test_a_customer_that_tap_would_refuse_is_refused_here(
    client: WireClient, server: WireServer, customer: Customer
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(customer=customer))
    assert refused.value.field.startswith("customer")
    assert not server.requests


def test_what_the_connection_and_the_order_say_is_sent(client: WireClient, server: WireServer) -> None:
    client.configuration = {"merchant_id": "1234567"}
    create(client, order(language="ar", description="Abaya"))
    sent = server.requests[0]
    body = sent.json()
    assert sent.headers["lang_code"] == "ar"
    assert (body["merchant"], body["post"], body["description"]) == (
        {"id": "1234567"}, {"url": "https://hub.example/hooks"}, "Abaya",
    )  # fmt: skip
    assert body["reference"] == {"transaction": OURS, "order": "order-1", "idempotent": "key-1"}


def test_no_webhook_address_is_sent_where_there_is_none(client: WireClient, server: WireServer) -> None:
    create(client, order(webhook_url=""))
    assert "post" not in server.requests[0].json()
