from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.models import Organization, Payment, PaymentDispute, PaymentSettlement
from integrations.operations.payments import PaymentOrder, apply_event, create_payment
from integrations.operations.settlement_summaries import sum_up
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
