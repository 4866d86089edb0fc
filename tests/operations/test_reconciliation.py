from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.errors import InvalidResponse
from integrations.models import Organization, Payment, PaymentMovement, PaymentSettlement
from integrations.operations.payment_look_plan import next_look
from integrations.operations.payment_reconciliation import reconcile_due_payments, reconcile_payment
from integrations.operations.payment_recovery import give_up_on_unanswered_payments
from integrations.operations.payments import PaymentOrder, create_payment, refund_payment, sync_payment
from integrations.operations.settlement_summaries import sum_up, sum_up_recent_days
from monitoring.models import AuditLog
from tests.factories import PaymentFactory
from tests.wire import WireAnswer, WireRequest

from .stripe_wire import StripeWire, connect, fails, stripe_wire

PAID = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")
OPEN = PaymentOrder(amount="12.50", currency="AED", reference="order-1")


def due(payment: Payment, **more: Any) -> None:
    Payment.objects.filter(pk=payment.pk).update(next_look_at=timezone.now() - timedelta(seconds=1), **more)


def again(payment: Payment) -> Payment:
    return Payment.objects.get(pk=payment.pk)


def test_a_payment_whose_event_never_came_is_settled(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    assert payment.status == Payment.Status.REQUIRES_ACTION
    assert timedelta(minutes=1) < payment.next_look_at - timezone.now() < timedelta(minutes=2)
    wire.confirm(payment.provider_reference)

    assert reconcile_due_payments() == 0, "it is not due yet"
    due(payment)
    assert reconcile_due_payments() == 1
    payment = again(payment)
    assert (payment.status, payment.amount_captured, payment.difference) == ("captured", Decimal("12.50"), "")


def test_one_that_stays_open_is_asked_about_more_and_more_rarely(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    waits = []
    for _ in range(4):
        due(payment)
        reconcile_due_payments()
        payment = again(payment)
        waits.append((payment.next_look_at - timezone.now()).total_seconds() / 60)
    for wait, longest in zip(waits, (4, 8, 16, 32), strict=True):
        assert longest * 0.75 < wait <= longest


def test_what_has_ended_is_looked_at_a_few_times_and_then_no_more(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, PAID)
    assert payment.status == Payment.Status.CAPTURED
    for _ in range(2):
        due(payment)
        assert reconcile_due_payments() == 1
    assert again(payment).next_look_at is None
    refund_payment(payment, amount="1.00")
    assert again(payment).next_look_at is not None, "its state is another: the plan begins anew"


def test_two_sweeps_at_once_ask_about_each_payment_once(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payments = [create_payment(organization, OPEN) for _ in range(6)]
    for payment in payments:
        due(payment)

    def sweep(_: int) -> int:
        try:
            return reconcile_due_payments()
        finally:
            database.close()

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(sweep, range(2))) == 6
    assert len(wire.calls("GET")) == 6


def test_a_gateway_that_is_away_holds_up_neither_itself_nor_the_others(organization: Organization) -> None:
    """After the first payment that gets no answer its connection is left alone until the next sweep."""
    with stripe_wire() as away, stripe_wire() as here:
        for wire, name in ((away, "away"), (here, "here")):
            connection = connect(organization, wire, connection_name=name)
            for _ in range(20):
                due(create_payment(organization, PaymentOrder(**{**OPEN.__dict__, "connection_id": connection.pk})))
        away.override = lambda request: WireAnswer(503)
        reconcile_due_payments()
        assert len(here.calls("GET")) == 20
        assert len(away.calls("GET")) <= 3 * 8, "three attempts in each of eight threads at most"
    assert not Payment.objects.filter(next_look_at__lte=timezone.now()).exists()


def test_a_page_that_nobody_paid_by_is_ended_at_the_gateway_too(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    due(payment, created_at=timezone.now() - timedelta(hours=25))
    reconcile_due_payments()
    payment = again(payment)
    assert (payment.status, payment.failure_code) == ("cancelled", "expired")
    assert wire.intents[payment.provider_reference]["status"] == "canceled"


def test_one_that_is_paid_at_the_last_moment_has_not_expired(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    due(payment, created_at=timezone.now() - timedelta(hours=25))

    def pays(request: WireRequest) -> WireAnswer | None:
        """As the page is to be ended its payer pays, and an event tells so before the refusal is heard."""
        if not request.path.endswith("/cancel"):
            return None
        Payment.objects.filter(pk=payment.pk).update(status="captured", amount_captured=payment.amount)
        return WireAnswer(400, {"error": {"type": "invalid_request_error", "message": "It has succeeded."}})

    wire.override = pays
    reconcile_due_payments()
    assert (again(payment).status, again(payment).failure_code) == ("captured", "")
    assert not AuditLog.objects.filter(action="payment.expired").exists()


def test_what_the_gateway_itself_has_not_decided_is_given_time(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    wire.intents[payment.provider_reference]["status"] = "processing"
    due(payment, created_at=timezone.now() - timedelta(hours=25))
    reconcile_due_payments()
    assert (again(payment).status, again(payment).failure_code) == ("pending", "")
    due(payment, created_at=timezone.now() - timedelta(days=8))
    reconcile_due_payments()
    assert again(payment).failure_code == "expired"


def test_one_that_cannot_be_ended_there_has_failed_and_may_still_be_paid(
    organization: Organization, wire: StripeWire
) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    wire.override = fails(400)
    due(payment, created_at=timezone.now() - timedelta(hours=25))
    reconcile_due_payments()
    assert (again(payment).status, again(payment).failure_code) == ("failed", "expired")
    wire.override = lambda request: None
    wire.confirm(payment.provider_reference)
    due(payment)
    reconcile_due_payments()
    assert (again(payment).status, again(payment).failure_code) == ("captured", "")


@pytest.mark.parametrize(
    ("there", "difference"),
    [
        ({"amount_received": 1000}, "captured"),
        ({"amount": 2000}, "amount"),
        ({"currency": "usd"}, "amount"),
        ({"latest_charge": {"object": "charge", "amount_refunded": 0}}, "refunded"),
    ],
    ids=str,
)
def test_what_differs_is_marked_and_the_mark_goes_with_the_difference(
    organization: Organization, wire: StripeWire, there: dict[str, Any], difference: str
) -> None:
    connect(organization, wire)
    payment = create_payment(organization, PAID)
    refund_payment(payment, amount="2.00")
    intent = wire.intents[payment.provider_reference]
    before = dict(intent)
    intent.update(there)
    due(payment)
    reconcile_due_payments()
    marked = again(payment)
    assert marked.difference == difference
    assert marked.difference_seen_at is not None
    assert (marked.amount_captured, marked.amount_refunded) == (Decimal("12.50"), Decimal("2.00")), "ours stay"
    intent.update(before)
    sync_payment(payment)
    assert (again(payment).difference, again(payment).difference_seen_at) == ("", None)


def test_an_impossible_answer_is_told_to_who_asked_and_marked(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, PAID)
    wire.intents[payment.provider_reference]["currency"] = "usd"
    with pytest.raises(InvalidResponse):
        sync_payment(payment)
    assert again(payment).difference == "amount"


def test_a_payment_that_the_gateway_does_not_know_is_marked(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, PAID)
    wire.intents.clear()
    assert reconcile_payment(payment).difference == "missing"


def test_money_that_came_after_the_end_is_marked_until_it_is_given_back(
    organization: Organization, wire: StripeWire
) -> None:
    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    Payment.objects.filter(pk=payment.pk).update(status="cancelled")
    wire.confirm(payment.provider_reference)
    sync_payment(payment)
    assert (again(payment).status, again(payment).difference) == ("cancelled", "paid_after_end")
    wire.intents[payment.provider_reference]["latest_charge"]["amount_refunded"] = 1250
    sync_payment(payment)
    assert again(payment).difference == ""


@pytest.mark.parametrize(("order", "status", "difference"), [(PAID, "pending", "never_answered"), (OPEN, "failed", "")])
def test_in_the_end_a_person_looks_at_what_was_never_answered(
    organization: Organization, wire: StripeWire, order: PaymentOrder, status: str, difference: str
) -> None:
    """Where creating the payment charges; of a page that nobody ever saw it is sure that nothing was paid."""
    connect(organization, wire)
    wire.override = fails(500)
    payment = create_payment(organization, order)
    assert give_up_on_unanswered_payments() == 0
    Payment.objects.filter(pk=payment.pk).update(created_at=timezone.now() - timedelta(days=4))
    assert give_up_on_unanswered_payments() == 1
    assert (again(payment).status, again(payment).difference) == (status, difference)
    assert give_up_on_unanswered_payments() == 0


def test_a_payment_without_a_plan_gets_none() -> None:
    assert next_look(Payment(status="refunded", looks=1)) is None


def test_an_odd_answer_is_no_reason_to_stop_asking(organization: Organization, wire: StripeWire) -> None:
    def odd(request: WireRequest) -> WireAnswer | None:
        return WireAnswer(200, b"<html>") if request.method == "GET" else None

    connect(organization, wire)
    payment = create_payment(organization, OPEN)
    wire.override = odd
    due(payment)
    reconcile_due_payments()
    assert again(payment).next_look_at > timezone.now(), "an odd answer is no reason to stop asking"


def test_each_move_of_money_is_in_the_books_once_whoever_made_it(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, PAID)
    refund_payment(payment, amount="2.00")
    refund_payment(payment, amount="0.50")
    sync_payment(payment)
    Payment.objects.filter(pk=payment.pk).update(fee=Decimal("0.75"), fee_currency="AED")
    moves = PaymentMovement.objects.filter(payment=payment).order_by("pk").values_list("kind", "amount", "currency")
    assert [(kind, f"{amount:.2f}", currency) for kind, amount, currency in moves] == [
        ("capture", "12.50", "AED"),
        ("refund", "2.00", "AED"),
        ("refund", "0.50", "AED"),
        ("fee", "0.75", "AED"),
    ]


@pytest.mark.django_db
def test_a_day_is_dubai_s_and_is_summed_up_again_without_being_counted_twice() -> None:
    paid = PaymentFactory(
        amount=Decimal("100.00"), amount_captured=Decimal("100.00"), currency="AED", fee=Decimal("3.00"),
        fee_currency="AED",
    )  # fmt: skip
    Payment.objects.filter(pk=paid.pk).update(amount_refunded=Decimal("40.00"))
    late = timezone.now().replace(year=2026, month=11, day=9, hour=20, minute=30)  # half past midnight in Dubai
    PaymentMovement.objects.update(created_at=late)
    for _ in range(2):
        sum_up((late - timedelta(days=1)).date(), (late + timedelta(days=1)).date())
    row = PaymentSettlement.objects.get()
    assert (row.connection, row.organization, str(row.day)) == (paid.connection, paid.organization, "2026-11-10")
    assert [row.payments, row.refunds] == [1, 1]
    assert [f"{amount:.2f}" for amount in (row.captured, row.refunded, row.fees, row.net)] == [
        "100.00", "40.00", "3.00", "57.00",
    ]  # fmt: skip


def test_a_day_s_sums_are_larger_than_any_payment(organization: Organization, wire: StripeWire) -> None:
    """One organization's would otherwise keep all of them from being counted."""
    connection = connect(organization, wire)
    for _ in range(3):
        largest = PaymentFactory(connection=connection, amount="999999999999999.99")
        Payment.objects.filter(pk=largest.pk).update(status="captured", amount_captured="999999999999999.99")
    sum_up_recent_days()
    assert PaymentSettlement.objects.get().captured == Decimal("2999999999999999.97")
