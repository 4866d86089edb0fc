"""What is Tabby's own: captures once by reference, a rest that is let go, and refunds."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Rejected
from tests.providers.tabby.wire import TabbyWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import TABBY, S, calls, capture, complete, create, order, paid, refund


def test_a_look_takes_nothing_and_says_what_waits_for_us(
    client: WireClient, wire: TabbyWire, server: WireServer
) -> None:
    key = create(client, order()).provider_reference
    assert not TABBY.get_payment(client, key).awaits_completion

    wire.pay(key)
    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.awaits_completion) == (S.AUTHORISED, Decimal(0), True)
    assert not calls(server, "POST", "/captures")


def test_what_the_payer_was_lent_is_captured_once(client: WireClient, wire: TabbyWire, server: WireServer) -> None:
    key = paid(client, wire, capture=True)
    for another in ("key", "key", "another"):
        seen = complete(client, key, idempotency_key=another)
        assert (seen.status, seen.amount_captured, seen.awaits_completion) == (S.CAPTURED, Decimal("12.50"), False)

    (sent,) = calls(server, "POST", "/captures")
    assert sent.json() == {"amount": "12.50", "reference_id": "key"}


def test_what_was_ordered_to_wait_stays_authorised(client: WireClient, wire: TabbyWire, server: WireServer) -> None:
    key = paid(client, wire)
    assert complete(client, key, capture=False).status is S.AUTHORISED
    assert not calls(server, "POST", "/captures")


@pytest.mark.parametrize("another", ["key", "another"])
def test_two_who_complete_at_once_capture_once(client: WireClient, wire: TabbyWire, another: str) -> None:
    """The second begins with what the first has changed meanwhile."""
    key = paid(client, wire, capture=True)
    late = json.loads(json.dumps(wire.payments[key]))
    complete(client, key)

    def overtaken(request: WireRequest) -> WireAnswer:
        return WireAnswer(200, late) if len(other.requests) == 1 else wire.answer(request)

    with WireServer(overtaken) as other:
        seen = complete(replace(client, base_url=other.url), key, idempotency_key=another)

    assert (seen.status, seen.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert len(wire.payments[key]["captures"]) == 1


def test_a_capture_that_tabby_refuses_is_no_end(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire, capture=True)

    def refuses(request: WireRequest) -> WireAnswer:
        refusal = {"status": "error", "errorType": "bad_data", "error": "not now"}
        return WireAnswer(400, refusal) if request.path.endswith("/captures") else wire.answer(request)

    with WireServer(refuses) as other, pytest.raises(Rejected, match="not now"):
        complete(replace(client, base_url=other.url), key)


def test_what_was_ordered_to_wait_is_authorised_and_captured_when_asked_for(
    client: WireClient, wire: TabbyWire, server: WireServer
) -> None:
    key = paid(client, wire)
    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.method) == (S.AUTHORISED, Decimal(0), "bnpl")

    done = capture(client, key, "12.50")
    assert (done.status, done.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert calls(server, "POST", "/captures")[0].json() == {"amount": "12.50", "reference_id": "key-capture"}
    assert not calls(server, "POST", "/close")


def test_a_capture_of_a_part_lets_the_rest_go(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    done = capture(client, key, "5.00")

    assert (done.status, done.amount_captured) == (S.CAPTURED, Decimal("5.00"))
    assert wire.payments[key]["status"] == "CLOSED"
    with pytest.raises(Rejected):
        capture(client, key, "1.00", "key-another")


def test_a_part_stays_captured_where_the_rest_cannot_be_let_go_just_now(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    away = WireAnswer(503, {"error": "Internal Server error"})
    with WireServer(lambda request: away if request.path.endswith("/close") else wire.answer(request)) as other:
        done = capture(replace(client, base_url=other.url), key, "5.00")

    assert (done.status, done.amount_captured) == (S.AUTHORISED, Decimal("5.00"))
    assert TABBY.void_payment(client, key, idempotency_key="v").status is S.CAPTURED


def test_a_capture_or_refund_that_is_repeated_is_made_once(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    for _ in range(2):  # the second time the payment is closed, and Tabby captures no more of it
        assert capture(client, key, "5.00").amount_captured == Decimal("5.00")
    first, again = (refund(client, key, "2.00") for _ in range(2))

    assert first.provider_reference == again.provider_reference
    assert TABBY.get_payment(client, key).amount_refunded == Decimal("2.00")


def test_all_of_it_is_captured_and_refunded_where_no_amount_is_named(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    once: dict[str, Any] = {"amount": None, "currency": "AED"}

    assert TABBY.capture_payment(client, key, **once, idempotency_key="c").amount_captured == Decimal("12.50")
    refund(client, key, "2.50")
    assert TABBY.refund_payment(client, key, **once, idempotency_key="r").amount == Decimal("10.00")


def test_refunds_add_up_and_never_exceed_what_was_captured(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")

    assert refund(client, key, "2.50", "r1").amount == Decimal("2.50")
    assert TABBY.get_payment(client, key).status is S.PARTIALLY_REFUNDED
    with pytest.raises(Rejected):
        refund(client, key, "10.01", "r2")
    assert refund(client, key, "10.00", "r3").status == "succeeded"
    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.amount_refunded) == (S.REFUNDED, Decimal("12.50"), Decimal("12.50"))


def test_a_look_tells_of_each_refund_and_whose_it_is(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")
    made = [refund(client, key, "1.00", name).provider_reference for name in ("r1", "r2")]

    told = [(one.provider_reference, one.idempotency_key, one.status) for one in TABBY.get_payment(client, key).refunds]
    assert told == [(made[0], "r1", "succeeded"), (made[1], "r2", "succeeded")]


def test_a_disputed_payment_is_not_refunded(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")
    wire.payments[key]["meta"]["disputed"] = True

    with pytest.raises(Rejected, match="payment is disputed") as refused:
        refund(client, key, "1.00")
    assert refused.value.provider_code == "conflict"


def test_a_void_closes_without_a_capture(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    for _ in range(2):  # what is void already may be made void again
        done = TABBY.void_payment(client, key, idempotency_key="v")
        assert (done.status, done.amount_captured, done.amount_refunded) == (S.CANCELLED, Decimal(0), Decimal(0))


def test_what_was_captured_cannot_be_made_void(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")
    with pytest.raises(Rejected, match="already closed"):
        TABBY.void_payment(client, key, idempotency_key="v")


def test_a_part_captured_in_tabby_s_dashboard_leaves_the_rest_to_us(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire, capture=True)
    wire.payments[key]["captures"] = [{"id": "c", "amount": "5.00", "reference_id": "d", "created_at": "2026-11-01"}]

    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.awaits_completion) == (S.AUTHORISED, Decimal("5.00"), False)
    assert complete(client, key).amount_captured == Decimal("5.00")
    assert TABBY.void_payment(client, key, idempotency_key="v").status is S.CAPTURED
