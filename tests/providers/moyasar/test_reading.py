"""How what Moyasar answers is read: statuses, totals, and answers that it does not document."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import InvalidResponse
from integrations.providers.payment.moyasar import Moyasar
from tests.providers.moyasar.wire import AUTHORISED, HELD_ID, OPEN, OPEN_ID, PAID_ID, PAYMENT, MoyasarWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import create, get, order


@pytest.mark.parametrize(
    ("paid", "status"), [("paid", "captured"), ("failed", "failed"), ("initiated", "requires_action")]
)
def test_a_token_pays_at_once_or_wants_the_payer_once_more(
    client: WireClient, wire: MoyasarWire, paid: str, status: str
) -> None:
    wire.token_status = paid
    result = create(client, order(payment_token="token_sample"))
    assert result.status == status
    assert bool(result.redirect_url) == (status == "requires_action")
    reason = ("51", "INSUFFICIENT FUNDS") if status == "failed" else ("", "")
    assert (result.failure_code, result.failure_message) == reason


def test_a_card_s_token_is_kept_out_of_what_is_kept(client: WireClient, wire: MoyasarWire) -> None:
    wire.attempt(OPEN_ID, "paid")
    for reference in (PAYMENT, OPEN):
        assert "token_again" not in json.dumps(get(client, reference).raw)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initiated", "requires_action"),
        ("paid", "captured"),
        ("authorized", "authorised"),
        ("captured", "captured"),
        ("refunded", "captured"),
        ("failed", "failed"),
        ("voided", "cancelled"),
        ("verified", "pending"),
        ("invented", "pending"),
    ],
)
def test_each_status_of_a_payment_is_ours(client: WireClient, wire: MoyasarWire, word: str, status: str) -> None:
    wire.payments[PAID_ID].update(status=word, captured=1250 if word == "captured" else 0)
    seen = get(client, PAYMENT)
    assert seen.status == status
    assert bool(seen.amount_captured) == (status == "captured")
    assert (seen.fee is None) == (status != "captured")


def test_what_was_captured_and_then_voided_has_gone_back(client: WireClient, wire: MoyasarWire) -> None:
    wire.payments[HELD_ID].update(status="voided", captured=1000)
    seen = get(client, AUTHORISED)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == ("refunded", "10.00", "10.00")


def test_a_payment_that_stands_says_more_of_an_invoice_than_one_that_was_given_back(
    client: WireClient, wire: MoyasarWire
) -> None:
    wire.attempt(OPEN_ID, "refunded").update(refunded=1250)
    wire.attempt(OPEN_ID, "paid")
    seen = get(client, OPEN)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == ("captured", "12.50", "0.00")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initiated", "requires_action"),
        ("failed", "failed"),
        ("canceled", "cancelled"),
        ("expired", "cancelled"),
        ("voided", "cancelled"),
        ("on_hold", "pending"),
        ("invented", "pending"),
    ],
)
def test_each_status_of_an_unpaid_invoice_is_ours(
    client: WireClient, wire: MoyasarWire, word: str, status: str
) -> None:
    wire.attempt(OPEN_ID, "failed", message="DECLINED")
    wire.invoices[OPEN_ID]["status"] = word
    seen = get(client, OPEN)
    assert (seen.status, bool(seen.redirect_url)) == (status, status == "requires_action")
    assert seen.failure_message == ("DECLINED" if status == "failed" else "")


def test_a_paid_invoice_without_a_payment_is_not_guessed_at(client: WireClient, wire: MoyasarWire) -> None:
    wire.invoices[OPEN_ID]["status"] = "paid"
    with pytest.raises(InvalidResponse, match="no payment"):
        get(client, OPEN)


@pytest.mark.parametrize(
    ("source", "method"),
    [
        ({"type": "creditcard", "company": "visa"}, "card"),
        ({"type": "creditcard", "company": "mada"}, "mada"),
        ({"type": "applepay", "company": "mada"}, "apple_pay"),
        ({"type": "stcpay"}, "stc_pay"),
        ({"type": "invented"}, ""),
    ],
)
def test_the_way_that_was_paid_is_told(
    client: WireClient, wire: MoyasarWire, source: dict[str, str], method: str
) -> None:
    wire.payments[PAID_ID]["source"] = source
    assert get(client, PAYMENT).method == method


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
def test_an_answer_that_does_not_show_what_was_asked_for_is_an_invalid_response(
    client: WireClient, server: WireServer, wire: MoyasarWire, operation: str
) -> None:
    unchanged = dict(wire.payments[PAID_ID if operation == "refund" else HELD_ID])
    server.answer = lambda request: WireAnswer(200, unchanged)
    some: dict[str, Any] = {"amount": Decimal("1.00"), "currency": "SAR"} if operation != "void" else {}
    with pytest.raises(InvalidResponse):
        getattr(Moyasar(), f"{operation}_payment")(client, AUTHORISED, idempotency_key="key", **some)


PLAIN = {"id": PAID_ID, "status": "paid", "amount": 1250, "currency": "SAR", "refunded": 0, "captured": 0}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**PLAIN, "id": None},
        {**PLAIN, "amount": "1250"},
        {**PLAIN, "amount": 12.5},
        {**PLAIN, "amount": -1},
        {**PLAIN, "currency": "ZZZ"},
        {**PLAIN, "status": ["paid"]},
        {**PLAIN, "refunded": "all"},
        {**PLAIN, "payments": 7},
        [],
        b"<html>",
    ],
)
def test_an_answer_that_moyasar_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    reference = OPEN if isinstance(body, dict) and "payments" in body else PAYMENT
    with pytest.raises(InvalidResponse):
        get(client, reference)
