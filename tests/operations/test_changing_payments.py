from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.errors import Conflict, IntegrationError, InvalidRequest, Rejected, Unavailable
from integrations.models import Organization, Payment, PaymentOperation
from integrations.operations.payments import (
    PaymentOrder,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)

from .stripe_wire import StripeWire, connect, fails

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")
AUTHORISE_ONLY = replace(ORDER, capture=False)


@pytest.fixture
def captured(organization: Organization, wire: StripeWire) -> Payment:
    connect(organization, wire)
    return create_payment(organization, ORDER)


@pytest.fixture
def authorised(organization: Organization, wire: StripeWire) -> Payment:
    connect(organization, wire)
    return create_payment(organization, AUTHORISE_ONLY)


def test_an_authorisation_is_captured_whole(authorised: Payment) -> None:
    assert authorised.status == Payment.Status.AUTHORISED
    payment = capture_payment(authorised)
    assert (payment.status, payment.amount_captured) == (Payment.Status.CAPTURED, Decimal("12.50"))


def test_an_authorisation_is_captured_in_part(authorised: Payment, wire: StripeWire) -> None:
    payment = capture_payment(authorised, amount="10.00")
    assert payment.amount_captured == Decimal("10.00")
    assert wire.calls("POST", "/capture")[0].form["amount_to_capture"] == "1000"


def test_more_than_was_authorised_cannot_be_captured(authorised: Payment, wire: StripeWire) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        capture_payment(authorised, amount="12.51")
    assert refusal.value.field == "amount"
    assert not wire.calls("POST", "/capture")


def test_an_authorisation_is_voided(authorised: Payment) -> None:
    assert void_payment(authorised).status == Payment.Status.CANCELLED


def test_what_is_captured_can_be_neither_captured_nor_voided(captured: Payment) -> None:
    for change in (capture_payment, void_payment):
        with pytest.raises(Conflict):
            change(captured)


def test_what_is_not_captured_cannot_be_refunded(authorised: Payment) -> None:
    with pytest.raises(Conflict):
        refund_payment(authorised)


def test_a_payment_is_refunded_in_parts_until_nothing_is_left(captured: Payment) -> None:
    payment = refund_payment(captured, amount="5.00", reason="Too short")
    assert (payment.status, payment.amount_refunded) == (Payment.Status.PARTIALLY_REFUNDED, Decimal("5.00"))
    payment = refund_payment(payment)
    assert (payment.status, payment.amount_refunded) == (Payment.Status.REFUNDED, Decimal("12.50"))
    with pytest.raises(Conflict):
        refund_payment(payment)


@pytest.mark.parametrize("amount", ["12.51", "0.00", "-1.00", "1.001", "twelve"])
def test_an_amount_that_cannot_be_refunded_is_refused(captured: Payment, wire: StripeWire, amount: str) -> None:
    with pytest.raises(InvalidRequest):
        refund_payment(captured, amount=amount)
    assert not wire.refunds
    assert not captured.operations.filter(kind="refund").exists()


@pytest.mark.parametrize("more", [{"reason": "card 4242 4242 4242 4242"}, {"idempotency_key": "4242424242424242"}])
def test_a_card_number_goes_no_further(captured: Payment, wire: StripeWire, more: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="looks like a card number"):
        refund_payment(captured, **more)
    assert not captured.operations.filter(kind="refund").exists()


def test_a_refund_under_the_same_key_is_made_once(captured: Payment, wire: StripeWire) -> None:
    for _ in range(2):
        payment = refund_payment(captured, amount="5.00", idempotency_key="refund-1")
        assert payment.amount_refunded == Decimal("5.00")
    assert len(wire.refunds) == 1


def test_another_refund_under_the_same_key_is_refused(captured: Payment) -> None:
    refund_payment(captured, amount="5.00", idempotency_key="refund-1")
    with pytest.raises(Conflict):
        refund_payment(captured, amount="6.00", idempotency_key="refund-1")


def test_concurrent_refunds_never_exceed_what_was_captured(captured: Payment, wire: StripeWire) -> None:
    barrier = threading.Barrier(4)

    def refund() -> str:
        barrier.wait()
        try:
            return refund_payment(captured, amount="5.00").status
        except IntegrationError as error:
            return error.code
        finally:
            database.close()

    with ThreadPoolExecutor(4) as threads:
        outcomes = [one.result() for one in [threads.submit(refund) for _ in range(4)]]
    assert outcomes.count("invalid_request") == 2
    assert sum(refund["amount"] for refund in wire.refunds) == 1000
    captured.refresh_from_db()
    assert captured.amount_refunded == Decimal("10.00")


