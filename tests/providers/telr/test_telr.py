"""Telr's own: whole stories over the wire, and each code with its status."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import (
    InvalidResponse,
    Rejected,
)
from integrations.providers.results import PaymentResult
from tests.providers.telr.wire import (
    AUTHORISED,
    PAYMENT,
    TelrGateway,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import capture, create, follow_ups, gateway, order, refund


def void(client: WireClient, reference: str) -> PaymentResult:
    return gateway.void_payment(client, reference, idempotency_key="key-4")


def test_a_sale_is_paid_on_the_page_and_given_back_in_parts(client: WireClient, telr: TelrGateway) -> None:
    opened = create(client, order())
    assert (opened.status, opened.amount, opened.currency) == ("requires_action", Decimal("12.50"), "AED")
    assert opened.redirect_url == f"https://secure.telr.com/gateway/process.html?o={opened.provider_reference}"
    assert gateway.get_payment(client, opened.provider_reference).status == "requires_action"

    telr.pay(opened.provider_reference)
    paid = gateway.get_payment(client, opened.provider_reference)
    assert (paid.status, paid.amount_captured, paid.amount_refunded) == ("captured", Decimal("12.50"), None)
    assert paid.method == "card"

    first, second = refund(client, paid.provider_reference, "2.50"), refund(client, paid.provider_reference, "2.50")
    assert (first.status, first.amount, first.currency) == ("succeeded", Decimal("2.50"), "AED")
    assert first.provider_reference
    assert first.provider_reference != second.provider_reference
    with pytest.raises(Rejected, match="greater than available balance") as refused:
        refund(client, paid.provider_reference, "7.51")
    assert refused.value.provider_code == "29"
    refund(client, paid.provider_reference, "7.50")
    assert telr.orders[paid.provider_reference].refunded == Decimal("12.50")


def test_an_authorisation_is_captured_and_refunded(client: WireClient, telr: TelrGateway, server: WireServer) -> None:
    held = create(client, order("5.125", "KWD", capture=False)).provider_reference
    telr.pay(held)
    stands = gateway.get_payment(client, held)
    assert (stands.status, stands.amount_captured) == ("authorised", None)

    taken = capture(client, held, "5.125", "KWD")
    assert (taken.status, taken.amount_captured, taken.currency) == ("captured", Decimal("5.125"), "KWD")
    assert refund(client, held, None, "KWD").amount == Decimal("5.125")
    assert "<amount>5.125</amount>" in follow_ups(server)[0]


def test_a_capture_can_be_refunded_where_the_order_is_still_told_as_authorised(
    client: WireClient, telr: TelrGateway
) -> None:
    capture(client, AUTHORISED, None)
    telr.orders[AUTHORISED].code = 2
    assert refund(client, AUTHORISED, "12.50").status == "succeeded"


def test_an_authorisation_is_let_go_once(client: WireClient, server: WireServer) -> None:
    assert (void(client, AUTHORISED).status, void(client, AUTHORISED).status) == ("cancelled", "cancelled")
    (sent,) = follow_ups(server)
    assert "<type>release</type>" in sent
    assert "<amount>12.50</amount>" in sent


def test_what_does_not_fit_the_order_is_not_asked_for(client: WireClient, server: WireServer) -> None:
    opened = create(client, order()).provider_reference
    for ask in (lambda: void(client, PAYMENT), lambda: void(client, opened), lambda: capture(client, PAYMENT, "1.00")):
        with pytest.raises(Rejected, match="does not allow"):
            ask()
    with pytest.raises(Rejected, match="requires_action"):
        refund(client, opened, "1.00")
    assert not follow_ups(server)


@pytest.mark.parametrize(
    ("letter", "status", "code", "message"),
    [
        ("D", "failed", "41", "Insufficient funds"),
        ("C", "cancelled", "", ""),
        ("H", "pending", "", ""),
    ],
)
def test_a_payer_who_has_not_paid(
    client: WireClient, telr: TelrGateway, letter: str, status: str, code: str, message: str
) -> None:
    opened = create(client, order()).provider_reference
    telr.pay(opened, status=letter, code="41", message="Insufficient funds")
    payment = gateway.get_payment(client, opened)

    assert (payment.status, payment.failure_code, payment.failure_message) == (status, code, message)
    assert payment.amount_captured == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (1, "requires_action"),
        (2, "authorised"),
        (3, "captured"),
        (-1, "cancelled"),
        (-2, "cancelled"),
        (-3, "failed"),
    ],
)
@pytest.mark.parametrize("block", ["order", "invoice"])
def test_each_code_has_a_status(client: WireClient, telr: TelrGateway, code: int, status: str, block: str) -> None:
    telr.block = block
    telr.orders[PAYMENT].code, telr.orders[PAYMENT].transaction = code, {}
    assert gateway.get_payment(client, PAYMENT).status == status


def test_a_transaction_of_which_nothing_is_known_yet_is_pending(client: WireClient, telr: TelrGateway) -> None:
    telr.orders[PAYMENT].code, telr.orders[PAYMENT].transaction["status"] = 1, "P"
    assert gateway.get_payment(client, PAYMENT).status == "pending"


DOCUMENT: dict[str, Any] = TelrGateway().document(TelrGateway().orders[PAYMENT])


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        b"",
        b"<html>Bad gateway</html>",
        {"order": None},
        {"order": []},
        {"order": {**DOCUMENT, "status": {"code": 7, "text": "Refunded"}}},
        {"order": {**DOCUMENT, "status": {"code": 3, "text": "Declined"}}},
        {"order": {**DOCUMENT, "status": {"code": "paid"}}},
        {"order": {**DOCUMENT, "status": {"code": True}}},
        {"order": {**DOCUMENT, "transaction": {"ref": "1", "status": "D"}}},
        {"order": {**DOCUMENT, "amount": "12,50"}},
        {"order": {**DOCUMENT, "amount": "12.505"}},
        {"order": {**DOCUMENT, "currency": "ZZZ"}},
        {"order": {**DOCUMENT, "ref": ""}},
        {"order": {**DOCUMENT, "ref": "another"}},
    ],
)
def test_an_answer_that_is_not_documented_is_invalid(client: WireClient, server: WireServer, body: Any) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    with pytest.raises(InvalidResponse):
        gateway.get_payment(client, PAYMENT)


def test_an_amount_that_comes_as_a_number_keeps_its_digits(client: WireClient, server: WireServer) -> None:
    told = json.dumps({"order": {**DOCUMENT, "amount": 0}}).replace('"amount": 0', '"amount": 12.5').encode()
    server.answer = lambda request: WireAnswer(200, told)
    assert str(gateway.get_payment(client, PAYMENT).amount) == "12.50"
