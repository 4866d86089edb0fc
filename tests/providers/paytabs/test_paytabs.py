"""What is PayTabs' own: one cart of many transactions, and letters for states."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integrations.errors import (
    Conflict,
    NotSupported,
    Rejected,
    Unavailable,
)
from integrations.providers.payment.paytabs import PayTabs
from integrations.providers.results import (
    PaymentResult,
    PaymentStatus,
)
from tests.providers.paytabs.wire import (
    Profile,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

from .calls import CART, create, get, order, refund, totals


def capture(client: WireClient, amount: str | None, currency: str = "AED") -> PaymentResult:
    value = None if amount is None else Decimal(amount)
    return PayTabs().capture_payment(client, CART, amount=value, currency=currency, idempotency_key="key-2")


def void(client: WireClient) -> PaymentResult:
    return PayTabs().void_payment(client, CART, idempotency_key="key-4")


def test_a_sale_is_paid_on_a_page_and_refunded_in_parts(client: WireClient, profile: Profile) -> None:
    opened = create(client, order())
    assert (opened.status, opened.provider_reference) == (PaymentStatus.REQUIRES_ACTION, CART)
    assert opened.redirect_url.startswith("https://secure.paytabs.com/payment/page/")
    assert totals(get(client)) == ("requires_action", "0.00", "0.00")

    profile.pay(CART)
    assert totals(get(client)) == ("captured", "12.50", "0.00")
    assert get(client).method == "card"

    assert (refund(client, "5.00").status, refund(client, "2.50").status) == ("succeeded", "succeeded")
    assert totals(get(client)) == ("partially_refunded", "12.50", "7.50")
    with pytest.raises(Rejected) as refused:
        refund(client, "5.01")
    assert refused.value.provider_code == "311"
    refund(client, "5.00")
    assert totals(get(client)) == ("refunded", "12.50", "12.50")


@pytest.mark.parametrize(("amount", "status"), [("12.50", "captured"), ("5.00", "captured")])
def test_an_authorisation_is_captured_and_its_capture_refunded(
    client: WireClient, profile: Profile, amount: str, status: str
) -> None:
    create(client, order(capture=False))
    profile.pay(CART)
    assert totals(get(client)) == ("authorised", "0.00", "0.00")

    assert totals(capture(client, amount)) == (status, amount, "0.00")
    refund(client, "1.00")
    assert totals(get(client)) == ("partially_refunded", amount, "1.00")
    captured, refunded = profile.transactions[1:]
    assert refunded["previous_tran_ref"] == captured["tran_ref"]


def test_an_authorisation_is_let_go(client: WireClient, profile: Profile) -> None:
    create(client, order(capture=False))
    profile.pay(CART)

    assert totals(void(client)) == ("cancelled", "0.00", "0.00")
    assert totals(get(client)) == ("cancelled", "0.00", "0.00")


def test_an_authorisation_that_is_marked_as_voided_has_taken_nothing(client: WireClient, profile: Profile) -> None:
    create(client, order(capture=False))
    profile.pay(CART)
    void(client)
    profile.of(CART)[0]["payment_result"]["response_status"] = "V"
    assert totals(get(client)) == ("cancelled", "0.00", "0.00")


@pytest.mark.parametrize("method", ["knet", "omannet", "valu", "stc_pay", "samsung_pay", "paypal"])
def test_a_method_that_only_sells_is_not_asked_to_authorise(
    client: WireClient, server: WireServer, method: str
) -> None:
    with pytest.raises(NotSupported, match="captured later") as refused:
        create(client, order(method=method, capture=False))
    assert refused.value.field == "capture"
    assert not server.requests


def test_what_nobody_has_paid_on_is_neither_captured_voided_nor_refunded(
    client: WireClient, server: WireServer
) -> None:
    create(client, order(capture=False))
    for change, error in ((lambda: capture(client, None), Conflict), (lambda: refund(client, None), Conflict)):
        with pytest.raises(error):
            change()
    with pytest.raises(NotSupported, match="expires"):
        void(client)
    assert [request.path for request in server.requests].count("/payment/request") == 1


@pytest.mark.parametrize(
    ("letter", "status"),
    [
        ("A", "captured"),
        ("H", "pending"),
        ("P", "pending"),
        ("D", "failed"),
        ("E", "failed"),
        ("V", "cancelled"),
        ("X", "cancelled"),
        ("C", "cancelled"),
    ],
)
def test_a_sale_s_letter_is_the_payment_s_status(
    client: WireClient, profile: Profile, letter: str, status: str
) -> None:
    profile.open(CART)
    profile.pay(CART, letter)

    result = get(client)
    assert (result.status, result.amount_captured) == (status, Decimal("12.50" if letter == "A" else "0.00"))
    assert result.failure_message == {"D": "Do not honour", "E": "Acquirer failed"}.get(letter, "")
    assert bool(result.failure_code) == (status == "failed")


def test_a_payer_who_was_declined_may_pay_after_all(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART, "D")
    assert get(client).status == PaymentStatus.FAILED
    profile.pay(CART, "A", method="mada")
    assert totals(get(client)) == ("captured", "12.50", "0.00")
    assert get(client).method == "mada"


def test_the_last_try_says_how_it_ended(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART, "D")
    profile.pay(CART, "X")
    assert get(client).status == PaymentStatus.CANCELLED


def test_a_sale_that_was_voided_is_money_given_back(client: WireClient, profile: Profile) -> None:
    profile.open(CART)
    profile.pay(CART)
    voided = profile.open(CART, kind="Void")
    voided["payment_result"] = {"response_status": "A"}
    assert totals(get(client)) == ("refunded", "12.50", "12.50")


def test_what_two_pages_took_is_told_in_full(client: WireClient, profile: Profile) -> None:
    """More than the order's amount: the ledger refuses it, and a person looks."""
    for _ in range(2):
        profile.open(CART)
        profile.pay(CART)
    assert totals(get(client)) == ("captured", "25.00", "0.00")


