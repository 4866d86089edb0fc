"""What is PayPal's own: an order that its payer agrees to, what is in it, and money in its own currencies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import AuthenticationFailed, Conflict, InvalidRequest, InvalidResponse, Rejected, Unavailable
from integrations.providers.payment.paypal import PayPal
from integrations.providers.results import (
    Address,
    Customer,
    Item,
    PaymentRequest,
    PaymentResult,
    PaymentStatus,
    RefundResult,
    RefundStatus,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .books import payments
from .wire import BAD_CREDENTIALS, ORDER, PayPalWire

OUR_ID = "01980000-0000-7000-8000-000000000001"
PAYPAL = PayPal()


def order(amount: str = "12.50", currency: str = "USD", **fields: Any) -> PaymentRequest:
    given = {"reference": "order-1", "payment_id": OUR_ID, **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **given)


def create(client: WireClient, request: PaymentRequest | None = None) -> PaymentResult:
    return PAYPAL.create_payment(client, request or order(), idempotency_key="create-1")


def complete(client: WireClient, reference: str, *, capture: bool = True, key: str = "complete-1") -> PaymentResult:
    return PAYPAL.complete_payment(client, reference, capture=capture, idempotency_key=key)


def take(client: WireClient, reference: str, amount: str | None = None, key: str = "capture-1") -> PaymentResult:
    value = None if amount is None else Decimal(amount)
    return PAYPAL.capture_payment(client, reference, amount=value, currency="USD", idempotency_key=key)


def refund(client: WireClient, reference: str, amount: str | None, key: str = "refund-1") -> RefundResult:
    value = None if amount is None else Decimal(amount)
    return PAYPAL.refund_payment(client, reference, amount=value, currency="USD", idempotency_key=key)


def look(client: WireClient, reference: str) -> PaymentResult:
    return PAYPAL.get_payment(client, reference)


def paid(client: WireClient, wire: PayPalWire, request: PaymentRequest | None = None) -> str:
    made = create(client, request)
    wire.books.approve(made.provider_reference)
    complete(client, made.provider_reference)
    return made.provider_reference


def authorised(client: WireClient, wire: PayPalWire) -> str:
    made = create(client, order(capture=False))
    wire.books.approve(made.provider_reference)
    complete(client, made.provider_reference, capture=False)
    return made.provider_reference


def bodies(server: WireServer, ending: str) -> list[Any]:
    return [sent.json() for sent in server.requests if sent.method == "POST" and sent.path.endswith(ending)]


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


def test_an_authorisation_is_captured_in_part_and_the_rest_let_go(
    client: WireClient, wire: PayPalWire, server: WireServer
) -> None:
    reference = authorised(client, wire)
    assert look(client, reference).status == PaymentStatus.AUTHORISED

    taken = take(client, reference, "5.00")
    assert (taken.status, taken.amount_captured) == (PaymentStatus.CAPTURED, Decimal("5.00"))
    assert look(client, reference).amount_captured == Decimal("5.00")
    assert bodies(server, "/capture")[-1]["final_capture"] is True
    with pytest.raises(Rejected) as refused:
        take(client, reference, "1.00", key="capture-2")
    assert refused.value.provider_code == "AUTHORIZATION_ALREADY_CAPTURED"


def test_a_capture_that_is_asked_for_again_is_the_same(client: WireClient, wire: PayPalWire) -> None:
    reference = authorised(client, wire)
    first, again = take(client, reference, "12.50"), take(client, reference, "12.50")
    assert (
        (first.amount_captured, first.fee) == (again.amount_captured, again.fee) == (Decimal("12.50"), Decimal("0.50"))
    )
    assert wire.done["capture"] == 1


def test_an_amount_that_is_not_named_is_all_there_is(client: WireClient, wire: PayPalWire) -> None:
    reference = authorised(client, wire)
    assert take(client, reference).amount_captured == Decimal("12.50")
    assert refund(client, reference, None).amount == Decimal("12.50")
    assert look(client, reference).status == PaymentStatus.REFUNDED


def test_more_than_was_authorised_is_not_captured(client: WireClient, wire: PayPalWire) -> None:
    with pytest.raises(Rejected) as refused:
        take(client, authorised(client, wire), "12.51")
    assert refused.value.provider_code == "MAX_CAPTURE_AMOUNT_EXCEEDED"


def test_nothing_is_captured_of_what_is_not_authorised(client: WireClient, wire: PayPalWire) -> None:
    with pytest.raises(Conflict):
        take(client, create(client).provider_reference, "5.00")


def test_captures_that_others_made_are_counted_together(client: WireClient, wire: PayPalWire) -> None:
    reference = captured_in_parts(client, wire)

    found = look(client, reference)
    assert (found.status, found.amount_captured, found.fee) == (
        PaymentStatus.CAPTURED,
        Decimal("11.00"),
        Decimal("1.00"),
    )


def captured_in_parts(client: WireClient, wire: PayPalWire) -> str:
    """5.00 and 6.00, as in PayPal's dashboard."""
    reference = authorised(client, wire)
    (authorisation,) = payments(wire.books.order(reference))["authorizations"]
    for value in ("5.00", "6.00"):
        wire.books.capture(authorisation["id"], {"amount": {"currency_code": "USD", "value": value}})
    return reference


