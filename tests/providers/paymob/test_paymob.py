"""What is Paymob's own: flags for states, and totals in parents."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import (
    Conflict,
    InvalidResponse,
    NotSupported,
    Rejected,
    Unavailable,
)
from integrations.providers.payment.paymob import Paymob
from integrations.providers.results import (
    PaymentResult,
    PaymentStatus,
)
from tests.providers.paymob.wire import Account
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import ORDER, capture, create, get, order, refund, totals


def void(client: WireClient) -> PaymentResult:
    return Paymob().void_payment(client, ORDER, idempotency_key="key-4")


@pytest.mark.parametrize("tells_all", [True, False], ids=["told of all", "told of the newest"])
def test_a_page_is_paid_and_refunded_in_parts(client: WireClient, account: Account, tells_all: bool) -> None:
    account.tells_all = tells_all
    opened = create(client, order())
    assert (opened.status, opened.provider_reference) == (PaymentStatus.REQUIRES_ACTION, ORDER)
    account.pay(ORDER)
    assert totals(get(client)) == ("captured", "12.50", "0.00")

    assert (refund(client, "5.00").status, refund(client, "2.50").status) == ("succeeded", "succeeded")
    assert totals(get(client)) == ("partially_refunded", "12.50", "7.50")
    with pytest.raises(Rejected, match="more than what is left"):
        refund(client, "5.01")
    refund(client, None)
    assert totals(get(client)) == ("refunded", "12.50", "12.50")
    with pytest.raises(Conflict):
        refund(client, "0.01")


@pytest.mark.parametrize("tells_all", [True, False], ids=["told of all", "told of the newest"])
@pytest.mark.parametrize("amount", ["12.50", "10.00"])
def test_an_authorisation_is_captured_and_refunded(
    client: WireClient, account: Account, amount: str, tells_all: bool
) -> None:
    account.tells_all = tells_all
    create(client, order(capture=False))
    account.pay(ORDER)
    assert totals(get(client)) == ("authorised", "0.00", "0.00")
    assert totals(capture(client, amount)) == ("captured", amount, "0.00")
    assert totals(get(client)) == ("captured", amount, "0.00")
    refund(client, "4.00")
    assert totals(get(client)) == ("partially_refunded", amount, "4.00")
    with pytest.raises(Conflict):
        capture(client, "1.00")


def test_an_authorisation_is_let_go(client: WireClient, account: Account) -> None:
    create(client, order(capture=False))
    account.pay(ORDER)
    assert totals(void(client)) == ("cancelled", "0.00", "0.00")
    assert totals(get(client)) == ("cancelled", "0.00", "0.00")


def test_what_nobody_has_tried_to_pay_is_not_there_yet(client: WireClient, account: Account) -> None:
    create(client, order())
    for change in (lambda: get(client), lambda: refund(client, None), lambda: void(client)):
        with pytest.raises(Rejected, match="nobody has tried"):
            change()
    account.pay(ORDER)
    with pytest.raises(NotSupported):
        void(client)


def told(**flags: Any) -> dict[str, Any]:
    """A transaction as the inquiry has it: paid, unless the flags say otherwise."""
    account = Account()
    account.open(ORDER)
    transaction: dict[str, Any] = account.pay(ORDER)
    return {**transaction, **flags}


NOT_PAID = {"success": False, "error_occured": True, "data": {"message": "Declined", "txn_response_code": "05"}}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ("captured", "12.50", "0.00")),
        ({"success": "true", "pending": "false", "is_auth": "false"}, ("captured", "12.50", "0.00")),
        ({"is_auth": True}, ("authorised", "0.00", "0.00")),
        ({"is_auth": True, "is_captured": True}, ("captured", "12.50", "0.00")),
        ({"is_auth": True, "is_captured": True, "captured_amount": 1000}, ("captured", "10.00", "0.00")),
        (
            {"is_auth": True, "captured_amount": 1000, "refunded_amount_cents": 1000},
            ("refunded", "10.00", "10.00"),
        ),
        ({"refunded_amount_cents": 500}, ("partially_refunded", "12.50", "5.00")),
        ({"is_refunded": True, "refunded_amount_cents": 1250}, ("refunded", "12.50", "12.50")),
        ({"is_refunded": True}, ("refunded", "12.50", "12.50")),
        ({"is_voided": True, "is_auth": True}, ("cancelled", "0.00", "0.00")),
        ({"is_voided": True}, ("refunded", "12.50", "12.50")),
        ({"is_voided": True, **NOT_PAID}, ("cancelled", "0.00", "0.00")),
        ({"success": False, "pending": True}, ("pending", "0.00", "0.00")),
        ({"success": True, "pending": True}, ("pending", "0.00", "0.00")),
        ({"success": True, "pending": True, "is_auth": True}, ("pending", "0.00", "0.00")),
        ({"success": False, "pending": True, "error_occured": True}, ("pending", "0.00", "0.00")),
        (NOT_PAID, ("failed", "0.00", "0.00")),
        ({"success": False}, ("failed", "0.00", "0.00")),
        ({**NOT_PAID, "is_auth": True}, ("failed", "0.00", "0.00")),
        ({**NOT_PAID, "is_auth": True, "captured_amount": 1250}, ("failed", "0.00", "0.00")),
    ],
    ids=str,
)
def test_the_flags_say_how_a_payment_stands(
    client: WireClient, server: WireServer, account: Account, flags: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    server.answer = answers(account, [told(**flags)])
    result = get(client)
    assert totals(result) == expected
    assert bool(result.failure_message) == (expected[0] == "failed")


@pytest.mark.parametrize(
    "flags",
    [
        {"success": True, "error_occured": True},
        {"success": None},
        {"pending": "maybe"},
        {"success": 1},
        {"success": "yes"},
        {"amount_cents": "12.50"},
        {"amount_cents": 12.5},
        {"amount_cents": None},
        {"currency": "ZZZ"},
        {"order": None},
        {"order": {"merchant_order_id": "another"}},
        {"id": None},
        {"has_parent_transaction": True, "parent_transaction": None},
    ],
    ids=str,
)
def test_flags_that_are_not_as_documented_are_never_read_as_paid(
    client: WireClient, server: WireServer, account: Account, flags: dict[str, Any]
) -> None:
    server.answer = answers(account, [told(**flags)])
    with pytest.raises(InvalidResponse):
        get(client)


@pytest.mark.parametrize("body", [b"<html>", b"", "text", 7, [7], [[]], {}], ids=str)
def test_an_answer_that_paymob_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, account: Account, body: Any
) -> None:
    server.answer = answers(account, body)
    with pytest.raises(InvalidResponse):
        get(client)


def test_parents_in_a_circle_end_somewhere(client: WireClient, server: WireServer, account: Account) -> None:
    one = told(has_parent_transaction=True, parent_transaction=2, id=1)
    server.answer = answers(account, [one, {**one, "id": 2, "parent_transaction": 1}])
    with pytest.raises(InvalidResponse, match="parents"):
        get(client)


def test_a_refund_of_a_capture_counts_for_the_authorisation(
    client: WireClient, server: WireServer, account: Account
) -> None:
    held = told(id=1, is_auth=True)
    taken = told(id=2, is_capture=True, has_parent_transaction=True, parent_transaction=1, amount_cents=1000)
    back = told(id=3, is_refund=True, has_parent_transaction=True, parent_transaction=2, amount_cents=400)
    server.answer = answers(account, [held, taken, back])
    assert totals(get(client)) == ("partially_refunded", "10.00", "4.00")


def test_a_payer_who_was_declined_may_pay_after_all(client: WireClient, account: Account) -> None:
    account.open(ORDER)
    account.pay(ORDER, "declined")
    failed = get(client)
    assert (failed.status, failed.failure_message, failed.failure_code) == ("failed", "Do not honour", "DECLINED")
    account.pay(ORDER, source=("wallet", "wallet"))
    assert totals(get(client)) == ("captured", "12.50", "0.00")
    assert get(client).method == "wallet"


@pytest.mark.parametrize(
    ("source", "method"),
    [(("card", "Visa"), "card"), (("card", "mada"), "mada"), (("card", "MEEZA"), "meeza"), (("new", "x"), "")],
)
def test_how_it_was_paid_is_told_where_it_is_known(
    client: WireClient, account: Account, source: tuple[str, str], method: str
) -> None:
    account.open(ORDER)
    account.pay(ORDER, source=source)
    assert get(client).method == method


@pytest.mark.parametrize(
    ("outcome", "status"), [("success", "succeeded"), ("pending", "pending"), ("declined", "failed")]
)
def test_a_refund_may_wait_or_be_declined(client: WireClient, account: Account, outcome: str, status: str) -> None:
    account.open(ORDER)
    account.pay(ORDER)
    account.outcome = outcome
    result = refund(client, "5.00")
    assert (result.status, result.amount) == (status, Decimal("5.00"))
    assert result.failure_message == ("Do not honour" if status == "failed" else "")
    assert get(client).amount_refunded == (Decimal("5.00") if status == "succeeded" else 0)


def test_a_capture_that_is_declined_is_an_error_and_one_undecided_stays_in_doubt(
    client: WireClient, account: Account
) -> None:
    account.open(ORDER, auth=True)
    account.pay(ORDER)
    account.outcome = "declined"
    with pytest.raises(Rejected, match="Do not honour"):
        capture(client, "5.00")
    account.outcome = "pending"
    with pytest.raises(Unavailable) as undecided:
        capture(client, "5.00")
    assert undecided.value.may_have_taken_effect
    assert get(client).status == PaymentStatus.AUTHORISED


def answers(account: Account, body: Any) -> Any:
    """The account's, but for the inquiry."""

    def answer(request: WireRequest) -> WireAnswer:
        if not request.path.endswith("transaction_inquiry"):
            return account.answer(request)
        return WireAnswer(200, body if isinstance(body, bytes) else json.dumps(body).encode())

    return answer
