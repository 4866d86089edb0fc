"""How what Tap answers is read: statuses, refunds, and answers that it does not document."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import InvalidResponse
from integrations.providers.payment.tap import Tap
from integrations.providers.results import RefundStatus
from tests.providers.tap.wire import PAYMENT, TapWire, seeded
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import create, order, refund


@pytest.mark.parametrize(
    ("paid", "status"),
    [("CAPTURED", "captured"), ("DECLINED", "failed"), ("INITIATED", "requires_action"), ("IN_PROGRESS", "pending")],
)
def test_a_token_pays_at_once_or_wants_the_payer_once_more(
    client: WireClient, wire: TapWire, paid: str, status: str
) -> None:
    wire.token_status = paid
    result = create(client, order(payment_token="tok_sample"))
    assert result.status == status
    assert bool(result.redirect_url) == (status == "requires_action")
    assert bool(result.failure_message) == (status == "failed")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("INITIATED", "requires_action"),
        ("IN_PROGRESS", "pending"),
        ("UNKNOWN", "pending"),
        ("INVENTED", "pending"),
        ("CAPTURED", "captured"),
        ("AUTHORIZED", "authorised"),
        ("FAILED", "failed"),
        ("DECLINED", "failed"),
        ("RESTRICTED", "failed"),
        ("TIMEDOUT", "failed"),
        ("CANCELLED", "cancelled"),
        ("ABANDONED", "cancelled"),
        ("VOID", "cancelled"),
    ],
)
def test_each_status_of_a_charge_is_ours(client: WireClient, wire: TapWire, word: str, status: str) -> None:
    wire.objects[PAYMENT]["status"] = word
    seen = Tap().get_payment(client, PAYMENT)
    assert seen.status == status
    assert bool(seen.amount_captured) == (word == "CAPTURED")


def test_fawry_s_number_is_on_a_page_that_stays_open(client: WireClient, wire: TapWire) -> None:
    opened = create(client, order("10.00", "EGP", method="fawry"))
    wire.objects[opened.provider_reference]["status"] = "IN_PROGRESS"
    seen = Tap().get_payment(client, opened.provider_reference)
    assert (seen.status, bool(seen.redirect_url)) == ("requires_action", True)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PENDING", "pending"),
        ("IN_PROGRESS", "pending"),
        ("ACCEPTED", "pending"),
        ("INVENTED", "pending"),
        ("REFUNDED", "succeeded"),
        ("DECLINED", "failed"),
        ("TIMED_OUT", "failed"),
        ("CANCELLED", "cancelled"),
    ],
)
def test_each_status_of_a_refund_is_ours(client: WireClient, wire: TapWire, word: str, status: str) -> None:
    wire.refund_status = word
    made = refund(client, PAYMENT, "5.00", "1")
    assert made.status == status
    assert bool(made.failure_message) == (status in ("failed", "cancelled"))
    seen = Tap().get_payment(client, PAYMENT).amount_refunded
    assert seen == (Decimal("5.00") if made.status is RefundStatus.SUCCEEDED else 0)


def test_more_refunds_than_a_page_holds_are_all_counted(client: WireClient, wire: TapWire) -> None:
    wire.page_size = 2
    for number in range(5):
        refund(client, PAYMENT, "1.00", str(number))
    assert Tap().get_payment(client, PAYMENT).amount_refunded == Decimal("5.00")


def test_a_refund_in_the_merchant_s_own_currency_is_no_total(client: WireClient, wire: TapWire) -> None:
    refund(client, PAYMENT, "5.00", "1")
    next(iter(wire.refunds.values()))["currency"] = "USD"
    assert Tap().get_payment(client, PAYMENT).amount_refunded is None


def never_ending(request: Any) -> WireAnswer:
    charge = json.dumps(seeded().objects[PAYMENT], default=float).encode()
    row = {"id": "re_1", "charge_id": PAYMENT, "amount": 1, "currency": "AED", "status": "REFUNDED"}
    return WireAnswer(200, {"refunds": [row], "has_more": True} if request.method == "POST" else charge)


@pytest.mark.parametrize(
    "answer",
    [
        never_ending,
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": "CAPTURED", "amount": "much", "currency": "AED"}),
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": "CAPTURED", "amount": 1, "currency": "ZZZ"}),
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": "CAPTURED", "amount": 1.001, "currency": "AED"}),
        lambda request: WireAnswer(200, {"id": 7, "status": "FAILED", "amount": 1, "currency": "AED"}),
        lambda request: WireAnswer(200, {"id": PAYMENT, "status": ["CAPTURED"], "amount": 1, "currency": "AED"}),
        lambda request: WireAnswer(200, {}),
        lambda request: WireAnswer(200, []),
        lambda request: WireAnswer(200, b"<html>"),
    ],
)
def test_an_answer_that_tap_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, answer: Callable[[Any], WireAnswer]
) -> None:
    server.answer = answer
    with pytest.raises(InvalidResponse):
        Tap().get_payment(client, PAYMENT)


def test_a_look_tells_how_each_refund_stands(client: WireClient, wire: TapWire) -> None:
    key = create(client, order()).provider_reference
    wire.pay(key, "CAPTURED")
    made = [refund(client, key, "1.00", f"key-{number}").provider_reference for number in range(3)]
    for reference, status in zip(made, ("PENDING", "DECLINED", "REFUNDED"), strict=True):
        wire.refunds[reference]["status"] = status

    told = {one.provider_reference: one.status.value for one in Tap().get_payment(client, key).refunds}
    assert told == dict(zip(made, ("pending", "failed", "succeeded"), strict=True))