def test_a_refund_is_of_a_capture_that_has_enough_left(client: WireClient, wire: PayPalWire) -> None:
    reference = captured_in_parts(client, wire)

    assert refund(client, reference, "6.00").status == RefundStatus.SUCCEEDED
    assert refund(client, reference, "5.00", key="refund-2").amount == Decimal("5.00")
    found = look(client, reference)
    assert (found.status, found.amount_refunded) == (PaymentStatus.REFUNDED, Decimal("11.00"))
    with pytest.raises(Conflict):
        refund(client, reference, "0.01", key="refund-3")


@pytest.mark.parametrize("amount", ["6.01", "11.00", None])
def test_a_refund_that_spans_captures_is_refused_with_what_is_possible(
    client: WireClient, wire: PayPalWire, amount: str | None
) -> None:
    with pytest.raises(InvalidRequest, match=r"at most 6\.00 USD") as refused:
        refund(client, captured_in_parts(client, wire), amount)
    assert refused.value.field == "amount"
    assert "refund" not in wire.done


def test_refunds_in_parts_add_up(client: WireClient, wire: PayPalWire) -> None:
    reference = paid(client, wire)
    for number, amount in enumerate(("5.00", "2.50")):
        assert refund(client, reference, amount, key=f"refund-{number}").amount == Decimal(amount)

    found = look(client, reference)
    assert (found.status, found.amount_refunded) == (PaymentStatus.PARTIALLY_REFUNDED, Decimal("7.50"))
    with pytest.raises(InvalidRequest):
        refund(client, reference, "5.01", key="refund-9")


def test_a_refund_whose_answer_was_lost_is_found_and_not_made_again(client: WireClient, wire: PayPalWire) -> None:
    reference = captured_in_parts(client, wire)
    wire.lose_answers = True
    with pytest.raises(Unavailable):
        refund(client, reference, "5.00")
    wire.lose_answers = False
    wire.answered.clear()  # as if PayPal had forgotten the key

    # Of the first capture nothing is left now: another choice would have given the money back twice.
    again = refund(client, reference, "5.00")
    assert (again.status, wire.done["refund"]) == (RefundStatus.SUCCEEDED, 1)


def test_a_refund_may_take_days(client: WireClient, wire: PayPalWire) -> None:
    reference = paid(client, wire)
    wire.books.refund_status = "PENDING"

    assert refund(client, reference, "12.50").status == RefundStatus.PENDING
    assert look(client, reference).amount_refunded == 0
    with pytest.raises(Conflict):
        refund(client, reference, "1.00", key="refund-2")


@pytest.mark.parametrize(
    ("word", "status"),
    [("PENDING", "pending"), ("COMPLETED", "succeeded"), ("FAILED", "failed"), ("CANCELLED", "cancelled")],
)
def test_a_look_tells_how_each_refund_stands_and_whose_it_is(
    client: WireClient, wire: PayPalWire, word: str, status: str
) -> None:
    reference = paid(client, wire)
    made = refund(client, reference, "5.00", key="01980000-0000-7000-8000-0000000000f1")
    (listed,) = payments(wire.books.order(reference))["refunds"]
    listed["status"] = word

    (told,) = look(client, reference).refunds
    assert (told.provider_reference, told.status) == (made.provider_reference, status)
    assert told.idempotency_key == "01980000-0000-7000-8000-0000000000f1"


