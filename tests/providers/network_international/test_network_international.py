"""N-Genius's whole stories over the wire: paid on the page, captured, let go, reversed and refunded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.errors import (
    Rejected,
)
from tests.providers.network_international.wire import (
    AUTHORISED,
    PAYMENT,
    NGenius,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import capture, create, gateway, order, refund, sent, totals, void


def test_a_sale_is_paid_on_the_page_and_given_back_in_parts(client: WireClient, ngenius: NGenius) -> None:
    opened = create(client, order())
    assert (opened.status, opened.amount, opened.currency) == ("requires_action", Decimal("12.50"), "AED")
    assert opened.redirect_url.startswith("https://paypage.sandbox.ngenius-payments.com/?code=")

    ngenius.pay(opened.provider_reference)
    paid = gateway.get_payment(client, opened.provider_reference)
    assert totals(paid) == ("captured", "12.50", "0.00")
    assert (paid.method, paid.redirect_url) == ("card", "")

    first, second = refund(client, paid.provider_reference, "2.50"), refund(client, paid.provider_reference, "2.50")
    assert (first.status, first.amount, first.currency) == ("succeeded", Decimal("2.50"), "AED")
    assert first.provider_reference == "refund-1"
    assert second.provider_reference == "refund-2"
    assert totals(gateway.get_payment(client, paid.provider_reference)) == ("partially_refunded", "12.50", "5.00")

    with pytest.raises(Rejected, match="more than was captured") as refused:
        refund(client, paid.provider_reference, "7.51")
    assert refused.value.provider_code == "refundNotAllowed"

    refund(client, paid.provider_reference, "7.50")
    assert totals(gateway.get_payment(client, paid.provider_reference)) == ("refunded", "12.50", "12.50")


def test_an_authorisation_is_captured_in_part_and_refunded(client: WireClient, ngenius: NGenius) -> None:
    held = create(client, order("5.125", "KWD", capture=False)).provider_reference
    ngenius.pay(held)
    assert totals(gateway.get_payment(client, held)) == ("authorised", "0.000", "0.000")

    taken = capture(client, held, "5.000", "KWD")
    assert totals(taken) == ("captured", "5.000", "0.000")
    assert taken.amount == Decimal("5.125")
    assert refund(client, held, "5.000", "KWD").amount == Decimal("5.000")
    assert totals(gateway.get_payment(client, held)) == ("refunded", "5.000", "5.000")


def test_without_an_amount_all_is_captured_and_all_that_was_captured_is_given_back(
    client: WireClient, ngenius: NGenius
) -> None:
    assert totals(capture(client, AUTHORISED, None)) == ("captured", "12.50", "0.00")
    assert refund(client, AUTHORISED, None).amount == Decimal("12.50")


def test_more_than_was_authorised_cannot_be_captured(client: WireClient) -> None:
    with pytest.raises(Rejected, match="more than was authorised"):
        capture(client, AUTHORISED, "12.51")
    with pytest.raises(Rejected, match="CAPTURED"):
        capture(client, PAYMENT, "1.00")


def test_an_authorisation_is_let_go_once(client: WireClient, server: WireServer) -> None:
    assert totals(void(client, AUTHORISED)) == ("cancelled", "0.00", "0.00")
    assert totals(void(client, AUTHORISED)) == ("cancelled", "0.00", "0.00")
    assert len(sent(server, "PUT")) == 1


def test_what_is_taken_is_not_let_go(client: WireClient, server: WireServer, ngenius: NGenius) -> None:
    """The link that cancels an authorisation gives a purchase back."""
    client.configuration = {"sale_action": "PURCHASE"}
    bought = create(client, order()).provider_reference
    ngenius.pay(bought)
    for reference in (bought, PAYMENT):
        with pytest.raises(Rejected, match="does not allow"):
            void(client, reference)
    assert not sent(server, "PUT")


def test_an_order_that_nobody_has_paid_cannot_be_voided(client: WireClient) -> None:
    opened = create(client, order()).provider_reference
    with pytest.raises(Rejected) as refused:
        void(client, opened)
    assert refused.value.provider_code == "STARTED"


def test_a_cancellation_whose_first_answer_got_lost_is_found_done(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    def done_before(request: WireRequest) -> WireAnswer:
        if request.method == "PUT":
            ngenius.answer(request)
        return ngenius.answer(request)

    server.answer = done_before
    assert void(client, AUTHORISED).status == "cancelled"


@pytest.mark.parametrize("settled", [False, True])
def test_a_purchase_is_reversed_before_it_is_settled_and_refunded_after(
    client: WireClient, server: WireServer, ngenius: NGenius, settled: bool
) -> None:
    client.configuration = {"sale_action": "PURCHASE"}
    bought = create(client, order()).provider_reference
    ngenius.pay(bought).settled = settled
    assert totals(gateway.get_payment(client, bought)) == ("captured", "12.50", "0.00")

    given_back = refund(client, bought, "12.50")
    assert (given_back.status, given_back.amount) == ("succeeded", Decimal("12.50"))
    assert given_back.provider_reference
    assert totals(gateway.get_payment(client, bought)) == ("refunded", "12.50", "12.50")
    assert len(sent(server, "PUT")) == (0 if settled else 1)


def test_a_part_of_a_purchase_waits_for_its_settlement(
    client: WireClient, server: WireServer, ngenius: NGenius
) -> None:
    client.configuration = {"sale_action": "PURCHASE"}
    bought = create(client, order()).provider_reference
    ngenius.pay(bought)
    with pytest.raises(Rejected, match="PURCHASED"):
        refund(client, bought, "5.00")
    assert not sent(server, "PUT")

    ngenius.orders[bought].settled = True
    refund(client, bought, "5.00")
    assert totals(gateway.get_payment(client, bought)) == ("partially_refunded", "12.50", "5.00")


def test_a_refund_that_is_only_requested_is_pending(client: WireClient, ngenius: NGenius) -> None:
    ngenius.refund_state = "REQUESTED"
    assert refund(client, PAYMENT, "5.00").status == "pending"
    assert totals(gateway.get_payment(client, PAYMENT)) == ("captured", "12.50", "0.00")


@pytest.mark.parametrize(
    ("state", "status"), [("REQUESTED", "pending"), ("SUCCESS", "succeeded"), ("FAILED", "failed")]
)
def test_a_look_tells_how_each_refund_stands(client: WireClient, ngenius: NGenius, state: str, status: str) -> None:
    made = refund(client, PAYMENT, "5.00")
    ngenius.orders[PAYMENT].refunds[0]["state"] = state
    (told,) = gateway.get_payment(client, PAYMENT).refunds
    assert (told.provider_reference, told.status, told.amount) == (made.provider_reference, status, Decimal("5.00"))


def test_a_refund_that_cannot_be_read_is_not_told_of(client: WireClient, ngenius: NGenius) -> None:
    refund(client, PAYMENT, "5.00")
    (listed,) = ngenius.orders[PAYMENT].refunds
    listed["state"] = "ODD"
    assert gateway.get_payment(client, PAYMENT).refunds == ()


def test_a_declined_payment_says_why(client: WireClient, ngenius: NGenius) -> None:
    declined = create(client, order()).provider_reference
    ngenius.pay(declined, scheme="MADA", approved=False)
    payment = gateway.get_payment(client, declined)

    assert totals(payment) == ("failed", "0.00", "0.00")
    assert (payment.failure_code, payment.failure_message) == ("51", "Not sufficient funds")
    assert payment.method == "mada"


def test_a_saved_card_s_token_is_not_kept(client: WireClient) -> None:
    assert "sample-not-a-card-token" not in str(gateway.get_payment(client, PAYMENT).raw)
