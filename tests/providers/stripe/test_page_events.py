"""What Stripe's events say of its own page: whose payment it is, and that its state is to be asked for."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.providers.events import EventType
from integrations.providers.payment.stripe import Stripe

EVENTS = Path(__file__).parent / "events"
OUR_ID = "01980000-0000-7000-8000-000000000001"
STRIPE = Stripe()


def event(name: str, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    payload["data"]["object"].update(changes)
    return payload


@pytest.mark.parametrize(
    ("name", "kind", "subject"),
    [
        ("checkout.session.completed", EventType.PAYMENT_SUCCEEDED, "pi_sample"),
        ("checkout.session.async_payment_succeeded", EventType.PAYMENT_SUCCEEDED, "pi_sample"),
        ("checkout.session.async_payment_failed", EventType.PAYMENT_FAILED, "pi_sample"),
        ("payment_intent.succeeded__on_a_page", EventType.PAYMENT_SUCCEEDED, "pi_sample"),
        ("payment_intent.payment_failed__on_a_page", EventType.PAYMENT_FAILED, "pi_sample"),
        ("charge.refunded__on_a_page", EventType.PAYMENT_REFUNDED, "pi_sample"),
    ],
)
def test_an_event_of_a_page_finds_the_payment_by_our_id_and_makes_the_operation_look(
    name: str, kind: EventType, subject: str
) -> None:
    (told,) = STRIPE.parse_events(event(name), {})

    assert (told.type, told.subject, told.payment, told.payment_id) == (kind, subject, None, OUR_ID)


def test_a_page_that_expired_says_all_there_is_to_say() -> None:
    (told,) = STRIPE.parse_events(event("checkout.session.expired"), {})

    assert (told.type, told.subject, told.payment_id) == (EventType.PAYMENT_CANCELLED, "cs_test_sample", OUR_ID)
    assert told.payment
    assert (told.payment.status, told.payment.amount) == ("cancelled", Decimal("12.50"))


def test_a_page_that_is_complete_and_not_paid_is_pending() -> None:
    (told,) = STRIPE.parse_events(event("checkout.session.completed", payment_status="unpaid"), {})

    assert (told.type, told.payment) == (EventType.PAYMENT_PENDING, None)
