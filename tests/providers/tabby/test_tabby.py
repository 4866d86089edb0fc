"""What is Tabby's own: the session's demands and refusals, captures once by reference, and webhooks with a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import ConfigurationError, InvalidRequest, InvalidResponse, Rejected, SignatureRefused
from integrations.providers.payment.tabby import Tabby
from integrations.providers.results import Address, Customer, Item, PaymentRequest, PaymentResult, PaymentStatus
from integrations.providers.signatures import InboundRequest
from tests.providers.orders import A_CUSTOMER, AN_ADDRESS, AN_ORDER
from tests.providers.tabby.wire import CONFIGURATION, CREDENTIALS, TabbyWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

EVENTS = Path(__file__).parent / "events"
OURS = "01980000-0000-7000-8000-000000000001"
TABBY = Tabby()
S = PaymentStatus


@pytest.fixture
def wire() -> TabbyWire:
    return TabbyWire()


@pytest.fixture
def server(wire: TabbyWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(TABBY, server.url, CREDENTIALS, configuration=CONFIGURATION)


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told = {"payment_id": OURS, "reference": "order-1", **AN_ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return TABBY.create_payment(client, request, idempotency_key="key-create")


def paid(client: WireClient, wire: TabbyWire, *, capture: bool = False) -> str:
    """The reference of a payment that the payer has just been lent."""
    key = create(client, order(capture=capture)).provider_reference
    wire.pay(key)
    return key


def complete(client: WireClient, key: str, *, capture: bool = True, idempotency_key: str = "key") -> PaymentResult:
    return TABBY.complete_payment(client, key, capture=capture, idempotency_key=idempotency_key)


def capture(client: WireClient, key: str, amount: str, idempotency_key: str = "key-capture") -> PaymentResult:
    return TABBY.capture_payment(client, key, amount=Decimal(amount), currency="AED", idempotency_key=idempotency_key)


def refund(client: WireClient, key: str, amount: str, idempotency_key: str = "key-refund") -> Any:
    return TABBY.refund_payment(client, key, amount=Decimal(amount), currency="AED", idempotency_key=idempotency_key)


def calls(server: WireServer, method: str, ending: str) -> list[WireRequest]:
    return [call for call in server.requests if call.method == method and call.path.endswith(ending)]


def test_a_session_says_what_tabby_decides_by(client: WireClient, server: WireServer) -> None:
    result = create(client, order(language="ar", description="Two things"))

    assert (result.status, result.amount, result.currency) == (S.REQUIRES_ACTION, Decimal("12.50"), "AED")
    assert result.redirect_url == f"https://checkout.tabby.ai/?sessionId=s-{result.provider_reference}"
    sent = server.requests[0].json()
    assert (sent["lang"], sent["merchant_code"]) == ("ar", "SAMPLE_AE")
    assert sent["merchant_urls"]["failure"] == "https://hub.example/back"
    payment = sent["payment"]
    assert (payment["amount"], payment["description"]) == ("12.50", "Two things")
    assert payment["buyer"] == {
        "name": "Sample Customer", "email": "customer@example.com", "phone": "+971500000001",
    }  # fmt: skip
    assert payment["buyer_history"] == {"registered_since": "2024-05-01T06:00:00Z", "loyalty_level": 3}
    assert payment["shipping_address"] == {"city": "Dubai", "address": "Sample Street 1, Flat 2", "zip": ""}
    assert payment["order"]["reference_id"] == OURS
    assert payment["order"]["items"][1] == {
        "title": "Scarf", "quantity": 2, "unit_price": "1.25", "category": "Clothes",
    }  # fmt: skip
    assert payment["meta"] == {"order_id": "order-1"}


@pytest.mark.parametrize(
    ("country", "currency", "amount", "host"),
    [
        ("AE", "AED", "12.50", "https://api.tabby.ai"),
        ("KW", "KWD", "3.125", "https://api.tabby.ai"),
        ("SA", "SAR", "100.00", "https://api.tabby.sa"),
    ],
)
def test_a_store_s_country_decides_currency_and_address(
    client: WireClient, server: WireServer, country: str, currency: str, amount: str, host: str
) -> None:
    client.configuration = {"merchant_code": f"SAMPLE_{country}", "country": country, "item_category": "Clothes"}
    result = create(client, order(amount, currency, items=()))

    assert TABBY.base_url("production", client.configuration) == host
    assert server.requests[0].json()["payment"]["amount"] == amount
    assert (result.amount, result.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("request_", "field", "words"),
    [
        (order(currency="SAR"), "currency", "in AE and takes AED alone"),
        (order("12.505"), "amount", "2 decimals"),
        (order(customer=Customer()), "customer", "customer.name is missing"),
        (order(customer=replace(A_CUSTOMER, email="")), "customer", "customer.email is missing"),
        (order(customer=replace(A_CUSTOMER, phone="")), "customer", "customer.phone is missing"),
        (order(customer=replace(A_CUSTOMER, registered_since="")), "customer", "customer.registered_since is missing"),
        (order(customer=replace(A_CUSTOMER, registered_since="May")), "customer", "ISO 8601"),
        (order(shipping_address=Address()), "shipping_address", "shipping_address.line1 is missing"),
        (order(shipping_address=replace(AN_ADDRESS, city="")), "shipping_address", "shipping_address.city is missing"),
        (order(items=()), "items", "wants each item's category, and 'order-1' has none"),
        (order(items=(Item("Belt", 1, Decimal("12.50")),)), "items", "'Belt' has none"),
        (order(success_url=""), "success_url", "success_url is missing"),
        (order(payment_token="tok"), "payment_token", "no payment tokens"),
    ],
)
def test_an_order_that_tabby_could_not_decide_on_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, request_: PaymentRequest, field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, request_)

    assert refused.value.field == field
    assert words in refused.value.message
    assert not server.requests


def test_what_is_not_delivered_goes_to_who_pays_it(client: WireClient, server: WireServer) -> None:
    create(client, order(shipping_address=Address(), billing_address=replace(AN_ADDRESS, postal_code="12345")))
    assert server.requests[0].json()["payment"]["shipping_address"]["zip"] == "12345"


def test_a_connection_can_have_a_category_for_items_without(client: WireClient, server: WireServer) -> None:
    client.configuration = {**CONFIGURATION, "item_category": "Tailoring"}
    create(client, order(items=()))

    item = {"title": "order-1", "quantity": 1, "unit_price": "12.50", "category": "Tailoring"}
    assert server.requests[0].json()["payment"]["order"]["items"] == [item]


def test_a_connection_needs_a_merchant_code(client: WireClient, server: WireServer) -> None:
    client.configuration = {}
    with pytest.raises(ConfigurationError, match="merchant_code"):
        create(client, order())
    assert not server.requests


@pytest.mark.parametrize(
    ("changed", "amount", "code", "words"),
    [
        ({"customer": replace(A_CUSTOMER, email="otp.rejected@tabby.ai")}, "12.50", "not_available", "lends this"),
        ({"items": (Item("Gown", 1, Decimal("6000.00"), category="Clothes"),)}, "6000.00", "order_amount_too_high",
         "above what Tabby lends"),
        ({"items": (Item("Pin", 1, Decimal("0.50"), category="Clothes"),)}, "0.50", "order_amount_too_low",
         "below the least"),
    ],
)  # fmt: skip
def test_a_refused_session_is_a_failed_payment_that_says_why(
    client: WireClient, changed: dict[str, Any], amount: str, code: str, words: str
) -> None:
    result = create(client, order(amount, **changed))

    assert (result.status, result.failure_code, result.redirect_url) == (S.FAILED, code, "")
    assert words in result.failure_message
    assert result.provider_reference


def test_a_look_takes_nothing_and_says_what_waits_for_us(
    client: WireClient, wire: TabbyWire, server: WireServer
) -> None:
    key = create(client, order()).provider_reference
    assert not TABBY.get_payment(client, key).awaits_completion

    wire.pay(key)
    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.awaits_completion) == (S.AUTHORISED, Decimal(0), True)
    assert not calls(server, "POST", "/captures")


def test_what_the_payer_was_lent_is_captured_once(client: WireClient, wire: TabbyWire, server: WireServer) -> None:
    key = paid(client, wire, capture=True)
    for another in ("key", "key", "another"):
        seen = complete(client, key, idempotency_key=another)
        assert (seen.status, seen.amount_captured, seen.awaits_completion) == (S.CAPTURED, Decimal("12.50"), False)

    (sent,) = calls(server, "POST", "/captures")
    assert sent.json() == {"amount": "12.50", "reference_id": "key"}


def test_what_was_ordered_to_wait_stays_authorised(client: WireClient, wire: TabbyWire, server: WireServer) -> None:
    key = paid(client, wire)
    assert complete(client, key, capture=False).status is S.AUTHORISED
    assert not calls(server, "POST", "/captures")


@pytest.mark.parametrize("another", ["key", "another"])
def test_two_who_complete_at_once_capture_once(client: WireClient, wire: TabbyWire, another: str) -> None:
    """The second begins with what the first has changed meanwhile."""
    key = paid(client, wire, capture=True)
    late = json.loads(json.dumps(wire.payments[key]))
    complete(client, key)

    def overtaken(request: WireRequest) -> WireAnswer:
        return WireAnswer(200, late) if len(other.requests) == 1 else wire.answer(request)

    with WireServer(overtaken) as other:
        seen = complete(replace(client, base_url=other.url), key, idempotency_key=another)

    assert (seen.status, seen.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert len(wire.payments[key]["captures"]) == 1


def test_a_capture_that_tabby_refuses_is_no_end(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire, capture=True)

    def refuses(request: WireRequest) -> WireAnswer:
        refusal = {"status": "error", "errorType": "bad_data", "error": "not now"}
        return WireAnswer(400, refusal) if request.path.endswith("/captures") else wire.answer(request)

    with WireServer(refuses) as other, pytest.raises(Rejected, match="not now"):
        complete(replace(client, base_url=other.url), key)


def test_what_was_ordered_to_wait_is_authorised_and_captured_when_asked_for(
    client: WireClient, wire: TabbyWire, server: WireServer
) -> None:
    key = paid(client, wire)
    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.method) == (S.AUTHORISED, Decimal(0), "bnpl")

    done = capture(client, key, "12.50")
    assert (done.status, done.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert calls(server, "POST", "/captures")[0].json() == {"amount": "12.50", "reference_id": "key-capture"}
    assert not calls(server, "POST", "/close")


def test_a_capture_of_a_part_lets_the_rest_go(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    done = capture(client, key, "5.00")

    assert (done.status, done.amount_captured) == (S.CAPTURED, Decimal("5.00"))
    assert wire.payments[key]["status"] == "CLOSED"
    with pytest.raises(Rejected):
        capture(client, key, "1.00", "key-another")


def test_a_part_stays_captured_where_the_rest_cannot_be_let_go_just_now(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    away = WireAnswer(503, {"error": "Internal Server error"})
    with WireServer(lambda request: away if request.path.endswith("/close") else wire.answer(request)) as other:
        done = capture(replace(client, base_url=other.url), key, "5.00")

    assert (done.status, done.amount_captured) == (S.AUTHORISED, Decimal("5.00"))
    assert TABBY.void_payment(client, key, idempotency_key="v").status is S.CAPTURED


def test_a_capture_or_refund_that_is_repeated_is_made_once(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    for _ in range(2):  # the second time the payment is closed, and Tabby captures no more of it
        assert capture(client, key, "5.00").amount_captured == Decimal("5.00")
    first, again = (refund(client, key, "2.00") for _ in range(2))

    assert first.provider_reference == again.provider_reference
    assert TABBY.get_payment(client, key).amount_refunded == Decimal("2.00")


def test_all_of_it_is_captured_and_refunded_where_no_amount_is_named(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    once: dict[str, Any] = {"amount": None, "currency": "AED"}

    assert TABBY.capture_payment(client, key, **once, idempotency_key="c").amount_captured == Decimal("12.50")
    refund(client, key, "2.50")
    assert TABBY.refund_payment(client, key, **once, idempotency_key="r").amount == Decimal("10.00")


def test_refunds_add_up_and_never_exceed_what_was_captured(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")

    assert refund(client, key, "2.50", "r1").amount == Decimal("2.50")
    assert TABBY.get_payment(client, key).status is S.PARTIALLY_REFUNDED
    with pytest.raises(Rejected):
        refund(client, key, "10.01", "r2")
    assert refund(client, key, "10.00", "r3").status == "succeeded"
    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.amount_refunded) == (S.REFUNDED, Decimal("12.50"), Decimal("12.50"))


def test_a_look_tells_of_each_refund_and_whose_it_is(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")
    made = [refund(client, key, "1.00", name).provider_reference for name in ("r1", "r2")]

    told = [(one.provider_reference, one.idempotency_key, one.status) for one in TABBY.get_payment(client, key).refunds]
    assert told == [(made[0], "r1", "succeeded"), (made[1], "r2", "succeeded")]


def test_a_disputed_payment_is_not_refunded(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")
    wire.payments[key]["meta"]["disputed"] = True

    with pytest.raises(Rejected, match="payment is disputed") as refused:
        refund(client, key, "1.00")
    assert refused.value.provider_code == "conflict"


def test_a_void_closes_without_a_capture(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    for _ in range(2):  # what is void already may be made void again
        done = TABBY.void_payment(client, key, idempotency_key="v")
        assert (done.status, done.amount_captured, done.amount_refunded) == (S.CANCELLED, Decimal(0), Decimal(0))


def test_what_was_captured_cannot_be_made_void(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    capture(client, key, "12.50")
    with pytest.raises(Rejected, match="already closed"):
        TABBY.void_payment(client, key, idempotency_key="v")


@pytest.mark.parametrize(("end", "status", "code"), [("reject", S.FAILED, "rejected"), ("expire", S.CANCELLED, "")])
def test_a_payer_may_be_declined_or_turn_back(
    client: WireClient, wire: TabbyWire, end: str, status: PaymentStatus, code: str
) -> None:
    key = create(client, order()).provider_reference
    getattr(wire, end)(key)

    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.failure_code, seen.amount_captured) == (status, code, Decimal(0))
    with pytest.raises(Rejected):
        capture(client, key, "12.50")


def test_a_part_captured_in_tabby_s_dashboard_leaves_the_rest_to_us(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire, capture=True)
    wire.payments[key]["captures"] = [{"id": "c", "amount": "5.00", "reference_id": "d", "created_at": "2026-11-01"}]

    seen = TABBY.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.awaits_completion) == (S.AUTHORISED, Decimal("5.00"), False)
    assert complete(client, key).amount_captured == Decimal("5.00")
    assert TABBY.void_payment(client, key, idempotency_key="v").status is S.CAPTURED


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "MYSTERIOUS"},
        {"amount": 12.5},
        {"amount": "-1"},
        {"currency": "ZZZ"},
        {"captures": [{"amount": None}]},
        {"id": ...},
    ],
    ids=str,
)
def test_a_payment_that_tabby_does_not_document_is_never_read_as_paid(
    client: WireClient, wire: TabbyWire, damage: dict[str, Any]
) -> None:
    key = paid(client, wire)
    payment = {**wire.payments[key], **damage}
    odd = {name: value for name, value in payment.items() if value is not ...}
    with WireServer(lambda request: WireAnswer(200, odd)) as other, pytest.raises(InvalidResponse):
        TABBY.get_payment(replace(client, base_url=other.url), key)


@pytest.mark.parametrize("status", ["created", "approved", "expired", "else"])
def test_a_session_that_has_no_page_is_an_invalid_response(client: WireClient, status: str) -> None:
    session = {"status": status, "payment": {"id": "1"}, "configuration": {"available_products": None}}
    with WireServer(lambda request: WireAnswer(200, session)) as other, pytest.raises(InvalidResponse):
        create(replace(client, base_url=other.url), order())


def test_a_refund_that_the_answer_does_not_show_is_in_doubt(client: WireClient, wire: TabbyWire) -> None:
    key = paid(client, wire)
    payment = dict(wire.payments[key])
    with WireServer(lambda request: WireAnswer(200, payment)) as other, pytest.raises(InvalidResponse):
        refund(replace(client, base_url=other.url), key, "1.00")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"status": "error", "errorType": "bad_data", "error": "invalid payment id"},
            ("bad_data", "invalid payment id"),
        ),
        ({"errorType": "bad_data", "errors": [{"field": "amount"}]}, ("bad_data", "[{'field': 'amount'}]")),
    ],
)
def test_a_refusal_is_quoted(body: dict[str, Any], told: tuple[str, str]) -> None:
    assert TABBY.error_details(body) == told


def test_the_token_in_the_header_proves_tabby_and_nothing_else_does() -> None:
    """The pair that was registered, as Tabby's documentation has it: there is no digest to check."""
    body = (EVENTS / "payment.authorized.json").read_bytes()
    genuine = InboundRequest(body, {"x-webhook-token": "sample-not-a-secret-token"}, 0)

    TABBY.signature.verify(genuine, ["sample-not-a-secret-token"])
    for headers in ({}, {"x-webhook-token": ""}, {"x-webhook-token": "another"}, {"authorization": "Bearer x"}):
        with pytest.raises(SignatureRefused):
            TABBY.signature.verify(replace(genuine, headers=headers), ["sample-not-a-secret-token"])


