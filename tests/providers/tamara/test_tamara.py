"""What is Tamara's own: approved is not paid, money as JSON numbers, countries with their currencies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integrations.errors import InvalidRequest, Rejected, Unavailable
from integrations.providers.results import Address, Customer, PaymentRequest, PaymentStatus
from tests.providers.orders import A_CUSTOMER, AN_ADDRESS
from tests.providers.tamara.wire import TamaraWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import OURS, TAMARA, S, approved, authorised, capture, complete, create, order, refund


def calls(server: WireServer, ending: str, method: str = "POST") -> list[WireRequest]:
    return [call for call in server.requests if call.method == method and call.path.endswith(ending)]


def test_a_checkout_says_what_tamara_decides_by(client: WireClient, server: WireServer) -> None:
    address = "https://hub.example/webhooks/1/"
    billing = Address(line1="Billing Street 2", city="Sharjah")
    result = create(client, order(language="ar", webhook_url=address, billing_address=billing))

    assert (result.status, result.amount, result.currency) == (S.REQUIRES_ACTION, Decimal("12.50"), "AED")
    assert result.redirect_url.startswith("https://checkout.tamara.co/checkout/")
    sent = server.requests[0].json()
    assert b'"total_amount": {"amount": 12.50, "currency": "AED"}' in server.requests[0].body
    assert (sent["order_reference_id"], sent["order_number"]) == (OURS, "order-1")
    assert (sent["country_code"], sent["locale"], sent["payment_type"]) == ("AE", "ar_SA", "PAY_BY_INSTALMENTS")
    assert sent["consumer"] == {
        "first_name": "Sample", "last_name": "Customer", "phone_number": "+971500000001",
        "email": "customer@example.com",
    }  # fmt: skip
    assert sent["risk_assessment"] == {
        "account_creation_date": "01-05-2024", "total_order_count": 3, "is_existing_customer": True,
    }  # fmt: skip
    assert (sent["billing_address"]["city"], sent["shipping_address"]["city"]) == ("Sharjah", "Dubai")
    assert sent["merchant_url"]["notification"] == address
    assert [item["sku"] for item in sent["items"]] == ["SKU-1", "2"]
    assert sent["items"][1]["total_amount"] == {"amount": 2.5, "currency": "AED"}


@pytest.mark.parametrize(
    ("country", "currency", "amount"),
    [
        ("SA", "SAR", "100.00"),
        ("AE", "AED", "0.01"),
        ("KW", "KWD", "3.125"),
        ("BH", "BHD", "7.001"),
        ("OM", "OMR", "9.000"),
    ],
)
def test_each_country_has_its_own_currency(
    client: WireClient, server: WireServer, country: str, currency: str, amount: str
) -> None:
    result = create(client, order(amount, currency, country=country, items=()))
    abroad = create(
        client, order(amount, currency, country="", items=(), shipping_address=replace(AN_ADDRESS, country=""))
    )

    assert (result.amount, result.currency) == (abroad.amount, abroad.currency) == (Decimal(amount), currency)
    assert {request.json()["country_code"] for request in server.requests} == {country}
    assert f'"amount": {amount}'.encode() in server.requests[0].body


@pytest.mark.parametrize(
    ("request_", "field", "words"),
    [
        (order(currency="SAR"), "currency", "does not take SAR in AE"),
        (order("500", "JPY", country="JP"), "currency", "does not take JPY in JP"),
        (order("12.505"), "amount", "2 decimals"),
        (order("3.1255", "KWD", country="KW", items=()), "amount", "3 decimals"),
        (order(customer=Customer()), "customer", "customer.name is missing"),
        (order(customer=replace(A_CUSTOMER, phone="")), "customer", "customer.phone is missing"),
        (order(customer=replace(A_CUSTOMER, registered_since="May")), "customer", "ISO 8601"),
        (order(shipping_address=Address()), "shipping_address", "shipping_address.line1 is missing"),
        (order(cancel_url=""), "cancel_url", "cancel_url is missing"),
        (order(payment_token="tok"), "payment_token", "no payment tokens"),
    ],
)
def test_an_order_that_tamara_could_not_decide_on_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, request_: PaymentRequest, field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, request_)

    assert refused.value.field == field
    assert words in refused.value.message
    assert not server.requests


def test_who_has_one_name_has_it_twice(client: WireClient, server: WireServer) -> None:
    create(client, order(customer=Customer(name="Sample", phone="+971500000001")))
    consumer = server.requests[0].json()["consumer"]
    assert consumer == {"first_name": "Sample", "last_name": "Sample", "phone_number": "+971500000001"}
    assert "risk_assessment" not in server.requests[0].json()


@pytest.mark.parametrize(("status", "read"), [("approved", S.PENDING), ("authorised", S.AUTHORISED)])
def test_a_look_takes_nothing_and_says_what_waits_for_us(
    client: WireClient, wire: TamaraWire, server: WireServer, status: str, read: PaymentStatus
) -> None:
    key = create(client, order()).provider_reference
    assert not TAMARA.get_payment(client, key).awaits_completion

    wire.orders[key]["status"] = status
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.awaits_completion) == (read, Decimal(0), True)
    assert [call.path for call in server.requests if call.method == "POST"] == ["/checkout"]


def test_what_is_approved_is_authorised_and_captured_once(
    client: WireClient, wire: TamaraWire, server: WireServer
) -> None:
    key = approved(client, wire)
    for _ in range(2):
        seen = complete(client, key)
        assert (seen.status, seen.amount_captured, seen.method) == (S.CAPTURED, Decimal("12.50"), "bnpl")
        assert not seen.awaits_completion

    assert len(calls(server, "/authorise")) == len(calls(server, "/payments/capture")) == 1
    told = calls(server, "/payments/capture")[0].json()["shipping_info"]
    assert told["shipping_company"] == "Aramex"
    assert abs(datetime.fromisoformat(told["shipped_at"]) - datetime.now(UTC)).total_seconds() < 60


def test_what_was_ordered_to_wait_is_authorised_and_captured_when_asked_for(
    client: WireClient, wire: TamaraWire, server: WireServer
) -> None:
    key = authorised(client, wire)
    assert complete(client, key, capture=False).status is S.AUTHORISED
    assert not calls(server, "/payments/capture")

    done = capture(client, key, None)
    assert (done.status, done.amount, done.amount_captured) == (S.CAPTURED, Decimal("12.50"), Decimal("12.50"))
    assert done == replace(TAMARA.get_payment(client, key), raw=done.raw)


@pytest.mark.parametrize("old", ["approved", "authorised"])
def test_two_who_complete_at_once_authorise_and_capture_once(client: WireClient, wire: TamaraWire, old: str) -> None:
    """The second begins with what the first has changed meanwhile."""
    key = approved(client, wire)
    done = complete(client, key)
    late = {**done.raw, "status": old, "captured_amount": {"amount": 0, "currency": "AED"}}

    def overtaken(request: WireRequest) -> WireAnswer:
        return (
            WireAnswer(200, json.loads(json.dumps(late, default=str)))
            if len(other.requests) == 1
            else wire.answer(request)
        )

    with WireServer(overtaken) as other:
        seen = complete(replace(client, base_url=other.url), key)

    assert (seen.status, seen.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert wire.orders[key]["captured"] == Decimal("12.50")


@pytest.mark.parametrize("lost", ["/authorise", "/payments/capture"])
def test_a_step_whose_answer_is_lost_is_not_repeated_before_the_order_is_read(
    client: WireClient, wire: TamaraWire, lost: str
) -> None:
    """As is a process that died between the two steps, or after both."""
    key = approved(client, wire)

    def loses(request: WireRequest) -> WireAnswer:
        answer = wire.answer(request)
        return WireAnswer(502, b"") if request.path.endswith(lost) else answer

    with WireServer(loses) as other, pytest.raises(Unavailable):
        complete(replace(client, base_url=other.url), key)
    with WireServer(wire.answer) as after:
        seen = complete(replace(client, base_url=after.url), key)

    assert (seen.status, seen.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert not calls(after, lost)


def test_an_account_that_captures_by_itself_has_it_captured(
    client: WireClient, wire: TamaraWire, server: WireServer
) -> None:
    wire.captures_by_itself = True
    assert complete(client, approved(client, wire)).status is S.CAPTURED
    assert not calls(server, "/payments/capture")


@pytest.mark.parametrize("step", ["/authorise", "/payments/capture"])
def test_a_step_that_tamara_refuses_is_no_end(client: WireClient, wire: TamaraWire, step: str) -> None:
    key = approved(client, wire)

    def refuses(request: WireRequest) -> WireAnswer:
        refusal = {"message": "Not now.", "errors": []}
        return WireAnswer(409, refusal) if request.path.endswith(step) else wire.answer(request)

    with WireServer(refuses) as other, pytest.raises(Rejected, match=r"Not now\."):
        complete(replace(client, base_url=other.url), key)
    assert TAMARA.get_payment(client, key).awaits_completion


def test_what_was_cancelled_in_part_is_left_to_us(client: WireClient, wire: TamaraWire) -> None:
    key = approved(client, wire)
    wire.orders[key]["status"] = "updated"
    assert not TAMARA.get_payment(client, key).awaits_completion
    assert complete(client, key).status is S.AUTHORISED


def test_a_part_is_captured_and_refunds_add_up_to_it(client: WireClient, wire: TamaraWire, server: WireServer) -> None:
    key = authorised(client, wire)
    done = capture(client, key, "5.00")
    assert (done.status, done.amount_captured) == (S.CAPTURED, Decimal("5.00"))

    first = refund(client, key, "2.00", "r1")
    assert (first.status, first.amount, first.currency) == ("succeeded", Decimal("2.00"), "AED")
    sent = calls(server, key)[0].json()
    assert (sent["merchant_refund_id"], sent["comment"]) == ("r1", "Refund r1")
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_refunded) == (S.PARTIALLY_REFUNDED, Decimal("2.00"))
    with pytest.raises(Rejected, match=r"More than was captured\."):
        refund(client, key, "3.01", "r2")
    assert refund(client, key, None, "r3").amount == Decimal("3.00")
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.amount_refunded) == (S.REFUNDED, Decimal("5.00"), Decimal("5.00"))


def test_no_more_is_captured_than_there_is(client: WireClient, wire: TamaraWire) -> None:
    key = authorised(client, wire)
    capture(client, key, "12.50")
    with pytest.raises(Rejected) as refused:
        capture(client, key, "1.00")
    assert refused.value.provider_code == "wrong_status"


@pytest.mark.parametrize("status", ["approved", "authorised"])
def test_what_nobody_has_captured_can_be_made_void(
    client: WireClient, wire: TamaraWire, server: WireServer, status: str
) -> None:
    key = create(client, order()).provider_reference
    wire.approve(key)
    wire.orders[key]["status"] = status
    for _ in range(2):  # what is void already may be made void again
        done = TAMARA.void_payment(client, key, idempotency_key="v")
        assert (done.status, done.amount_captured) == (S.CANCELLED, Decimal(0))
    assert wire.orders[key]["canceled"] == Decimal("12.50")
    assert not calls(server, "/payments/capture")


def test_what_was_captured_or_is_not_approved_cannot_be_made_void(client: WireClient, wire: TamaraWire) -> None:
    captured = authorised(client, wire)
    capture(client, captured, "12.50")
    for key in (captured, create(client, order()).provider_reference):
        with pytest.raises(Rejected, match="Only what is authorised"):
            TAMARA.void_payment(client, key, idempotency_key="v")


@pytest.mark.parametrize(("end", "status", "code"), [("decline", S.FAILED, "declined"), ("expire", S.CANCELLED, "")])
def test_a_customer_may_be_declined_or_turn_back(
    client: WireClient, wire: TamaraWire, end: str, status: PaymentStatus, code: str
) -> None:
    key = create(client, order()).provider_reference
    getattr(wire, end)(key)
    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.failure_code, seen.amount_captured) == (status, code, Decimal(0))
