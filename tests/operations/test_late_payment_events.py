"""What comes late never undoes what is newer, and in whatever order all is told, our payment equals the books."""

from __future__ import annotations

import copy
import itertools
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.models import Connection, Organization, Payment
from integrations.operations.payments import apply_event, read_payment
from integrations.providers.events import NormalizedEvent, Trust
from integrations.providers.registry import get_provider
from tests.factories import PaymentFactory

from .stripe_wire import StripeWire, connect

Status = Payment.Status
_numbers = itertools.count(1)
_EVENT_OF = {
    "requires_action": "payment_intent.requires_action",
    "processing": "payment_intent.processing",
    "fail": "payment_intent.payment_failed",
    "succeed": "payment_intent.succeeded",
    "refund": "charge.refunded",
    "send_back": "refund.failed",
    "dispute": "charge.dispute.created",
    "win": "charge.dispute.closed",
    "lose": "charge.dispute.closed",
}


class Gateway:
    """Stripe's books of one payment of 12.50, and the events that each change of them sends."""

    def __init__(self, wire: StripeWire, connection: Connection) -> None:
        self.wire, self.connection = wire, connection
        self.key = f"pi_told_{next(_numbers)}"
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.dispute = ""
        self.intent: dict[str, Any] = {
            "id": self.key, "object": "payment_intent", "amount": 1250, "amount_received": 0, "currency": "aed",
            "status": "requires_payment_method", "latest_charge": None, "last_payment_error": None,
        }  # fmt: skip
        wire.intents[self.key] = self.intent
        self.payment = PaymentFactory(connection=connection, provider_reference=self.key, status="requires_action")
        self.events: list[NormalizedEvent] = []

    def do(self, step: str, *, after_seconds: int = 1) -> NormalizedEvent:
        self.now += timedelta(seconds=after_seconds)
        intent = self.intent
        charge = intent["latest_charge"]
        match step:
            case "requires_action" | "processing":
                intent.update(status=step, last_payment_error=None)
            case "fail":
                intent.update(status="requires_payment_method", last_payment_error={"code": "card_declined"})
            case "succeed":
                charge = {"object": "charge", "amount_refunded": 0, "disputed": False}
                intent.update(status="succeeded", amount_received=1250, latest_charge=charge, last_payment_error=None)
            case "refund":
                charge["amount_refunded"] += 250
            case "send_back":
                charge["amount_refunded"] -= 250
            case _:
                charge["disputed"] = True  # and so it stays, whoever wins
                self.dispute = {"dispute": "needs_response", "win": "won", "lose": "lost"}[step]
        self.events.append(self._event(step))
        return self.events[-1]

    def _event(self, step: str) -> NormalizedEvent:
        subject: dict[str, Any]
        match step:
            case "refund":
                subject = {
                    "object": "charge", "payment_intent": self.key, "amount": 1250, "currency": "aed", "captured": True,
                    "amount_captured": 1250, **self.intent["latest_charge"],
                }  # fmt: skip
            case "send_back":
                subject = {"object": "refund", "payment_intent": self.key}
            case "dispute" | "win" | "lose":
                subject = {"object": "dispute", "payment_intent": self.key, "status": self.dispute}
            case _:
                subject = {**copy.deepcopy(self.intent), "latest_charge": "ch_sample"}
        payload = {
            "type": _EVENT_OF[step], "api_version": "2026-10-28.endive", "created": int(self.now.timestamp()),
            "data": {"object": subject},
        }  # fmt: skip
        (event,) = get_provider("stripe").parse_events(payload, {})
        return event

    def tell(self, *events: NormalizedEvent) -> tuple[str, Decimal]:
        for event in events:
            apply_event(self.connection, event, trust=Trust.SIGNED)
        return self.standing()

    def standing(self) -> tuple[str, Decimal]:
        self.payment.refresh_from_db()
        return self.payment.status, self.payment.amount_refunded

    def books(self) -> tuple[str, Decimal]:
        result = (
            get_provider("stripe")
            .parse_events({"type": "payment_intent.succeeded", "data": {"object": self.intent}}, {})[0]
            .payment
        )
        assert result is not None
        refunded = result.amount_refunded or Decimal(0)
        status = Status(result.status)
        if status == Status.DISPUTED and self.dispute == "won":
            whole = Status.REFUNDED if refunded == result.amount_captured else Status.PARTIALLY_REFUNDED
            status = whole if refunded else Status.CAPTURED
        return status, refunded


@pytest.fixture
def connection(organization: Organization, wire: StripeWire) -> Connection:
    return connect(organization, wire)


@pytest.fixture
def gateway(wire: StripeWire, connection: Connection) -> Gateway:
    return Gateway(wire, connection)