def test_an_authorisation_is_voided(client: WireClient, wire: PayPalWire) -> None:
    reference = authorised(client, wire)
    for _ in range(2):
        voided = PAYPAL.void_payment(client, reference, idempotency_key="void-1")
        assert (voided.status, voided.amount_captured) == (PaymentStatus.CANCELLED, 0)
    assert wire.done["void"] == 1


def test_a_void_whose_answer_was_lost_is_done(client: WireClient, wire: PayPalWire) -> None:
    reference = authorised(client, wire)
    stale = WireAnswer(200, json.dumps(wire.books.order(reference)).encode())
    (authorisation,) = payments(wire.books.order(reference))["authorizations"]
    wire.books.void(authorisation["id"])
    looks = iter([stale])
    wire.override = lambda request: next(looks, None) if request.method == "GET" else None

    assert PAYPAL.void_payment(client, reference, idempotency_key="void-1").status == PaymentStatus.CANCELLED
    assert "void" not in wire.done


def test_a_void_that_is_answered_with_no_body_is_done(client: WireClient, wire: PayPalWire) -> None:
    reference = authorised(client, wire)
    wire.override = lambda request: WireAnswer(204) if request.path.endswith("/void") else None

    assert PAYPAL.void_payment(client, reference, idempotency_key="void-1").status == PaymentStatus.CANCELLED


