"""What is Tap's own: captures that are charges, and refunds that are asked for apart."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from integrations.errors import InvalidResponse, NotSupported, Rejected, Unavailable
from integrations.providers.payment.tap import Tap
from integrations.providers.results import PaymentStatus
from tests.providers.tap.wire import AUTHORISED, PAYMENT, TapWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import OURS, capture, create, order, refund


def test_a_payer_pays_on_tap_s_page_and_is_given_back_part_by_part(client: WireClient, wire: TapWire) -> None:
    opened = create(client, order("10.500", "KWD", method="knet"))
    assert (opened.status, opened.redirect_url) == ("requires_action", "https://pay.tap.example/chg_3")
    wire.pay(opened.provider_reference, "CAPTURED")
    paid = Tap().get_payment(client, opened.provider_reference)
    assert (paid.status, paid.method, str(paid.amount_captured), str(paid.amount_refunded)) == (
        "captured", "knet", "10.500", "0.000",
    )  # fmt: skip

    refund(client, paid.provider_reference, "0.250", "1", "KWD")
    refund(client, paid.provider_reference, "4.250", "2", "KWD")
    partly = Tap().get_payment(client, paid.provider_reference)
    assert (partly.status, str(partly.amount_refunded)) == ("partially_refunded", "4.500")
    with pytest.raises(Rejected, match="more than") as refused:
        refund(client, paid.provider_reference, "6.001", "3", "KWD")
    assert refused.value.provider_code == "1124"
    refund(client, paid.provider_reference, "6.000", "4", "KWD")
    assert Tap().get_payment(client, paid.provider_reference).status == PaymentStatus.REFUNDED


def test_an_authorisation_is_captured_in_part_by_a_charge_of_its_own(client: WireClient, wire: TapWire) -> None:
    held = create(client, order(capture=False))
    wire.pay(held.provider_reference, "AUTHORIZED")
    authorised = Tap().get_payment(client, held.provider_reference)
    assert (authorised.status, authorised.amount_captured) == ("authorised", Decimal("0.00"))

    taken = capture(client, held.provider_reference, "10.00")
    assert (taken.provider_reference, taken.status) == (held.provider_reference, "captured")
    assert (str(taken.amount), str(taken.amount_captured)) == ("12.50", "10.00")
    refund(client, held.provider_reference, "4.00", "1")
    seen = Tap().get_payment(client, held.provider_reference)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == (
        "partially_refunded", "10.00", "4.00",
    )  # fmt: skip
    with pytest.raises(Rejected):
        Tap().void_payment(client, held.provider_reference, idempotency_key="key-void")


def test_a_capture_takes_our_id_and_the_addresses_along(client: WireClient, wire: TapWire) -> None:
    held = create(client, order(capture=False, metadata={"tailor": "7"}))
    wire.pay(held.provider_reference, "AUTHORIZED")
    capture(client, held.provider_reference, "12.50")
    refund(client, held.provider_reference, "12.50", "1")

    charge = next(one for one in wire.objects.values() if one["source"]["id"] == held.provider_reference)
    assert charge["reference"]["transaction"] == OURS
    assert (charge["metadata"], charge["post"]) == ({"tailor": "7"}, {"url": "https://hub.example/hooks"})
    (made,) = wire.refunds.values()
    assert (made["reference"]["merchant"], made["post"]) == (OURS, {"url": "https://hub.example/hooks"})


def test_a_capture_that_tap_has_not_marked_yet_is_seen_by_its_charge(client: WireClient, wire: TapWire) -> None:
    capture(client, AUTHORISED, "12.50")
    wire.objects[AUTHORISED]["status"] = "AUTHORIZED"
    assert Tap().get_payment(client, AUTHORISED).status == PaymentStatus.CAPTURED


def test_a_captured_authorisation_without_a_charge_is_not_guessed_at(client: WireClient, wire: TapWire) -> None:
    wire.objects[AUTHORISED]["status"] = "CAPTURED"
    with pytest.raises(InvalidResponse, match="no charge"):
        Tap().get_payment(client, AUTHORISED)


@pytest.mark.parametrize(
    ("status", "error"), [("DECLINED", Rejected), ("FAILED", Rejected), ("IN_PROGRESS", Unavailable)]
)
def test_a_capture_that_does_not_take_the_money_is_none(
    client: WireClient, wire: TapWire, status: str, error: type[Exception]
) -> None:
    wire.capture_status = status
    with pytest.raises(error) as failure:
        capture(client, AUTHORISED, "12.50")
    assert getattr(failure.value, "may_have_taken_effect", False) == (error is Unavailable)


def test_only_an_authorisation_is_captured_or_voided(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported):
        capture(client, PAYMENT, "1.00")
    with pytest.raises(NotSupported):
        Tap().void_payment(client, PAYMENT, idempotency_key="key")
    assert not server.requests


def test_a_voided_authorisation_stays_so(client: WireClient) -> None:
    assert Tap().void_payment(client, AUTHORISED, idempotency_key="key").status == PaymentStatus.CANCELLED
    assert Tap().get_payment(client, AUTHORISED).status == PaymentStatus.CANCELLED


def test_asked_twice_under_one_key_it_is_one_charge_and_one_refund(client: WireClient, wire: TapWire) -> None:
    first, second = create(client, order()), create(client, order())
    assert first.provider_reference == second.provider_reference
    assert create(client, order(), "key-2").provider_reference != first.provider_reference
    refund(client, PAYMENT, "5.00", "once")
    refund(client, PAYMENT, "5.00", "once")
    assert len(wire.refunds) == 1


def test_a_list_that_fails_has_changed_nothing(client: WireClient, server: WireServer) -> None:
    tap = server.answer
    server.answer = lambda request: WireAnswer(503) if request.path.endswith("/list") else tap(request)
    with pytest.raises(Unavailable) as failure:
        refund(client, AUTHORISED, "1.00", "1")
    assert not failure.value.may_have_taken_effect


@pytest.mark.parametrize(("operation", "first"), [("capture", "GET"), ("refund", "/list")])
def test_a_change_whose_first_question_is_answered_oddly_was_never_asked_for(
    client: WireClient, server: WireServer, operation: str, first: str
) -> None:
    def odd(request: WireRequest) -> WireAnswer:
        is_first = first == "GET" if request.method == "GET" else request.path.endswith(first)
        return WireAnswer(200, {"charges": "none"}) if is_first else tap(request)

    tap, server.answer = server.answer, odd
    some = {"amount": Decimal("1.00"), "currency": "AED", "idempotency_key": "key"}
    with pytest.raises(Unavailable) as failure:
        getattr(Tap(), f"{operation}_payment")(client, AUTHORISED, **some)
    assert not failure.value.may_have_taken_effect
    assert [request.path for request in server.requests if request.path in ("/charges", "/refunds")] == []


def test_a_void_that_is_not_decided_yet_stays_in_doubt(client: WireClient, server: WireServer, wire: TapWire) -> None:
    undecided = json.dumps({**wire.objects[AUTHORISED], "status": "IN_PROGRESS"}, default=float).encode()
    server.answer = lambda request: WireAnswer(200, undecided)
    with pytest.raises(Unavailable) as failure:
        Tap().void_payment(client, AUTHORISED, idempotency_key="key")
    assert failure.value.may_have_taken_effect


def test_a_key_that_has_taken_nothing_yet_is_good(client: WireClient, wire: TapWire) -> None:
    wire.objects.clear()
    assert Tap().check(client).ok


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        Tap().get_payment(client, "../refunds/re_1?x=")
    assert server.requests[0].path == "/charges/..%2Frefunds%2Fre_1%3Fx%3D"
