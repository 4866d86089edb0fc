from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Organization, Payment, PaymentDispute, PaymentSettlement
from integrations.operations.payments import PaymentOrder, apply_event, create_payment, sync_payment
from integrations.operations.settlement_summaries import sum_up, sum_up_recent_days
from integrations.providers.events import EventType, NormalizedEvent, Trust
from integrations.providers.registry import get_provider

from .stripe_wire import StripeWire, connect

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")
EVENTS = Path(__file__).parents[1] / "providers" / "stripe" / "events"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def payment(organization: Organization, wire: StripeWire) -> Payment:
    connect(organization, wire)
    payment = create_payment(organization, ORDER)
    wire.intents[payment.provider_reference]["latest_charge"]["disputed"] = True
    return payment


def told(payment: Payment, kind: EventType, *, at: datetime = NOON, trust: Trust = Trust.SIGNED, **more: Any) -> None:
    attributes = {"dispute": "dp_1", "dispute_amount": "10.00", "dispute_currency": "AED", **more}
    event = NormalizedEvent(kind, payment.provider_reference, at, attributes=attributes)
    assert payment.connection is not None
    apply_event(payment.connection, event, trust=trust)


def test_a_dispute_is_written_down_from_its_beginning_to_its_end(payment: Payment) -> None:
    told(payment, EventType.PAYMENT_DISPUTED, dispute_reason="fraudulent", respond_by="2026-11-20T00:00:00+00:00")
    dispute = PaymentDispute.objects.get()
    assert (dispute.status, dispute.amount, dispute.currency) == ("open", Decimal("10.00"), "AED")
    assert (dispute.reason, dispute.respond_by, dispute.opened_at) == (
        "fraudulent",
        datetime(2026, 11, 20, tzinfo=UTC),
        NOON,
    )
    assert Payment.objects.get().status == Payment.Status.DISPUTED
    told(payment, EventType.PAYMENT_DISPUTE_WON, at=NOON + timedelta(days=3))
    dispute.refresh_from_db()
    assert (dispute.status, dispute.reason, dispute.closed_at) == ("won", "fraudulent", NOON + timedelta(days=3))
    assert PaymentDispute.objects.count() == 1


def test_what_comes_twice_or_late_changes_nothing(payment: Payment) -> None:
    told(payment, EventType.PAYMENT_DISPUTED)
    told(payment, EventType.PAYMENT_DISPUTE_LOST, at=NOON + timedelta(days=3))
    told(payment, EventType.PAYMENT_DISPUTED)
    dispute = PaymentDispute.objects.get()
    assert (dispute.status, dispute.opened_at) == ("lost", NOON)


def test_a_hint_opens_no_dispute(payment: Payment) -> None:
    told(payment, EventType.PAYMENT_DISPUTED, trust=Trust.HINT)
    assert not PaymentDispute.objects.exists()


@pytest.mark.parametrize(
    "odd", [{"dispute_amount": "NaN"}, {"dispute_amount": "-1"}, {"respond_by": "soon"}, {"respond_by": "2026-11-20"}],
    ids=str,
)  # fmt: skip
def test_what_is_odd_in_it_is_left_out(payment: Payment, odd: dict[str, Any]) -> None:
    told(payment, EventType.PAYMENT_DISPUTED, **odd)
    dispute = PaymentDispute.objects.get()
    assert dispute.amount == Decimal("12.50" if "dispute_amount" in odd else "10.00")
    assert dispute.respond_by is None


def test_stripe_s_own_event_tells_all_of_it() -> None:
    payload = json.loads((EVENTS / "charge.dispute.created.json").read_bytes(), parse_float=Decimal)
    (event,) = get_provider("stripe").parse_events(payload, {})
    assert set(event.attributes) == {"dispute", "dispute_reason", "dispute_amount", "dispute_currency", "respond_by"}
    assert event.attributes["dispute"].startswith("du_")


def test_a_day_s_summary_has_what_was_disputed_on_it(payment: Payment) -> None:
    moment = Payment.objects.get().created_at
    told(payment, EventType.PAYMENT_DISPUTED, at=moment)
    sum_up((moment - timedelta(days=1)).date(), (moment + timedelta(days=1)).date())
    assert PaymentSettlement.objects.get().disputed == Decimal("10.00")


def test_what_is_disputed_on_a_day_without_other_moves_is_in_its_summary(payment: Payment) -> None:
    """However long ago it was opened: a day counts what was told on it, as it does with money."""
    Payment.objects.get().movements.update(created_at=timezone.now() - timedelta(days=2))
    told(payment, EventType.PAYMENT_DISPUTED, at=NOON - timedelta(days=90))
    sum_up_recent_days()
    days = PaymentSettlement.objects.order_by("day")
    assert [(day.captured, day.net, day.disputed) for day in days] == [
        (Decimal("12.50"), Decimal("12.50"), Decimal(0)), (Decimal(0), Decimal(0), Decimal("10.00")),
    ]  # fmt: skip


@pytest.fixture
def untold(payment: Payment, wire: StripeWire) -> Payment:
    """A payment whose gateway does not tell that it is disputed, as PayPal and Tabby do not."""
    wire.intents[payment.provider_reference]["latest_charge"]["disputed"] = False
    return payment


