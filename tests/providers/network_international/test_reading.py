"""What N-Genius tells, as it is read: states, captures, refunds, odd answers and events."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    InvalidRequest,
    InvalidResponse,
    Rejected,
    Unavailable,
    UnreadablePayload,
)
from integrations.providers.results import Address, Customer
from tests.providers.network_international.wire import (
    AUTHORISED,
    MEDIA,
    OUTLET,
    PAYMENT,
    NGenius,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import OURS, capture, create, gateway, order, refund, sent, totals, void

EVENTS = Path(__file__).parent / "events"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("STARTED", "requires_action"),
        ("AWAIT_3DS", "requires_action"),
        ("AWAIT3DS", "requires_action"),
        ("PENDING", "pending"),
        ("POST_AUTH_REVIEW", "pending"),
        ("AUTHORISED", "authorised"),
        ("CAPTURED", "captured"),
        ("PURCHASED", "captured"),
        ("PARTIALLY_REFUNDED", "partially_refunded"),
        ("REFUNDED", "refunded"),
        ("REVERSED", "cancelled"),
        ("CANCELLED", "cancelled"),
        ("DECLINED", "failed"),
        ("FAILED", "failed"),
    ],
)
def test_each_state_has_a_status(client: WireClient, ngenius: NGenius, state: str, status: str) -> None:
    opened = create(client, order()).provider_reference
    ngenius.orders[opened].state = state
    payment = gateway.get_payment(client, opened)

    assert payment.status == status
    assert payment.amount_captured == (
        Decimal("12.50") if status in ("captured", "partially_refunded", "refunded") else 0
    )
    assert payment.amount_refunded == {"refunded": Decimal("12.50"), "partially_refunded": None}.get(status, 0)


def test_how_much_of_a_part_was_captured_is_not_guessed(client: WireClient, ngenius: NGenius) -> None:
    ngenius.orders[AUTHORISED].state = "PARTIALLY_CAPTURED"
    with pytest.raises(InvalidResponse):
        gateway.get_payment(client, AUTHORISED)


@pytest.mark.parametrize(
    ("state", "of_the_capture", "expected"),
    [
        ("CAPTURED", "REQUESTED", "pending"),
        ("CAPTURED", "FAILED", "pending"),
        ("PARTIALLY_CAPTURED", "FAILED", "pending"),
        ("PARTIALLY_REFUNDED", "FAILED", "invalid"),
        ("REFUNDED", "FAILED", "invalid"),
    ],
)
def test_a_capture_that_is_not_done_is_not_read_as_paid(
    client: WireClient, ngenius: NGenius, state: str, of_the_capture: str, expected: str
) -> None:
    capture(client, AUTHORISED, "5.00")
    held = ngenius.orders[AUTHORISED]
    held.state, held.captures[0]["state"] = state, of_the_capture
    if expected == "invalid":
        with pytest.raises(InvalidResponse):
            gateway.get_payment(client, AUTHORISED)
    else:
        assert totals(gateway.get_payment(client, AUTHORISED)) == (expected, "0.00", "0.00")


def test_union_pay_s_refunds_stay_requested_and_count_all_the_same(client: WireClient, ngenius: NGenius) -> None:
    """As in the official TransactionProcessor, which takes captures and refunds alike."""
    ngenius.pay(PAYMENT, scheme="CHINA_UNION_PAY")
    ngenius.orders[PAYMENT].captures[:1] = []
    ngenius.refund_state = "REQUESTED"
    ngenius.are_union_pay_s = True
    made = refund(client, PAYMENT, "5.00")
    assert (made.status, made.provider_reference) == ("succeeded", "refund-1"), "or it would be counted twice"
    assert totals(gateway.get_payment(client, PAYMENT)) == ("partially_refunded", "12.50", "5.00")


def test_a_sale_by_union_pay_is_a_purchase_and_its_reversal_gives_it_back(client: WireClient, ngenius: NGenius) -> None:
    sold = create(client, order()).provider_reference
    ngenius.pay(sold, scheme="CHINA_UNION_PAY")
    ngenius.orders[sold].captures, ngenius.orders[sold].state = [], "PURCHASED"
    assert totals(gateway.get_payment(client, sold)) == ("captured", "12.50", "0.00")

    ngenius.orders[sold].state = "REVERSED"
    assert totals(gateway.get_payment(client, sold)) == ("refunded", "12.50", "12.50")


def test_a_refund_goes_to_a_capture_that_still_may_be_refunded(client: WireClient, ngenius: NGenius) -> None:
    """Others may capture the rest in the portal; the link of what was given back whole is gone."""
    capture(client, AUTHORISED, "6.25")
    ngenius.capture_in_the_portal(AUTHORISED, 625)
    first, _ = ngenius.orders[AUTHORISED].captures
    del first["_links"]["cnp:refund"]

    refund(client, AUTHORISED, "6.25")
    assert ngenius.refunded_of == ["capture-2"]


def test_n_genius_wants_the_payer_s_address_for_mails(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(customer=Customer(name="Test Payer")))
    assert refused.value.field == "customer"
    assert not server.requests


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", None),
        ("Sara", {"firstName": "Sara", "lastName": "Sara"}),
        ("  سارة   أحمد علي ", {"firstName": "سارة", "lastName": "أحمد علي"}),
    ],
)
def test_a_billing_address_has_both_names_or_is_left_out(
    client: WireClient, server: WireServer, name: str, told: dict[str, str] | None
) -> None:
    create(
        client, order(customer=Customer(name=name, email="payer@example.com"), billing_address=Address(city="Dubai"))
    )
    expected = told and {**told, "city": "Dubai"}
    assert sent(server)[0].json().get("billingAddress") == expected


ORDER: dict[str, Any] = NGenius().document(NGenius().orders[PAYMENT])


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"",
        b"<html>Bad gateway</html>",
        {**ORDER, "_embedded": {}},
        {**ORDER, "_embedded": {"payment": []}},
        {**ORDER, "_embedded": {"payment": ["text"]}},
        {**ORDER, "_embedded": {"payment": [{"_id": "urn:payment:1", "state": "PAID_MAYBE"}]}},
        {**ORDER, "amount": {"currencyCode": "AED", "value": "1250"}},
        {**ORDER, "amount": {"currencyCode": "AED", "value": 12.5}},
        {**ORDER, "amount": {"currencyCode": "ZZZ", "value": 1250}},
        {**ORDER, "amount": {"currencyCode": "KWD", "value": 1250}},
        {**ORDER, "reference": None},
        {**ORDER, "reference": "another"},
    ],
)
def test_an_answer_that_is_not_documented_is_invalid(client: WireClient, server: WireServer, body: Any) -> None:
    token = server.answer
    server.answer = lambda request: token(request) if request.method == "POST" else WireAnswer(200, body)
    with pytest.raises(InvalidResponse):
        gateway.get_payment(client, PAYMENT)


@pytest.mark.parametrize("damage", ["_embedded", "_id"])
def test_a_change_that_does_not_show_in_the_answer_is_in_doubt(
    client: WireClient, server: WireServer, ngenius: NGenius, damage: str
) -> None:
    def forgetful(request: WireRequest) -> WireAnswer:
        answer = ngenius.answer(request)
        if request.method == "POST" and isinstance(answer.body, dict) and damage in answer.body:
            answer.body[damage] = {"cnp:refund": [], "cnp:capture": []} if damage == "_embedded" else "urn:payment:x"
            answer.body["state"] = "AUTHORISED"
        return answer

    server.answer = forgetful
    with pytest.raises(InvalidResponse):
        capture(client, AUTHORISED, "5.00")
    if damage == "_embedded":
        with pytest.raises(InvalidResponse):
            refund(client, PAYMENT, "5.00")


def test_a_question_that_fails_leaves_no_doubt_of_the_change_that_was_to_come(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    server.answer = lambda request: ngenius.answer(request) if request.method == "POST" else WireAnswer(200, {})
    for ask in (lambda: refund(client, PAYMENT, "5.00"), lambda: void(client, PAYMENT)):
        with pytest.raises(Unavailable) as failed:
            ask()
        assert not failed.value.may_have_taken_effect


def test_a_refusal_is_quoted() -> None:
    error = {"message": "m", "localizedMessage": "The order is closed.", "errorCode": "orderClosed", "domain": "d"}
    assert gateway.error_details({"errors": [error]}) == ("orderClosed", "The order is closed.")
    assert gateway.error_details({"code": 404, "message": "Not found", "errors": []}) == ("404", "Not found")


def event(name: str, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return {**payload, **changes}


def test_an_event_names_the_order_and_our_payment_and_tells_no_state() -> None:
    (told,) = gateway.parse_events(event("CAPTURED"), {})

    assert (told.type, told.subject) == ("payment.captured", "00000000-0000-4000-8000-000000000100")
    assert (told.payment, told.payment_id) == (None, OURS)
    assert told.occurred_at
    assert told.occurred_at.isoformat() == "2026-11-20T10:09:12.336000+00:00"


def test_an_event_without_an_id_is_told_apart_by_its_content() -> None:
    assert gateway.identify_event(event("CAPTURED", eventId=None), {}).event_id == ""


@pytest.mark.parametrize("broken", [None, [], {}, {"reference": 7}, {"_embedded": {"payment": [{}]}}, {"_embedded": 7}])
def test_an_event_about_no_order_concerns_nobody(broken: Any) -> None:
    (told,) = gateway.parse_events(event("CAPTURED", order=broken), {})
    assert (told.subject, told.occurred_at, told.payment_id) == ("", None, "")


def test_an_event_needs_a_name() -> None:
    with pytest.raises(UnreadablePayload):
        gateway.identify_event(event("CAPTURED", eventName=""), {})


def test_the_tenant_cannot_lead_away_from_the_gateway() -> None:
    (field,) = (one for one in gateway.configuration if one.key == "tenant")
    for tenant in ("evil.example/", "a.b", "a@b", "-a", "A", "a#", "a:1"):
        assert not re.fullmatch(field.pattern, tenant)


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    path = f"/transactions/outlets/{OUTLET}/orders"
    media = {"Content-Type": MEDIA, "Accept": MEDIA}
    good = {
        "action": "SALE",
        "amount": {"currencyCode": "AED", "value": 1250},
        "language": "en",
        "merchantOrderReference": "order-1",
        "emailAddress": "payer@example.com",
    }
    names = {"firstName": "Test", "lastName": "Payer"}
    client.post(path, json=good, headers=media)
    bad: list[dict[str, Any]] = [
        {"action": "CHARGE"},
        {"amount": {"currencyCode": "AED", "value": "12.50"}},
        {"amount": {"currencyCode": "AED", "value": 12.5}},
        {"amount": {"value": 1250}},
        {"merchantOrderReference": "order 1"},
        {"merchantAttributes": {"skipConfirmationPage": "true"}},
        {"merchantAttributes": {"redirectUrl": "/return"}},
        {"merchantDefinedData": "order 1"},
        {"merchantDefinedData": {"reference": 1}},
        {"emailAddress": ""},
        {"emailAddress": "payer"},
        {"billingAddress": {"firstName": "Test"}},
        {"billingAddress": {**names, "city": 1}},
        {"billingAddress": {**names, "countryCode": "UAE"}},
        {"invented": 1},
    ]
    for change in bad:
        with pytest.raises(Rejected):
            client.post(path, json={**good, **change}, headers=media)
    with pytest.raises(Rejected, match="media type"):
        client.post(path, json=good, headers={"Accept": MEDIA})