def test_an_order_that_nobody_has_agreed_to_is_given_up(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    assert PAYPAL.void_payment(client, made.provider_reference, idempotency_key="v").status == PaymentStatus.CANCELLED

    wire.books.approve(made.provider_reference)
    with pytest.raises(Conflict, match="agreed"):
        PAYPAL.void_payment(client, made.provider_reference, idempotency_key="v")


def test_what_is_captured_is_not_voided(client: WireClient, wire: PayPalWire) -> None:
    with pytest.raises(Conflict):
        PAYPAL.void_payment(client, paid(client, wire), idempotency_key="v")


@pytest.mark.parametrize("issue", ["INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED"])
def test_a_decline_is_a_failed_payment_that_another_try_may_mend(
    client: WireClient, wire: PayPalWire, issue: str
) -> None:
    made = create(client)
    wire.books.approve(made.provider_reference)
    wire.books.declines = issue
    declined = complete(client, made.provider_reference)
    assert (declined.status, declined.failure_code) == (PaymentStatus.FAILED, issue)
    assert declined.failure_message
    assert not declined.awaits_completion

    wire.books.declines = ""
    assert complete(client, made.provider_reference, key="complete-2").status == PaymentStatus.CAPTURED


def test_whoever_comes_second_finds_it_taken(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    wire.books.approve(made.provider_reference)
    first = complete(client, made.provider_reference, key="one")

    assert complete(client, made.provider_reference, key="another") == first
    assert wire.done["capture"] == 1


def test_what_the_payer_has_not_agreed_to_is_not_taken(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    assert complete(client, made.provider_reference).status == PaymentStatus.REQUIRES_ACTION


def test_a_payer_may_be_sent_back_to_the_page(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    wire.books.approve(made.provider_reference)
    wire.books.declines = "PAYER_ACTION_REQUIRED"

    back = complete(client, made.provider_reference)
    assert (back.status, back.awaits_completion) == (PaymentStatus.REQUIRES_ACTION, False)


def test_while_a_twin_is_at_work_the_payment_is_pending(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    wire.books.approve(made.provider_reference)
    in_progress = WireAnswer(409, {"name": "RESOURCE_CONFLICT", "message": "A previous request is in progress."})
    wire.override = lambda request: in_progress if request.path.endswith("/capture") else None

    assert complete(client, made.provider_reference).status == PaymentStatus.PENDING


def test_a_refusal_that_is_no_decline_is_an_error(client: WireClient, wire: PayPalWire) -> None:
    made = create(client)
    wire.books.approve(made.provider_reference)
    wire.books.declines = "AUTH_CAPTURE_NOT_ENABLED"

    with pytest.raises(Rejected) as refused:
        complete(client, made.provider_reference)
    assert refused.value.provider_code == "AUTH_CAPTURE_NOT_ENABLED"


def test_a_capture_under_review_is_pending(client: WireClient, wire: PayPalWire) -> None:
    wire.books.holds = "PENDING_REVIEW"
    found = look(client, paid(client, wire))

    assert (found.status, found.amount_captured, found.fee) == (PaymentStatus.PENDING, 0, None)
    assert not found.awaits_completion


def test_a_declined_capture_of_an_authorisation_is_refused(client: WireClient, wire: PayPalWire) -> None:
    reference = authorised(client, wire)
    declined = {"id": "CAPTURE1", "status": "DECLINED", "amount": {"currency_code": "USD", "value": "12.50"}}
    wire.override = lambda request: WireAnswer(201, declined) if request.path.endswith("/capture") else None

    with pytest.raises(Rejected):
        take(client, reference, "12.50")


def usd(value: str) -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


def document(status: str, *, intent: str = "CAPTURE", **parts: Any) -> dict[str, Any]:
    unit = {"amount": usd("12.50"), "payments": parts}
    return {
        "id": "ORDER1",
        "intent": intent,
        "status": status,
        "purchase_units": [unit],
        "payment_source": {"card": {}},
    }


def part(status: str, value: str = "12.50", key: str = "PART1", **more: Any) -> dict[str, Any]:
    return {"id": key, "status": status, "amount": usd(value), **more}


@pytest.mark.parametrize(
    ("found", "status", "captured", "refunded"),
    [
        (document("CREATED"), "requires_action", "0", "0"),
        (document("SAVED"), "requires_action", "0", "0"),
        (document("PAYER_ACTION_REQUIRED"), "requires_action", "0", "0"),
        (document("APPROVED"), "pending", "0", "0"),
        (document("VOIDED"), "cancelled", "0", "0"),
        (document("COMPLETED", captures=[part("COMPLETED")]), "captured", "12.50", "0"),
        (document("COMPLETED", captures=[part("PENDING")]), "pending", "0", "0"),
        (document("COMPLETED", captures=[part("DECLINED")]), "failed", "0", "0"),
        (document("COMPLETED", captures=[part("FAILED")]), "failed", "0", "0"),
        (document("COMPLETED", captures=[part("FAILED"), part("COMPLETED", "5.00")]), "captured", "5.00", "0"),
        (document("COMPLETED", captures=[part("PARTIALLY_REFUNDED")], refunds=[part("COMPLETED", "5.00")]),
         "partially_refunded", "12.50", "5.00"),
        (document("COMPLETED", captures=[part("PARTIALLY_REFUNDED")], refunds=[part("FAILED", "5.00")]),
         "captured", "12.50", "0"),
        (document("COMPLETED", captures=[part("REFUNDED")], refunds=[part("COMPLETED")]), "refunded", "12.50", "12.50"),
        (document("COMPLETED", captures=[part("REFUNDED")]), "refunded", "12.50", "12.50"),
        (document("COMPLETED", captures=[part("REFUNDED")], refunds=[part("PENDING")]), "captured", "12.50", "0"),
        (document("COMPLETED", captures=[part("PENDING", status_details={"reason": "BUYER_COMPLAINT"})]),
         "disputed", "12.50", "0"),
        (document("COMPLETED", authorizations=[part("CREATED")]), "authorised", "0", "0"),
        (document("COMPLETED", authorizations=[part("PENDING")]), "pending", "0", "0"),
        (document("COMPLETED", authorizations=[part("DENIED")]), "failed", "0", "0"),
        (document("COMPLETED", authorizations=[part("VOIDED")]), "cancelled", "0", "0"),
        (document("COMPLETED", authorizations=[part("EXPIRED")]), "cancelled", "0", "0"),
        (document("COMPLETED", authorizations=[part("CAPTURED")], captures=[part("COMPLETED")]),
         "captured", "12.50", "0"),
        (document("COMPLETED", authorizations=[part("CAPTURED")], captures=[part("PENDING")]), "pending", "0", "0"),
        (document("COMPLETED", authorizations=[part("VOIDED"), part("CREATED", key="PART2")]), "authorised", "0", "0"),
    ],
)  # fmt: skip
def test_a_payment_s_status_is_that_of_what_is_in_its_order(
    client: WireClient, server: WireServer, found: dict[str, Any], status: str, captured: str, refunded: str
) -> None:
    serve(server, found)
    result = look(client, "ORDER1")

    assert (result.status, result.method) == (status, "card")
    assert (result.amount_captured, result.amount_refunded) == (Decimal(captured), Decimal(refunded))
    assert result.awaits_completion == (found["status"] == "APPROVED")


def serve(server: WireServer, body: Any) -> None:
    """Every look finds `body`."""
    before = server.answer
    server.answer = lambda request: WireAnswer(200, body) if request.method == "GET" else before(request)


@pytest.mark.parametrize(
    "body",
    [
        {},
        document("INVENTED"),
        document("COMPLETED"),
        document("COMPLETED", captures=[part("INVENTED")]),
        document("COMPLETED", captures=["text"]),
        document("COMPLETED", captures=[{"status": "COMPLETED", "amount": usd("1.00")}]),
        document("COMPLETED", captures=[{**part("COMPLETED"), "amount": {"currency_code": "EUR", "value": "1.00"}}]),
        document("COMPLETED", authorizations=[part("INVENTED")]),
        {**document("CREATED"), "purchase_units": []},
        {**document("CREATED"), "purchase_units": [{"amount": {"currency_code": "USD", "value": 12.5}}]},
        {**document("CREATED"), "purchase_units": [{"amount": usd("-12.50")}]},
        [],
        b"<html>Bad gateway</html>",
    ],
)
def test_an_order_that_paypal_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    serve(server, body)
    with pytest.raises(InvalidResponse):
        look(client, "ORDER1")


@pytest.mark.parametrize("body", [{}, {"id": "X"}, {"id": 7, "status": "COMPLETED"}, part("INVENTED")])
def test_an_odd_answer_to_a_change_is_an_invalid_response(client: WireClient, wire: PayPalWire, body: Any) -> None:
    reference = authorised(client, wire)
    wire.override = lambda request: (
        WireAnswer(201, body) if request.method == "POST" and "/payments/" in request.path else None
    )
    with pytest.raises(InvalidResponse):
        take(client, reference, "5.00")
    with pytest.raises(InvalidResponse):
        PAYPAL.void_payment(client, reference, idempotency_key="v")
    wire.override = lambda request: None
    take(client, reference, "5.00")
    wire.override = lambda request: WireAnswer(201, body) if request.path.endswith("/refund") else None
    with pytest.raises(InvalidResponse):
        refund(client, reference, "5.00")


def test_an_order_without_a_page_is_an_invalid_response(client: WireClient, wire: PayPalWire) -> None:
    wire.override = lambda request: WireAnswer(201, document("CREATED")) if request.path.endswith("/orders") else None
    with pytest.raises(InvalidResponse, match="no page"):
        create(client)


def test_wrong_credentials_are_refused_as_such(server: WireServer) -> None:
    stranger = WireClient(PAYPAL, server.url, BAD_CREDENTIALS)
    with pytest.raises(AuthenticationFailed):
        create(stranger)


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        look(client, "../../../v1/oauth2/token?x=")
    assert server.requests[-1].path == "/v2/checkout/orders/..%2F..%2F..%2Fv1%2Foauth2%2Ftoken%3Fx%3D"


def test_a_refusal_is_read_by_its_issue() -> None:
    refusal = {"name": "UNPROCESSABLE_ENTITY", "message": "m", "details": [{"issue": "X", "description": "d"}]}
    assert PAYPAL.error_details(refusal) == ("X", "d")
    assert PAYPAL.error_details({**refusal, "details": "text"}) == ("UNPROCESSABLE_ENTITY", "m")
    oauth = {"error": "invalid_client", "error_description": "Client Authentication failed"}
    assert PAYPAL.error_details(oauth) == ("invalid_client", "Client Authentication failed")