def status() -> str:
    return Payment.objects.get().status


@pytest.mark.parametrize("trust", [Trust.SHARED_SECRET, Trust.SIGNED])
def test_an_event_of_a_known_sender_disputes_a_payment_whose_gateway_does_not_tell(
    untold: Payment, trust: Trust
) -> None:
    told(untold, EventType.PAYMENT_DISPUTED, trust=trust)
    assert status() == "disputed"
    assert Payment.objects.get().next_look_at is not None
    assert sync_payment(untold).status == "disputed", "the gateway's silence is not its end"


def test_a_hint_disputes_nothing(untold: Payment) -> None:
    told(untold, EventType.PAYMENT_DISPUTED)
    told(untold, EventType.PAYMENT_DISPUTE_WON, at=NOON + timedelta(days=3), trust=Trust.HINT)
    assert status() == "disputed"
    told(untold, EventType.PAYMENT_DISPUTE_WON, at=NOON + timedelta(days=3), trust=Trust.SHARED_SECRET)
    told(untold, EventType.PAYMENT_DISPUTED, at=NOON + timedelta(days=4), trust=Trust.HINT)
    assert status() == "captured"


@pytest.mark.parametrize(
    ("end", "after"), [(EventType.PAYMENT_DISPUTE_WON, "captured"), (EventType.PAYMENT_DISPUTE_LOST, "disputed")]
)
def test_a_dispute_ends_by_a_known_sender_s_word(untold: Payment, end: EventType, after: str) -> None:
    opened, ended = (
        {"kind": EventType.PAYMENT_DISPUTED, "trust": Trust.SHARED_SECRET},
        {"kind": end, "at": NOON + timedelta(days=3), "trust": Trust.SHARED_SECRET},
    )
    for told_of in (opened, opened, ended, ended, opened):
        told(untold, **told_of)
    assert status() == sync_payment(untold).status == after


@pytest.mark.parametrize("end", [EventType.PAYMENT_DISPUTE_WON, EventType.PAYMENT_DISPUTE_LOST])
def test_an_end_that_comes_before_the_beginning_stands(untold: Payment, end: EventType) -> None:
    told(untold, end, at=NOON + timedelta(days=3), trust=Trust.SHARED_SECRET)
    told(untold, EventType.PAYMENT_DISPUTED, trust=Trust.SHARED_SECRET)
    assert status() == ("captured" if end is EventType.PAYMENT_DISPUTE_WON else "disputed")


def test_money_that_is_given_back_ends_a_lost_dispute(untold: Payment, wire: StripeWire) -> None:
    told(untold, EventType.PAYMENT_DISPUTED, trust=Trust.SHARED_SECRET)
    wire.intents[untold.provider_reference]["latest_charge"]["amount_refunded"] = 1250
    lost: dict[str, Any] = {"at": NOON + timedelta(days=3), "trust": Trust.SHARED_SECRET}
    for _ in range(2):
        told(untold, EventType.PAYMENT_DISPUTE_LOST, **lost)
        assert status() == "refunded"


def test_a_payment_is_disputed_until_all_its_disputes_are_won(untold: Payment) -> None:
    known: dict[str, Any] = {"trust": Trust.SHARED_SECRET}
    won = EventType.PAYMENT_DISPUTE_WON
    told(untold, EventType.PAYMENT_DISPUTED, **known)
    told(untold, EventType.PAYMENT_DISPUTED, at=NOON + timedelta(days=1), dispute="dp_2", **known)
    told(untold, won, at=NOON + timedelta(days=2), dispute="dp_2", **known)
    assert status() == "disputed"
    told(untold, won, at=NOON + timedelta(days=3), **known)
    assert status() == "captured"


def test_another_dispute_that_is_heard_of_late_counts(untold: Payment) -> None:
    known: dict[str, Any] = {"trust": Trust.SHARED_SECRET}
    told(untold, EventType.PAYMENT_DISPUTE_WON, at=NOON + timedelta(days=3), **known)
    told(untold, EventType.PAYMENT_DISPUTED, dispute="dp_2", **known)
    assert status() == "disputed"


def test_what_nobody_has_paid_is_not_disputed(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    unpaid = create_payment(organization, PaymentOrder(amount="12.50", currency="AED", reference="order-1"))
    told(unpaid, EventType.PAYMENT_DISPUTED, trust=Trust.SHARED_SECRET)
    assert status() == "requires_action"


def test_an_event_without_a_time_that_is_replayed_after_the_end_opens_nothing(untold: Payment) -> None:
    """It is as old as the day on which it came."""
    assert untold.connection is not None
    attributes = {"dispute": "dp_1"}
    for kind, day in (
        (EventType.PAYMENT_DISPUTED, 0), (EventType.PAYMENT_DISPUTE_WON, 1), (EventType.PAYMENT_DISPUTED, 0),
    ):  # fmt: skip
        came = NOON + timedelta(days=day)
        event = NormalizedEvent(kind, untold.provider_reference, attributes=attributes, received_at=came)
        apply_event(untold.connection, event, trust=Trust.SHARED_SECRET)
    assert (status(), PaymentDispute.objects.get().status) == ("captured", "won")
