from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from integrations.errors import InvalidResponse, UnknownSubject
from integrations.models import Connection, Organization, Payment
from integrations.operations.payments import PaymentOrder, apply_event, create_payment, refund_payment
from integrations.providers.events import EventType, NormalizedEvent, Trust
from integrations.providers.results import PaymentResult, PaymentStatus

from .stripe_wire import StripeWire, connect

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1")


@pytest.fixture
def connection(organization: Organization, wire: StripeWire) -> Connection:
    return connect(organization, wire)


@pytest.fixture
def payment(organization: Organization, connection: Connection) -> Payment:
    return create_payment(organization, ORDER)


def event(payment: Payment, kind: EventType, status: PaymentStatus, **fields: object) -> NormalizedEvent:
    result = PaymentResult(payment.provider_reference, status, payment.amount, "AED")
    return NormalizedEvent(kind, payment.provider_reference, payment=replace(result, **fields))


def succeeded(payment: Payment) -> NormalizedEvent:
    captured = Decimal("12.50")
    return event(payment, EventType.PAYMENT_SUCCEEDED, PaymentStatus.CAPTURED, amount_captured=captured)


def refunded(payment: Payment, total: str) -> NormalizedEvent:
    totals = {"amount_captured": Decimal("12.50"), "amount_refunded": Decimal(total)}
    return event(payment, EventType.PAYMENT_REFUNDED, PaymentStatus.PARTIALLY_REFUNDED, **totals)


def test_a_signed_event_is_applied_without_asking_the_provider(
    payment: Payment, connection: Connection, wire: StripeWire
) -> None:
    applied = apply_event(connection, succeeded(payment), trust=Trust.SIGNED)
    assert applied is not None
    assert (applied.status, applied.amount_captured) == (Payment.Status.CAPTURED, Decimal("12.50"))
    assert not wire.calls("GET")


def test_a_replayed_event_is_applied_once(payment: Payment, connection: Connection) -> None:
    for _ in range(2):
        apply_event(connection, refunded(payment, "5.00"), trust=Trust.SIGNED)
    payment.refresh_from_db()
    assert payment.amount_refunded == Decimal("5.00")
    assert payment.operations.filter(kind="event").count() == 1


@pytest.mark.parametrize("trust", [Trust.SHARED_SECRET, Trust.HINT])
def test_an_unproven_event_moves_nothing_that_the_provider_does_not_confirm(
    payment: Payment, connection: Connection, trust: Trust
) -> None:
    applied = apply_event(connection, succeeded(payment), trust=trust)
    assert applied is not None
    assert applied.status == Payment.Status.REQUIRES_ACTION


def test_an_event_without_the_state_makes_us_ask_for_it(
    payment: Payment, connection: Connection, wire: StripeWire
) -> None:
    wire.confirm(payment.provider_reference)
    bare = NormalizedEvent(EventType.PAYMENT_SUCCEEDED, payment.provider_reference)
    applied = apply_event(connection, bare, trust=Trust.SIGNED)
    assert applied is not None
    assert applied.status == Payment.Status.CAPTURED


@pytest.mark.parametrize("late", list(PaymentStatus))
def test_a_late_event_never_undoes_a_refund(
    payment: Payment, connection: Connection, wire: StripeWire, late: PaymentStatus
) -> None:
    wire.confirm(payment.provider_reference)
    wire.intents[payment.provider_reference]["latest_charge"]["amount_refunded"] = 1250
    apply_event(connection, refunded(payment, "12.50"), trust=Trust.SIGNED)
    apply_event(connection, event(payment, EventType.PAYMENT_PENDING, late), trust=Trust.SIGNED)
    payment.refresh_from_db()
    assert payment.status in {Payment.Status.REFUNDED, Payment.Status.DISPUTED}
    assert payment.amount_refunded == Decimal("12.50")


def test_events_in_any_order_come_to_the_same(payment: Payment, connection: Connection) -> None:
    authorised = event(payment, EventType.PAYMENT_AUTHORISED, PaymentStatus.AUTHORISED, amount_captured=Decimal(0))
    for one in (refunded(payment, "8.00"), succeeded(payment), refunded(payment, "5.00"), authorised):
        apply_event(connection, one, trust=Trust.SIGNED)
    payment.refresh_from_db()
    assert payment.status == Payment.Status.PARTIALLY_REFUNDED
    assert (payment.amount_captured, payment.amount_refunded) == (Decimal("12.50"), Decimal("8.00"))


def test_a_failed_payment_that_the_payer_pays_after_all_is_captured(payment: Payment, connection: Connection) -> None:
    failed = event(payment, EventType.PAYMENT_FAILED, PaymentStatus.FAILED, failure_code="card_declined")
    after_failing = apply_event(connection, failed, trust=Trust.SIGNED)
    after_paying = apply_event(connection, succeeded(payment), trust=Trust.SIGNED)
    assert after_failing is not None
    assert after_paying is not None
    assert (after_failing.status, after_failing.failure_code) == (Payment.Status.FAILED, "card_declined")
    assert (after_paying.status, after_paying.failure_code) == (Payment.Status.CAPTURED, "")