def test_a_late_failure_does_not_end_a_payment_that_is_being_tried_again(gateway: Gateway) -> None:
    failed, again = gateway.do("fail"), gateway.do("requires_action")
    assert gateway.tell(again, failed) == (Status.REQUIRES_ACTION, 0)


def test_a_late_failure_does_not_undo_what_a_sync_found(gateway: Gateway) -> None:
    failed = gateway.do("fail")
    gateway.do("requires_action")
    read_payment(gateway.payment)
    assert gateway.tell(failed) == (Status.REQUIRES_ACTION, 0)


def test_a_late_refund_does_not_undo_that_the_bank_sent_it_back(gateway: Gateway) -> None:
    gateway.tell(gateway.do("succeed"))
    refund, sent_back = gateway.do("refund"), gateway.do("send_back")
    assert gateway.tell(sent_back, refund) == (Status.CAPTURED, 0)


def test_a_late_refund_does_not_end_a_dispute(gateway: Gateway) -> None:
    gateway.tell(gateway.do("succeed"))
    refunds = [gateway.do("refund") for _ in range(5)]
    assert gateway.tell(gateway.do("dispute"), *refunds) == (Status.DISPUTED, Decimal("12.50"))


def test_a_dispute_that_is_won_leaves_the_payment_captured(gateway: Gateway) -> None:
    gateway.tell(gateway.do("succeed"))
    assert gateway.tell(gateway.do("dispute")) == (Status.DISPUTED, 0)
    assert gateway.tell(gateway.do("win")) == (Status.CAPTURED, 0)
    assert gateway.tell(gateway.do("refund")) == (Status.PARTIALLY_REFUNDED, Decimal("2.50"))
    read_payment(gateway.payment)
    assert gateway.standing() == (Status.PARTIALLY_REFUNDED, Decimal("2.50"))


def test_a_dispute_that_is_told_of_after_it_was_won_opens_nothing(gateway: Gateway) -> None:
    gateway.tell(gateway.do("succeed"))
    opened, won = gateway.do("dispute"), gateway.do("win")
    assert gateway.tell(won, opened) == (Status.CAPTURED, 0)


def test_a_dispute_that_is_lost_stays_one(gateway: Gateway) -> None:
    gateway.tell(gateway.do("succeed"))
    opened, lost = gateway.do("dispute"), gateway.do("lose")
    assert gateway.tell(lost, opened) == (Status.DISPUTED, 0)


def test_of_two_events_of_one_second_the_provider_is_asked_which_holds(gateway: Gateway, wire: StripeWire) -> None:
    failed, again = gateway.do("fail"), gateway.do("requires_action", after_seconds=0)
    assert gateway.tell(again, failed) == (Status.REQUIRES_ACTION, 0)
    assert wire.calls("GET")


def test_what_is_late_and_tells_nothing_new_costs_no_call(gateway: Gateway, wire: StripeWire) -> None:
    events = [gateway.do("requires_action"), gateway.do("processing"), gateway.do("succeed"), gateway.do("refund")]
    assert gateway.tell(*reversed(events), *events) == (Status.PARTIALLY_REFUNDED, Decimal("2.50"))
    assert not wire.calls("GET")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What becomes of a payment, with the seconds between the steps; several may happen within one."""
    tries = draw(st.lists(st.sampled_from(["fail", "requires_action", "processing"]), min_size=1, max_size=5))
    if draw(st.booleans()):
        return [(step, draw(st.integers(0, 1))) for step in tries]
    after = draw(st.lists(st.sampled_from(["refund", "send_back", "dispute", "win", "lose"]), min_size=2, max_size=8))
    steps, refunds, disputed = [tries[0], "succeed"], 0, 0
    for step in after:
        if step == "refund" and refunds < 5 and disputed != 1:
            refunds += 1
        elif step == "send_back" and refunds:
            refunds -= 1
        elif step == "dispute" and disputed == 0:
            disputed = 1
        elif step in {"win", "lose"} and disputed == 1:
            disputed = 2
        else:
            continue
        steps.append(step)
    alone = {"dispute", "win", "lose"}  # never in one second with another of its kind
    return [(step, 1 if step in alone else draw(st.integers(0, 1))) for step in steps]


@given(history=histories(), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whatever_order_and_however_often_it_is_told_our_payment_equals_the_books(
    wire: StripeWire, connection: Connection, history: list[tuple[str, int]], seed: int
) -> None:
    gateway = Gateway(wire, connection)
    for step, seconds in history:
        gateway.do(step, after_seconds=seconds)
    shuffle = random.Random(seed)
    told = [*gateway.events, *shuffle.choices(gateway.events, k=len(gateway.events) // 2)]
    shuffle.shuffle(told)
    assert gateway.tell(*told) == gateway.books()