def test_a_refund_that_the_provider_refuses_is_kept_as_failed(captured: Payment, wire: StripeWire) -> None:
    wire.override = fails(400)
    with pytest.raises(Rejected):
        refund_payment(captured, idempotency_key="refund-1")
    assert captured.operations.get(kind="refund").status == PaymentOperation.Status.FAILED
    wire.override = lambda request: None
    assert refund_payment(captured, idempotency_key="refund-2").status == Payment.Status.REFUNDED


def test_a_refund_without_an_answer_keeps_its_amount_reserved(captured: Payment, wire: StripeWire) -> None:
    wire.lose_answers = True
    with pytest.raises(Unavailable):
        refund_payment(captured, amount="10.00")
    wire.lose_answers = False
    assert captured.operations.get(kind="refund").status == PaymentOperation.Status.PENDING
    with pytest.raises(InvalidRequest, match=r"2\.50 AED"):
        refund_payment(captured, amount="5.00")


def test_a_refund_without_an_answer_is_repeated_as_the_same_refund(captured: Payment, wire: StripeWire) -> None:
    wire.lose_answers = True
    with pytest.raises(Unavailable):
        refund_payment(captured, amount="10.00", idempotency_key="refund-1")
    wire.lose_answers = False
    payment = refund_payment(captured, amount="10.00", idempotency_key="refund-1")
    assert payment.amount_refunded == Decimal("10.00")
    assert len(wire.refunds) == 1
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.SUCCEEDED


def test_a_repeated_refund_that_is_refused_stays_open(captured: Payment, wire: StripeWire) -> None:
    wire.lose_answers = True
    with pytest.raises(Unavailable):
        refund_payment(captured, amount="10.00", idempotency_key="refund-1")
    wire.override = fails(400)
    with pytest.raises(Rejected):
        refund_payment(captured, amount="10.00", idempotency_key="refund-1")
    assert captured.operations.get(kind="refund").status == PaymentOperation.Status.PENDING


def test_sync_settles_a_refund_whose_answer_was_lost(captured: Payment, wire: StripeWire) -> None:
    wire.lose_answers = True
    with pytest.raises(Unavailable):
        refund_payment(captured, amount="10.00")
    payment = sync_payment(captured)
    assert payment.amount_refunded == Decimal("10.00")
    assert payment.operations.get(kind="refund").status == PaymentOperation.Status.SUCCEEDED


def test_sync_drops_a_refund_that_long_ago_had_no_effect(captured: Payment) -> None:
    refund = PaymentOperation.objects.create(
        organization=captured.organization, payment=captured, kind="refund", amount="10.00"
    )
    assert sync_payment(captured).operations.get(kind="refund").status == PaymentOperation.Status.PENDING
    PaymentOperation.objects.filter(pk=refund.pk).update(created_at=timezone.now() - timedelta(minutes=11))
    assert sync_payment(captured).operations.get(kind="refund").status == PaymentOperation.Status.FAILED
    assert refund_payment(captured).status == Payment.Status.REFUNDED


def test_a_refund_is_not_dropped_where_the_provider_does_not_tell_of_refunds(
    captured: Payment, wire: StripeWire
) -> None:
    """Else it would be asked for again, and made twice."""
    refund = PaymentOperation.objects.create(
        organization=captured.organization, payment=captured, kind="refund", amount="10.00"
    )
    PaymentOperation.objects.filter(pk=refund.pk).update(created_at=timezone.now() - timedelta(minutes=11))
    del wire.intents[captured.provider_reference]["latest_charge"]["amount_refunded"]
    assert sync_payment(captured).operations.get(kind="refund").status == PaymentOperation.Status.PENDING


def test_sync_sees_what_was_refunded_in_the_providers_dashboard(captured: Payment, wire: StripeWire) -> None:
    wire.intents[captured.provider_reference]["latest_charge"]["amount_refunded"] = 300
    payment = sync_payment(captured)
    assert (payment.status, payment.amount_refunded) == (Payment.Status.PARTIALLY_REFUNDED, Decimal("3.00"))


def test_a_refund_counts_on_top_of_one_from_the_dashboard(captured: Payment, wire: StripeWire) -> None:
    wire.intents[captured.provider_reference]["latest_charge"]["amount_refunded"] = 300
    assert refund_payment(captured, amount="5.00").amount_refunded == Decimal("8.00")