def test_a_refund_that_the_bank_sends_back_is_taken_back(
    payment: Payment, connection: Connection, wire: StripeWire
) -> None:
    wire.confirm(payment.provider_reference)
    apply_event(connection, refunded(payment, "12.50"), trust=Trust.SIGNED)
    failed = NormalizedEvent(EventType.PAYMENT_REFUND_FAILED, payment.provider_reference)
    applied = apply_event(connection, failed, trust=Trust.SIGNED)
    assert applied is not None
    assert (applied.status, applied.amount_refunded) == (Payment.Status.CAPTURED, 0)


def test_after_a_refund_was_sent_back_the_money_can_be_refunded_again(
    payment: Payment, connection: Connection, wire: StripeWire
) -> None:
    wire.confirm(payment.provider_reference)
    apply_event(connection, succeeded(payment), trust=Trust.SIGNED)
    refund_payment(payment, amount="8.00")
    wire.intents[payment.provider_reference]["latest_charge"]["amount_refunded"] = 0
    failed = NormalizedEvent(EventType.PAYMENT_REFUND_FAILED, payment.provider_reference)
    apply_event(connection, failed, trust=Trust.SIGNED)
    again = refund_payment(payment, amount="6.00")
    assert (again.status, again.amount_refunded) == (Payment.Status.PARTIALLY_REFUNDED, Decimal("6.00"))
    statuses = again.operations.filter(kind="refund").order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["failed", "succeeded"]


def test_an_event_in_another_currency_is_refused(payment: Payment, connection: Connection) -> None:
    dollars = event(payment, EventType.PAYMENT_SUCCEEDED, PaymentStatus.CAPTURED, currency="USD")
    with pytest.raises(InvalidResponse):
        apply_event(connection, dollars, trust=Trust.SIGNED)


def test_an_event_that_captures_more_than_the_payment_is_refused(payment: Payment, connection: Connection) -> None:
    too_much = event(payment, EventType.PAYMENT_SUCCEEDED, PaymentStatus.CAPTURED, amount_captured=Decimal(99))
    with pytest.raises(InvalidResponse):
        apply_event(connection, too_much, trust=Trust.SIGNED)
    payment.refresh_from_db()
    assert payment.amount_captured == 0


def test_an_event_of_another_connection_touches_nothing(
    organization: Organization, payment: Payment, wire: StripeWire
) -> None:
    stranger = connect(organization, wire)
    assert apply_event(stranger, succeeded(payment), trust=Trust.SIGNED) is None


def test_an_event_about_nothing_of_ours_is_passed_over(payment: Payment, connection: Connection) -> None:
    foreign = NormalizedEvent(EventType.PAYMENT_SUCCEEDED, "pi_of_another_system")
    assert apply_event(connection, foreign, trust=Trust.SIGNED) is None
    assert apply_event(connection, NormalizedEvent(EventType.UNKNOWN), trust=Trust.SIGNED) is None


def test_an_event_that_overtakes_the_answer_is_to_be_tried_again(
    organization: Organization, connection: Connection, wire: StripeWire
) -> None:
    wire.lose_answers = True
    create_payment(organization, ORDER)
    early = NormalizedEvent(EventType.PAYMENT_SUCCEEDED, "pi_not_known_yet")
    with pytest.raises(UnknownSubject):
        apply_event(connection, early, trust=Trust.SIGNED)


def test_an_event_with_our_own_id_finds_the_payment_whose_answer_was_lost(
    organization: Organization, connection: Connection, wire: StripeWire
) -> None:
    wire.lose_answers = True
    payment = create_payment(organization, ORDER)
    (intent,) = wire.intents.values()
    payment.provider_reference = intent["id"]
    overtaking = event(payment, EventType.PAYMENT_SUCCEEDED, PaymentStatus.CAPTURED, raw=intent)
    applied = apply_event(connection, overtaking, trust=Trust.SIGNED)
    assert applied == payment
    assert applied.provider_reference == intent["id"]
    assert applied.status == Payment.Status.CAPTURED
    assert applied.operations.get(kind="create").status == "succeeded"


def test_a_page_s_reference_gives_way_to_the_payment_s_and_to_no_other(
    payment: Payment, connection: Connection
) -> None:
    paid = PaymentResult("pi_of_the_page", PaymentStatus.CAPTURED, payment.amount, "AED", Decimal("12.50"))
    told = NormalizedEvent(EventType.PAYMENT_SUCCEEDED, payment.provider_reference, payment=paid)
    for result in (paid, replace(paid, formerly="another_page")):
        with pytest.raises(InvalidResponse, match="another payment"):
            apply_event(connection, replace(told, payment=result), trust=Trust.SIGNED)
    named = replace(paid, formerly=payment.provider_reference)
    apply_event(connection, replace(told, payment=named), trust=Trust.SIGNED)
    payment.refresh_from_db()
    assert (payment.provider_reference, payment.status) == ("pi_of_the_page", Payment.Status.CAPTURED)

    # What was on its way meanwhile, by the old name, is not believed; and nothing is undone.
    late = PaymentResult(named.formerly, PaymentStatus.REQUIRES_ACTION, payment.amount, "AED")
    event = NormalizedEvent(EventType.PAYMENT_REQUIRES_ACTION, "pi_of_the_page", payment=late)
    with pytest.raises(InvalidResponse):
        apply_event(connection, event, trust=Trust.SIGNED)
    payment.refresh_from_db()
    assert payment.provider_reference == "pi_of_the_page"
