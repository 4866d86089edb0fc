"""PayPal's events are hints: which payment each leads to, and what disputes tell of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.payment.paypal import PayPal

EVENTS = Path(__file__).parent / "events"
OUR_ID = "01980000-0000-7000-8000-000000000001"
PAYPAL = PayPal()


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


def read(payload: Mapping[str, Any]) -> NormalizedEvent:
    (told,) = PAYPAL.parse_events(payload, {})
    return told


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_no_event_is_taken_at_its_word(path: Path) -> None:
    assert read(event(path.stem)).payment is None


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("CHECKOUT.ORDER.APPROVED", "5O190127TN364715T"),
        ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", "5O190127TN364715T"),
        ("PAYMENT.AUTHORIZATION.CREATED", "5O190127TN364715T"),
        ("PAYMENT.CAPTURE.COMPLETED", "5O190127TN364715T"),
        ("PAYMENT.CAPTURE.REFUNDED", "1JU08902781691411"),  # names no order
        ("CUSTOMER.DISPUTE.CREATED", "3C679366HH908993F"),
    ],
)
def test_an_event_leads_to_the_payment_by_its_order_or_by_our_id(name: str, subject: str) -> None:
    told = read(event(name))
    assert (told.subject, told.payment_id) == (subject, OUR_ID)
    assert told.occurred_at
    assert told.occurred_at.year == 2026


def test_a_dispute_tells_what_it_is_about() -> None:
    told = read(event("CUSTOMER.DISPUTE.UPDATED"))
    assert told.attributes == {
        "dispute": "PP-D-1234",
        "dispute_reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "dispute_amount": "12.50",
        "dispute_currency": "USD",
        "respond_by": "2026-12-06T09:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("RESOLVED_SELLER_FAVOUR", EventType.PAYMENT_DISPUTE_WON),
        ("CANCELED_BY_BUYER", EventType.PAYMENT_DISPUTE_WON),
        ("RESOLVED_BUYER_FAVOUR", EventType.PAYMENT_DISPUTE_LOST),
        ("ACCEPTED", EventType.PAYMENT_DISPUTE_LOST),
        ("NONE", EventType.PAYMENT_DISPUTE_LOST),
    ],
)
def test_a_dispute_ends_as_its_outcome_says(outcome: str, kind: EventType) -> None:
    payload = event("CUSTOMER.DISPUTE.RESOLVED")
    payload["resource"]["dispute_outcome"]["outcome_code"] = outcome
    assert read(payload).type == kind


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("damage", [None, {}, [], "text", 7, {"supplementary_data": 7, "purchase_units": [7]}], ids=str)
def test_a_damaged_resource_concerns_nothing_of_ours(path: Path, damage: Any) -> None:
    told = read({**event(path.stem), "resource": damage})
    assert (told.subject, told.payment_id, told.payment) == ("", "", None)