def test_a_webhook_never_tells_the_payment_s_state_by_itself() -> None:
    for path in sorted(EVENTS.glob("payment.*.json")):
        (event,) = TABBY.parse_events(json.loads(path.read_bytes()), {})
        assert event.payment is None
        assert event.payment_id in (OURS, "")


@pytest.mark.parametrize("kind", sorted(TABBY.event_types))
def test_a_sample_is_read_as_what_it_is_a_sample_of(kind: str) -> None:
    payload = TABBY.sample_event(kind, event_id="evt_test_1", now=datetime.now(UTC))
    identity = TABBY.identify_event(json.loads(json.dumps(payload)), {})
    assert (identity.event_type, identity.subject) == (kind, "evt_test_1")
    assert "evt_test_1" in identity.event_id


def test_a_webhook_is_registered_once_and_given_each_new_token(client: WireClient, wire: TabbyWire) -> None:
    address = "https://hub.example/webhooks/1/"
    for token in ("sample-token-of-before", "sample-token-of-now"):
        TABBY.register_webhook(client, address, token)

    (hook,) = wire.hooks["webhooks"]
    assert (hook["url"], hook["header"]) == (address, {"title": "X-Webhook-Token", "value": "sample-token-of-now"})
    assert not wire.hooks["dispute-webhooks"], "disputes have no test mode"


def test_live_keys_hear_of_disputes_too(client: WireClient, wire: TabbyWire) -> None:
    live = replace(client, credentials={"secret_key": "sk_sample_not_a_key"})
    for token in ("sample-token-of-before", "sample-token-of-now"):
        TABBY.register_webhook(live, "https://hub.example/webhooks/1/", token)

    (hook,) = wire.hooks["dispute-webhooks"]
    assert hook["header"]["value"] == "sample-token-of-now"


def test_an_account_without_dispute_webhooks_has_the_others_all_the_same(client: WireClient, wire: TabbyWire) -> None:
    def without(request: WireRequest) -> WireAnswer:
        missing = "dispute-webhooks" in request.path
        return WireAnswer(404, {"error": "404 page not found"}) if missing else wire.answer(request)

    with WireServer(without) as other:
        live = replace(client, base_url=other.url, credentials={"secret_key": "sk_sample_not_a_key"})
        TABBY.register_webhook(live, "https://hub.example/webhooks/1/", "sample-token-of-now")
    assert len(wire.hooks["webhooks"]) == 1
