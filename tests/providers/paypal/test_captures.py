"""What PayPal takes, gives back and lets go, and what it declines."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from integrations.errors import Conflict, InvalidRequest, Rejected, Unavailable
from integrations.providers.results import (
    PaymentRequest,
    PaymentStatus,
    RefundStatus,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .books import payments
from .calls import PAYPAL, authorised, bodies, complete, create, look, refund, take
from .wire import PayPalWire


def paid(client: WireClient, wire: PayPalWire, request: PaymentRequest | None = None) -> str:
    made = create(client, request)
    wire.books.approve(made.provider_reference)
    complete(client, made.provider_reference)
    return made.provider_reference


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