@pytest.mark.parametrize(
    ("letter", "status"), [("A", "succeeded"), ("P", "pending"), ("H", "pending"), ("D", "failed"), ("E", "failed")]
)
def test_a_refund_may_wait_for_the_bank_or_be_declined(
    client: WireClient, profile: Profile, letter: str, status: str
) -> None:
    profile.open(CART)
    profile.pay(CART)
    profile.follow_up_status = letter
    result = refund(client, "5.00")

    assert (result.status, result.amount) == (status, Decimal("5.00"))
    assert bool(result.failure_message) == (status == "failed")
    assert get(client).amount_refunded == (Decimal("5.00") if letter == "A" else Decimal(0))


@pytest.mark.parametrize(
    ("letter", "status"), [("A", "succeeded"), ("P", "pending"), ("H", "pending"), ("D", "failed"), ("V", "failed")]
)
def test_a_look_tells_how_each_refund_stands(client: WireClient, profile: Profile, letter: str, status: str) -> None:
    profile.open(CART)
    profile.pay(CART)
    made = refund(client, "5.00")
    profile.transactions[-1]["payment_result"]["response_status"] = letter
    (told,) = get(client).refunds
    assert (told.provider_reference, told.status, told.amount) == (made.provider_reference, status, Decimal("5.00"))


def test_a_capture_that_is_declined_is_an_error_and_one_undecided_stays_in_doubt(
    client: WireClient, profile: Profile
) -> None:
    profile.open(CART, kind="Auth")
    profile.pay(CART)
    profile.follow_up_status = "D"
    with pytest.raises(Rejected, match="Do not honour"):
        capture(client, "5.00")
    profile.follow_up_status = "P"
    with pytest.raises(Unavailable) as undecided:
        capture(client, "5.00")
    assert undecided.value.may_have_taken_effect
    assert get(client).status == PaymentStatus.AUTHORISED
