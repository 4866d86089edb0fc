"""What is Stripe's own: how it counts money, what a decline is, and what its events carry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import InvalidRequest, InvalidResponse, Rejected
from integrations.providers.payment.stripe import Stripe
from integrations.providers.results import Customer, PaymentRequest, PaymentResult, PaymentStatus
from tests.providers.stripe.wire import CREDENTIALS, answer
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer(answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(Stripe(), server.url, CREDENTIALS)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    return PaymentRequest(amount=Decimal(amount), currency=currency, reference="order-1", **fields)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return Stripe().create_payment(client, request, idempotency_key="key-1")


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("12.50", "AED", "1250"),
        ("0.01", "USD", "1"),
        ("5.120", "KWD", "5120"),
        ("5.12", "BHD", "5120"),
        ("500", "JPY", "500"),
        ("10", "UGX", "1000"),
        ("10", "ISK", "1000"),
        ("10.00", "MGA", "10"),
    ],
)
def test_money_is_counted_as_stripe_counts_it(
    client: WireClient, server: WireServer, amount: str, currency: str, units: str
) -> None:
    result = create(client, order(amount, currency))

    assert server.requests[0].form["amount"] == units
    assert server.requests[0].form["currency"] == currency.lower()
    assert (result.amount, result.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "currency"), [("5.125", "KWD"), ("1.5", "JPY"), ("10.50", "UGX"), ("10.50", "MGA"), ("1.234", "AED")]
)
def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(amount, currency))

    assert refused.value.field == "amount"
    assert not server.requests


def test_the_third_decimal_is_named_as_what_is_wrong(client: WireClient) -> None:
    with pytest.raises(InvalidRequest, match="third decimal of KWD"):
        create(client, order("5.125", "KWD"))


def test_without_a_token_the_payer_s_browser_pays(client: WireClient, server: WireServer) -> None:
    result = create(client, order())

    assert result.status == PaymentStatus.REQUIRES_ACTION
    assert result.client_secret
    assert result.client_secret not in repr(result)
    assert "client_secret" not in result.raw
    assert "confirm" not in server.requests[0].form


def test_a_token_pays_at_once_by_card_where_there_is_no_way_back(client: WireClient, server: WireServer) -> None:
    create(client, order(payment_token="pm_card_visa"))
    create(client, order(payment_token="pm_card_visa", success_url="https://shop.example/thanks"))

    by_card, by_any = (request.form for request in server.requests)
    assert by_card["allowed_payment_method_types[0]"] == "card"
    assert by_any["return_url"] == "https://shop.example/thanks"


def test_an_authorisation_is_asked_for_by_capturing_later(client: WireClient, server: WireServer) -> None:
    result = create(client, order(payment_token="pm_card_visa", capture=False))

    assert server.requests[0].form["capture_method"] == "manual"
    assert (result.status, result.amount_captured) == (PaymentStatus.AUTHORISED, Decimal("0.00"))


def test_a_declined_card_is_a_failed_payment_with_the_issuer_s_reason(client: WireClient) -> None:
    result = create(client, order(payment_token="pm_card_visa_chargeDeclined"))

    assert result.status == PaymentStatus.FAILED
    assert result.provider_reference.startswith("pi_")
    assert result.failure_code == "insufficient_funds"
    assert result.failure_message == "Your card has insufficient funds."


def test_a_refusal_that_is_no_decline_is_an_error(client: WireClient) -> None:
    with pytest.raises(Rejected) as refused:
        create(client, order(metadata={"a" * 41: "too long a key"}))

    assert refused.value.provider_code == "parameter_unknown"


def test_the_reference_goes_with_the_caller_s_metadata(client: WireClient, server: WireServer) -> None:
    create(client, order(metadata={"tailor": "7", "reference": "theirs"}))

    form = server.requests[0].form
    assert (form["metadata[tailor]"], form["metadata[reference]"]) == ("7", "order-1")


def test_a_bracket_in_a_metadata_key_cannot_reach_another_field(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest):
        create(client, order(metadata={"x]&amount[": "1"}))
    assert not server.requests


def test_receipts_are_sent_only_where_the_connection_says_so(client: WireClient, server: WireServer) -> None:
    request = order(customer=Customer(email="payer@example.com"))
    create(client, request)
    client.configuration = {"send_receipts": True, "statement_descriptor_suffix": "ABAYA"}
    create(client, request)

    silent, chatty = (sent.form for sent in server.requests)
    assert "receipt_email" not in silent
    assert (chatty["receipt_email"], chatty["statement_descriptor_suffix"]) == ("payer@example.com", "ABAYA")


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        Stripe().get_payment(client, "../../v1/balance?x=")

    assert server.requests[0].path == "/v1/payment_intents/..%2F..%2Fv1%2Fbalance%3Fx%3D"


@pytest.mark.parametrize(
    ("changes", "charge", "status"),
    [
        ({"status": "requires_payment_method"}, None, "requires_action"),
        ({"status": "requires_payment_method", "last_payment_error": {"code": "x"}}, None, "failed"),
        ({"status": "requires_confirmation"}, None, "requires_action"),
        ({"status": "requires_action"}, None, "requires_action"),
        ({"status": "processing"}, None, "pending"),
        ({"status": "requires_capture", "amount_received": 0}, {"amount_refunded": 0}, "authorised"),
        ({"status": "canceled", "amount_received": 0}, {"amount_refunded": 1250, "refunded": True}, "cancelled"),
        ({}, "ch_sample", "captured"),
        ({}, {"amount_refunded": 0, "disputed": False}, "captured"),
        ({}, {"amount_refunded": 500, "disputed": False}, "partially_refunded"),
        ({}, {"amount_refunded": 1250, "disputed": False}, "refunded"),
        ({"amount_received": 1000}, {"amount_refunded": 1000, "disputed": False}, "refunded"),
        ({}, {"amount_refunded": 0, "disputed": True}, "disputed"),
    ],
)
def test_a_payment_s_status_is_the_intent_s_and_its_charge_s(
    client: WireClient, server: WireServer, changes: dict[str, Any], charge: Any, status: str
) -> None:
    intent = {"id": "pi_sample", "amount": 1250, "amount_received": 1250, "currency": "aed", "status": "succeeded"}
    server.answer = lambda request: WireAnswer(200, {**intent, "latest_charge": charge, **changes})
    result = Stripe().get_payment(client, "pi_sample")

    assert result.status == status
    assert result.amount_refunded is None or result.amount_refunded <= (result.amount_captured or 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "pi_sample", "amount": 1250, "currency": "aed", "status": "invented"},
        {"id": "pi_sample", "amount": "1250", "currency": 7, "status": "succeeded"},
        {"id": "pi_sample", "amount": "abc", "currency": "aed", "status": "succeeded"},
        {"id": "pi_sample", "amount": 10**40, "currency": "aed", "status": "succeeded"},
        {"id": "pi_sample", "amount": None, "currency": "aed", "status": "succeeded"},
        {"id": "pi_sample", "amount": 1250, "currency": "zzz", "status": "succeeded"},
        [],
        b"<html>Bad gateway</html>",
        b"",
    ],
)
def test_an_answer_that_stripe_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    with pytest.raises(InvalidResponse):
        Stripe().get_payment(client, "pi_sample")


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


@pytest.mark.parametrize(
    ("name", "status", "captured", "refunded"),
    [
        ("payment_intent.succeeded", "captured", "12.50", None),
        ("payment_intent.succeeded__three_decimals", "captured", "5.120", None),
        ("payment_intent.succeeded__no_decimals", "captured", "500", None),
        ("payment_intent.succeeded__captured_in_part", "captured", "10.00", None),
        ("payment_intent.amount_capturable_updated", "authorised", "0.00", None),
        ("payment_intent.payment_failed", "failed", "0.00", None),
        ("payment_intent.canceled", "cancelled", "0.00", None),
        ("charge.captured", "captured", "12.50", "0.00"),
        ("charge.refunded", "refunded", "12.50", "12.50"),
        ("charge.refunded__in_part", "partially_refunded", "12.50", "5.00"),
    ],
)
def test_an_event_that_carries_the_payment_s_state_tells_it(
    name: str, status: str, captured: str, refunded: str | None
) -> None:
    (told,) = Stripe().parse_events(event(name), {})

    assert told.subject == "pi_sample"
    assert told.payment
    assert (told.payment.status, str(told.payment.amount_captured)) == (status, captured)
    assert told.payment.amount_refunded == (Decimal(refunded) if refunded else None)
    assert told.occurred_at
    assert told.occurred_at.year == 2026


@pytest.mark.parametrize("name", ["charge.dispute.created", "refund.failed", "charge.refunded__before_2025_03_31"])
def test_an_event_that_does_not_makes_the_operation_look(name: str) -> None:
    (told,) = Stripe().parse_events(event(name), {})

    assert (told.subject, told.payment) == ("pi_sample", None)


def test_a_charge_of_no_intent_concerns_none_of_our_payments() -> None:
    (told,) = Stripe().parse_events(event("charge.refunded__without_an_intent"), {})

    assert (told.subject, told.payment) == ("", None)


def test_the_wire_fake_is_strict(client: WireClient, server: WireServer) -> None:
    """Otherwise what is proven by it proves nothing."""
    good = {"amount": "1250", "currency": "aed", "capture_method": "manual"}
    client.post("/v1/payment_intents", form=good, idempotency_key="key-1")

    for bad in ({"amount": "12.50"}, {"currency": "AED"}, {"amount_in_fils": "1"}, {"capture_method": "maybe"}):
        with pytest.raises(Rejected):
            client.post("/v1/payment_intents", form={**good, **bad}, idempotency_key="key-1")
    with pytest.raises(Rejected, match="idempotency"):
        client.post("/v1/payment_intents", form=good)


def test_a_decline_that_names_no_payment_is_an_error(client: WireClient, server: WireServer) -> None:
    def nameless_decline(request: WireRequest) -> WireAnswer:
        return WireAnswer(402, {"error": {"type": "card_error", "code": "card_declined", "message": "Declined."}})

    server.answer = nameless_decline
    with pytest.raises(Rejected) as refused:
        create(client, order(payment_token="pm_card_visa"))
    assert refused.value.provider_code == "card_declined"


def test_a_look_tells_how_refunds_have_ended(client: WireClient, server: WireServer) -> None:
    """Those that are under way are in Stripe's total already."""
    intent = {"id": "pi_sample", "amount": 1250, "amount_received": 1250, "currency": "aed", "status": "succeeded"}
    words = ("pending", "requires_action", "succeeded", "failed", "canceled")
    refunds = [
        {"id": f"re_{word}", "amount": 100, "currency": "aed", "status": word, "failure_reason": None} for word in words
    ]
    charge = {"amount_refunded": 300, "disputed": False, "refunds": {"object": "list", "data": [*refunds, {}, "odd"]}}
    server.answer = lambda request: WireAnswer(200, {**intent, "latest_charge": charge})

    told = Stripe().get_payment(client, "pi_sample").refunds
    assert server.requests[0].query["expand[0]"] == "latest_charge.refunds"
    assert [(one.provider_reference, one.status.value) for one in told] == [
        ("re_succeeded", "succeeded"), ("re_failed", "failed"), ("re_canceled", "cancelled"),
    ]  # fmt: skip
