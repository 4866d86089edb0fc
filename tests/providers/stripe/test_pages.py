"""Stripe's own page: opened, paid on, declined on, expired; and the intent that takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import AuthenticationFailed, Conflict, InvalidRequest, InvalidResponse, Rejected
from integrations.providers.payment.stripe import Stripe
from integrations.providers.results import Customer, Item, PaymentRequest, PaymentResult, PaymentStatus, RefundStatus
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .wire import CHALLENGED, CREDENTIALS, DECLINED, RESTRICTED, SLOW, StripeEnd

OUR_ID = "01980000-0000-7000-8000-000000000001"
STRIPE = Stripe()
ORDER = PaymentRequest(
    amount=Decimal("12.50"),
    currency="AED",
    reference="order-1",
    payment_id=OUR_ID,
    success_url="https://hub.example/return/",
    cancel_url="https://hub.example/cancel/",
    metadata={"hub_payment": OUR_ID},
)


@pytest.fixture
def end() -> StripeEnd:
    return StripeEnd()


@pytest.fixture
def server(end: StripeEnd) -> Iterator[WireServer]:
    with WireServer(end.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(STRIPE, server.url, CREDENTIALS, configuration={"page": "checkout"})


def create(client: WireClient, request: PaymentRequest = ORDER, key: str = "key-1") -> PaymentResult:
    return STRIPE.create_payment(client, request, idempotency_key=key)


def sent(server: WireServer) -> dict[str, str]:
    return server.requests[-1].form


def test_a_page_is_opened_at_which_the_payer_pays(client: WireClient, server: WireServer) -> None:
    opened = create(client, replace(ORDER, customer=Customer(email="payer@example.com")))

    assert (opened.status, opened.amount, opened.amount_captured) == ("requires_action", Decimal("12.50"), Decimal(0))
    assert opened.provider_reference.startswith("cs_test_")
    assert opened.redirect_url.startswith("https://checkout.stripe.com/")
    assert opened.client_secret == ""
    form = sent(server)
    assert (form["mode"], form["client_reference_id"], form["locale"]) == ("payment", OUR_ID, "en")
    assert (form["success_url"], form["cancel_url"]) == (ORDER.success_url, ORDER.cancel_url)
    assert form["customer_email"] == "payer@example.com"
    assert form["payment_intent_data[capture_method]"] == "automatic"
    assert form["payment_intent_data[metadata][hub_payment]"] == OUR_ID
    assert form["payment_intent_data[metadata][reference]"] == "order-1"


def test_a_token_pays_at_once_whatever_the_page(client: WireClient) -> None:
    paid = create(client, replace(ORDER, payment_token="pm_card_visa"))

    assert paid.provider_reference.startswith("pi_")
    assert paid.status == PaymentStatus.CAPTURED


def test_a_creation_that_is_repeated_opens_the_same_page(client: WireClient, end: StripeEnd) -> None:
    first = create(client)

    assert create(client) == first
    assert len(end.sessions) == 1
    with pytest.raises(Rejected, match="same parameters"):
        create(client, replace(ORDER, reference="order-2"))


def test_the_order_s_lines_are_on_the_page(client: WireClient, server: WireServer) -> None:
    items = (Item("Abaya", 2, Decimal("5.00")), Item("Belt", 1, Decimal("2.50")))
    create(client, replace(ORDER, items=items))

    form = sent(server)
    assert [form[f"line_items[{n}][price_data][unit_amount]"] for n in (0, 1)] == ["500", "250"]
    assert [form[f"line_items[{n}][quantity]"] for n in (0, 1)] == ["2", "1"]
    assert form["line_items[0][price_data][product_data][name]"] == "Abaya"


@pytest.mark.parametrize(
    "items",
    [
        (Item("Abaya", 1, Decimal("5.00")),),  # does not add up
        tuple(Item(f"Button {n}", 1, Decimal("0.10")) for n in range(125)),  # more than the page takes
    ],
    ids=["another-sum", "too-many"],
)
def test_lines_that_the_page_cannot_show_are_shown_as_one(
    client: WireClient, server: WireServer, items: tuple[Item, ...]
) -> None:
    opened = create(client, replace(ORDER, items=items))

    assert opened.amount == Decimal("12.50")
    assert sent(server)["line_items[0][price_data][product_data][name]"] == "order-1"
    assert "line_items[1][quantity]" not in sent(server)


def test_three_decimals_are_charged_where_the_last_is_0(client: WireClient, server: WireServer) -> None:
    kuwaiti = replace(ORDER, amount=Decimal("5.120"), currency="KWD")
    odd_prices = (Item("Half", 2, Decimal("2.555")), Item("Rest", 2, Decimal("0.005")))
    opened = create(client, replace(kuwaiti, items=odd_prices))

    assert sent(server)["line_items[0][price_data][unit_amount]"] == "5120"
    assert (opened.amount, opened.currency) == (Decimal("5.120"), "KWD")
    with pytest.raises(InvalidRequest, match="third decimal of KWD"):
        create(client, replace(kuwaiti, amount=Decimal("5.125")), "key-2")
    assert len(server.requests) == 1


def test_yen_have_no_decimals(client: WireClient, server: WireServer) -> None:
    opened = create(client, replace(ORDER, amount=Decimal(500), currency="JPY"))

    assert sent(server)["line_items[0][price_data][unit_amount]"] == "500"
    assert opened.amount == Decimal(500)


@pytest.mark.parametrize(
    ("method", "types"), [("", []), ("card", ["card"]), ("apple_pay", ["card"]), ("link", ["link", "card"])]
)
def test_the_way_to_pay_that_was_chosen_is_the_one_shown(
    client: WireClient, server: WireServer, method: str, types: list[str]
) -> None:
    for number, page in enumerate(("checkout", "elements")):
        client.configuration = {"page": page}
        create(client, replace(ORDER, method=method), f"key-{number}")
        shown = [value for name, value in sent(server).items() if name.startswith("allowed_payment_method_types")]
        assert shown == types


def test_the_page_is_left_to_the_browser_s_language_where_the_payer_reads_arabic(
    client: WireClient, server: WireServer
) -> None:
    create(client, replace(ORDER, language="ar"))

    assert sent(server)["locale"] == "auto"


def test_without_a_way_back_there_is_no_page(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, replace(ORDER, success_url=""))

    assert refused.value.field == "success_url"
    assert not server.requests


def test_what_the_payer_sees_of_it_is_said_of_the_intent(client: WireClient, server: WireServer) -> None:
    client.configuration = {"page": "checkout", "send_receipts": True, "statement_descriptor_suffix": "ABAYA"}
    create(client, replace(ORDER, customer=Customer(email="payer@example.com")))

    form = sent(server)
    assert form["payment_intent_data[receipt_email]"] == "payer@example.com"
    assert form["payment_intent_data[statement_descriptor_suffix]"] == "ABAYA"


def test_a_bracket_in_a_metadata_key_cannot_reach_another_field(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest):
        create(client, replace(ORDER, metadata={"x][capture_method": "1"}))
    assert not server.requests


def test_once_paid_it_is_the_intent_s_with_its_fee(client: WireClient, end: StripeEnd) -> None:
    page = create(client).provider_reference
    intent = end.pay(page, wallet="apple_pay")
    paid = STRIPE.get_payment(client, page)

    assert (paid.provider_reference, paid.formerly) == (intent["id"], page)
    assert (paid.status, paid.amount_captured, paid.amount_refunded) == ("captured", Decimal("12.50"), Decimal("0.00"))
    assert (paid.method, paid.fee, paid.fee_currency) == ("apple_pay", Decimal("1.36"), "AED")
    assert paid.client_secret == ""
    assert "client_secret" not in str(paid.raw)


def test_a_fee_is_in_the_currency_that_stripe_settles_in(client: WireClient, end: StripeEnd) -> None:
    page = create(client, replace(ORDER, currency="USD", amount=Decimal("100.00"))).provider_reference
    end.pay(page, wallet="google_pay")
    paid = STRIPE.get_payment(client, page)

    assert (paid.currency, paid.fee, paid.fee_currency) == ("USD", Decimal("11.64"), "AED")
    assert paid.method == "google_pay"
    assert paid.raw["latest_charge"]["balance_transaction"]["exchange_rate"] == Decimal("3.67")


def test_a_key_that_may_not_see_fees_reads_the_payment_without(client: WireClient, end: StripeEnd) -> None:
    page = create(client).provider_reference
    end.pay(page)
    client.credentials = RESTRICTED
    paid = STRIPE.get_payment(client, page)

    assert (paid.status, paid.fee, paid.method) == ("captured", None, "card")


def test_a_bad_key_is_told_as_such(client: WireClient) -> None:
    client.credentials = {"api_key": "sk_test_another_not_a_key"}
    with pytest.raises(AuthenticationFailed):
        STRIPE.get_payment(client, "cs_test_1")


def test_a_declined_card_leaves_the_page_open(client: WireClient, end: StripeEnd) -> None:
    page = create(client).provider_reference
    end.pay(page, token=DECLINED)
    after = STRIPE.get_payment(client, page)
    assert (after.status, after.provider_reference, after.formerly) == ("requires_action", page, "")
    assert "secret" not in str(after.raw).replace("client_secret", "")

    end.pay(page)
    assert STRIPE.get_payment(client, page).status == PaymentStatus.CAPTURED


def test_a_transfer_of_days_is_pending_and_may_fail(client: WireClient, end: StripeEnd) -> None:
    page = create(client).provider_reference
    intent = end.pay(page, token=SLOW)
    pending = STRIPE.get_payment(client, page)
    assert (pending.status, pending.amount_captured) == ("pending", Decimal("0.00"))

    error = {"code": "payment_intent_payment_attempt_failed", "message": "The bank says no."}
    intent.update(status="requires_payment_method", last_payment_error=error)
    failed = STRIPE.get_payment(client, pending.provider_reference)
    assert (failed.status, failed.failure_message) == ("failed", "The bank says no.")


def test_held_captured_in_part_and_given_back_in_parts(client: WireClient, end: StripeEnd) -> None:
    page = create(client, replace(ORDER, capture=False)).provider_reference
    end.pay(page)
    held = STRIPE.get_payment(client, page)
    assert (held.status, held.amount_captured, held.fee) == ("authorised", Decimal("0.00"), None)

    money: dict[str, Any] = {"currency": "AED"}
    taken = STRIPE.capture_payment(client, page, amount=Decimal("10.00"), idempotency_key="capture-1", **money)
    assert (taken.status, taken.amount_captured, taken.formerly) == ("captured", Decimal("10.00"), page)
    with pytest.raises(Rejected):
        STRIPE.capture_payment(client, page, amount=Decimal("2.50"), idempotency_key="capture-2", **money)

    intent = taken.provider_reference
    for number, part in enumerate(("4.00", "6.00")):
        # By either reference: the page's may be all that is known.
        refund = STRIPE.refund_payment(
            client, (page, intent)[number], amount=Decimal(part), idempotency_key=f"refund-{number}", **money
        )
        assert (refund.status, refund.amount) == (RefundStatus.SUCCEEDED, Decimal(part))
    with pytest.raises(Rejected):
        STRIPE.refund_payment(client, intent, amount=Decimal("0.01"), idempotency_key="refund-3", **money)
    assert STRIPE.get_payment(client, intent).status == PaymentStatus.REFUNDED


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_refund_that_is_not_made_at_once_is_said_to_be_so(client: WireClient, end: StripeEnd, status: str) -> None:
    end.refund_status = status
    refund = STRIPE.refund_payment(
        client, "pi_sample", amount=Decimal("5.00"), currency="AED", idempotency_key="refund-1"
    )

    assert refund.status == status
    assert bool(refund.failure_message) == (status == "failed")


def test_nothing_is_given_back_of_a_page_that_nobody_has_paid_on(client: WireClient) -> None:
    page = create(client).provider_reference
    with pytest.raises(Conflict):
        STRIPE.refund_payment(client, page, amount=Decimal("5.00"), currency="AED", idempotency_key="refund-1")


def test_an_open_page_is_voided_by_expiring_it_and_once_is_enough(client: WireClient, end: StripeEnd) -> None:
    page = create(client).provider_reference
    for _ in range(2):
        voided = STRIPE.void_payment(client, page, idempotency_key="void-1")
        assert (voided.status, voided.provider_reference) == ("cancelled", page)
        assert voided.redirect_url == ""
    assert end.sessions[page]["status"] == "expired"


def test_a_page_that_was_paid_on_meanwhile_is_voided_while_it_waits_for_its_capture(
    client: WireClient, end: StripeEnd
) -> None:
    held = create(client, replace(ORDER, capture=False)).provider_reference
    end.pay(held)
    voided = STRIPE.void_payment(client, held, idempotency_key="void-1")
    assert (voided.status, voided.formerly) == ("cancelled", held)

    taken = create(client, key="key-2").provider_reference
    end.pay(taken)
    with pytest.raises(Rejected):
        STRIPE.void_payment(client, taken, idempotency_key="void-2")


def test_a_page_expires_by_itself(client: WireClient, end: StripeEnd) -> None:
    page = create(client).provider_reference
    end.expire(page)

    assert STRIPE.get_payment(client, page).status == PaymentStatus.CANCELLED


def test_a_token_that_the_bank_wants_to_ask_about_sends_the_payer_there(client: WireClient) -> None:
    asked = create(client, replace(ORDER, payment_token=CHALLENGED))

    assert (asked.status, asked.amount_captured) == ("requires_action", Decimal("0.00"))
    assert asked.redirect_url == "https://hooks.stripe.com/3d_secure_2/hosted?sample"


def test_a_connected_account_is_named_with_every_call(client: WireClient, end: StripeEnd, server: WireServer) -> None:
    end.account = "acct_1Sample"
    with pytest.raises(AuthenticationFailed):
        create(client)
    client.configuration = {"page": "checkout", "account": "acct_1Sample"}
    page = create(client, replace(ORDER, capture=False), "key-2").provider_reference
    end.pay(page)
    intent = STRIPE.get_payment(client, page).provider_reference
    money: dict[str, Any] = {"amount": Decimal("5.00"), "currency": "AED"}
    STRIPE.capture_payment(client, page, idempotency_key="capture-1", **money)
    STRIPE.refund_payment(client, intent, idempotency_key="refund-1", **money)
    STRIPE.void_payment(client, create(client, ORDER, "key-3").provider_reference, idempotency_key="void-1")
    STRIPE.check(client)

    assert {call.headers.get("stripe-account") for call in server.requests[1:]} == {"acct_1Sample"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": "cs_test_1", "status": "invented", "amount_total": 1250, "currency": "aed"},
        {"id": "cs_test_1", "status": "complete", "amount_total": 1250, "currency": "aed", "payment_intent": None},
        {"id": "cs_test_1", "status": "complete", "amount_total": 1250, "currency": "aed", "payment_intent": "pi_1"},
        {"id": "cs_test_1", "status": "open", "amount_total": None, "currency": "aed"},
        {"id": "cs_test_1", "status": "open", "amount_total": 1250, "currency": None},
    ],
)
def test_a_session_that_stripe_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    with pytest.raises(InvalidResponse):
        STRIPE.get_payment(client, "cs_test_1")


def test_a_page_without_an_address_is_an_invalid_response(client: WireClient, server: WireServer) -> None:
    page = {"id": "cs_test_1", "status": "open", "amount_total": 1250, "currency": "aed", "url": None}
    server.answer = lambda request: WireAnswer(200, page)
    with pytest.raises(InvalidResponse):
        create(client)
