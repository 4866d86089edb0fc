"""What is Moyasar's own: invoices and the payments tried on them, tokens, and totals that tell what was given back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from integrations.answers import may_have_taken_effect
from integrations.errors import (
    Conflict,
    IntegrationError,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    SignatureRefused,
    Unavailable,
)
from integrations.providers.payment.moyasar import Moyasar
from integrations.providers.results import PaymentRequest, PaymentResult, PaymentStatus, RefundResult
from integrations.providers.signatures import InboundRequest
from tests.providers.moyasar.wire import (
    AUTHORISED,
    CREDENTIALS,
    HELD_ID,
    OPEN,
    OPEN_ID,
    ORDER,
    OURS,
    PAID_ID,
    PAYMENT,
    MoyasarWire,
    seeded,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def wire() -> MoyasarWire:
    return seeded()


@pytest.fixture
def server(wire: MoyasarWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    return WireClient(Moyasar(), server.url, CREDENTIALS)


def order(amount: str = "12.50", currency: str = "SAR", **fields: Any) -> PaymentRequest:
    told = {"reference": "order-1", "payment_id": "ours", **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest, key: str = "key-1") -> PaymentResult:
    return Moyasar().create_payment(client, request, idempotency_key=key)


def refund(client: WireClient, reference: str, amount: str | None) -> RefundResult:
    exact = None if amount is None else Decimal(amount)
    return Moyasar().refund_payment(client, reference, amount=exact, currency="SAR", idempotency_key="key")


def get(client: WireClient, reference: str) -> PaymentResult:
    return Moyasar().get_payment(client, reference)


def invoice_id(result: PaymentResult) -> str:
    return result.provider_reference.removeprefix("invoice_")


def test_a_payer_tries_twice_on_moyasar_s_page_and_is_given_back_part_by_part(
    client: WireClient, wire: MoyasarWire
) -> None:
    opened = create(client, order())
    assert opened.status == PaymentStatus.REQUIRES_ACTION
    assert opened.redirect_url.startswith("https://checkout.moyasar.example/")
    wire.attempt(invoice_id(opened), "failed", message="DECLINED", response_code="05")
    assert get(client, opened.provider_reference).status == PaymentStatus.REQUIRES_ACTION

    wire.attempt(invoice_id(opened), "paid")
    paid = get(client, opened.provider_reference)
    assert (paid.provider_reference, paid.status, paid.method) == (opened.provider_reference, "captured", "mada")
    assert (str(paid.amount_captured), str(paid.fee), paid.fee_currency) == ("12.50", "1.58", "SAR")

    assert refund(client, opened.provider_reference, "5.00").amount == Decimal("5.00")
    partly = get(client, opened.provider_reference)
    assert (partly.status, str(partly.amount_refunded)) == ("partially_refunded", "5.00")
    with pytest.raises(Rejected, match="amount: is invalid"):
        refund(client, opened.provider_reference, "7.51")
    assert refund(client, opened.provider_reference, None).amount == Decimal("7.50")
    assert get(client, opened.provider_reference).status == PaymentStatus.REFUNDED


def test_a_token_authorises_and_is_captured_in_part(client: WireClient) -> None:
    held = create(client, order(payment_token="token_sample", capture=False))
    assert (held.status, held.amount_captured) == ("authorised", Decimal("0.00"))
    taken = Moyasar().capture_payment(
        client, held.provider_reference, amount=Decimal("10.00"), currency="SAR", idempotency_key="key"
    )
    assert (taken.provider_reference, taken.status) == (held.provider_reference, "captured")
    assert (str(taken.amount), str(taken.amount_captured)) == ("12.50", "10.00")
    refund(client, held.provider_reference, "4.00")
    seen = get(client, held.provider_reference)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == (
        "partially_refunded", "10.00", "4.00",
    )  # fmt: skip
    refund(client, held.provider_reference, "6.00")
    assert get(client, held.provider_reference).status == PaymentStatus.REFUNDED


def test_moyasar_s_page_cannot_only_authorise(client: WireClient, server: WireServer) -> None:
    with pytest.raises(NotSupported) as refused:
        create(client, order(capture=False))
    assert refused.value.field == "capture"
    assert not server.requests


def test_asked_twice_under_one_key_a_token_pays_once(client: WireClient, wire: MoyasarWire) -> None:
    before = len(wire.payments)
    first = create(client, order(payment_token="token_sample"))
    assert UUID(first.provider_reference.removeprefix("payment_"))
    assert create(client, order(payment_token="token_sample")).provider_reference == first.provider_reference
    assert len(wire.payments) == before + 1
    assert create(client, order(payment_token="token_sample"), "key-2").provider_reference != first.provider_reference


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_taken_id_is_the_payment_it_was_taken_by_whatever_the_status(
    client: WireClient, server: WireServer, status: int
) -> None:
    first, moyasar = create(client, order(payment_token="token_sample")), server.answer
    taken = {"type": "invalid_request_error", "message": "given_id has already been taken"}
    server.answer = lambda request: WireAnswer(status, taken) if request.method == "POST" else moyasar(request)
    assert create(client, order(payment_token="token_sample")).provider_reference == first.provider_reference


@pytest.mark.parametrize("status", [401, 404, 500, 200])
def test_a_refusal_of_which_nothing_more_can_be_learned_leaves_it_in_doubt(
    client: WireClient, server: WireServer, status: int
) -> None:
    """The id may be taken by the payment that was made: another gateway may not be asked."""
    refused = WireAnswer(400, {"type": "invalid_request_error", "message": "given_id has already been taken"})
    server.answer = lambda request: refused if request.method == "POST" else WireAnswer(status, {})
    with pytest.raises(Rejected if status == 404 else IntegrationError) as failure:
        create(client, order(payment_token="token_sample"))
    assert may_have_taken_effect(failure.value) == (status != 404)


@pytest.mark.parametrize(("amount", "currency"), [("0.99", "SAR"), ("0.099", "KWD"), ("99", "JPY")])
@pytest.mark.parametrize("token", ["", "token_sample"])
def test_less_than_moyasar_takes_is_refused_before_it_is_sent(
    client: WireClient, server: WireServer, amount: str, currency: str, token: str
) -> None:
    with pytest.raises(InvalidRequest, match="at least") as refused:
        create(client, order(amount, currency, payment_token=token))
    assert refused.value.field == "amount"
    assert not server.requests


def test_another_refusal_stays_one(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected, match="token: is invalid"):
        create(client, order(payment_token="pm_of_another"))
    assert [call.method for call in server.requests] == ["POST", "GET"]


def test_what_was_made_without_our_hearing_of_it_is_found(client: WireClient) -> None:
    by_page, by_token = order(payment_id="lost"), order(payment_token="token_sample")
    for request in (by_page, by_token):
        assert Moyasar().find_payment(client, request, idempotency_key="key-1") is None
        made = create(client, request)
        found = Moyasar().find_payment(client, request, idempotency_key="key-1")
        assert found
        assert (found.provider_reference, found.status) == (made.provider_reference, made.status)


def test_a_list_that_was_not_filtered_proves_nothing(client: WireClient, server: WireServer) -> None:
    page = {"invoices": [{"id": "another", "metadata": None}], "meta": {"next_page": 2}}
    server.answer = lambda request: WireAnswer(200, page)
    with pytest.raises(InvalidResponse):
        Moyasar().find_payment(client, order(payment_id="lost"), idempotency_key="key")


@pytest.mark.parametrize(
    ("amount", "currency", "units"), [("12.50", "SAR", 1250), ("1.5", "KWD", 1500), ("500", "JPY", 500)]
)
def test_money_is_counted_in_the_smallest_unit(
    client: WireClient, server: WireServer, amount: str, currency: str, units: int
) -> None:
    result = create(client, order(amount, currency))
    assert server.requests[0].json()["amount"] == units
    assert (result.amount, result.currency) == (Decimal(amount), currency)


def test_an_amount_that_would_be_rounded_is_refused_before_it_is_sent(client: WireClient, server: WireServer) -> None:
    for amount, currency in (("1.234", "SAR"), ("1.5", "JPY")):
        with pytest.raises(InvalidRequest):
            create(client, order(amount, currency))
    assert not server.requests


def test_the_page_ends_leads_back_to_us_and_carries_our_id(client: WireClient, server: WireServer) -> None:
    create(client, order(metadata={"tailor": "7"}, webhook_url="https://hub.example/hooks", description="Abaya"))
    body = server.requests[0].json()
    assert (body["success_url"], body["back_url"]) == (ORDER["success_url"], ORDER["cancel_url"])
    assert body["metadata"] == {"tailor": "7", "reference": "order-1", "payment_id": "ours"}
    assert body["expired_at"].endswith("Z")
    assert body["description"] == "Abaya"
    assert "callback_url" not in body


@pytest.mark.parametrize("metadata", [{f"k{n}": "v" for n in range(29)}, {"k" * 41: "v"}, {"k": "v" * 501}])
def test_metadata_that_moyasar_would_refuse_is_refused_here(
    client: WireClient, server: WireServer, metadata: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(client, order(metadata=metadata))
    assert refused.value.field == "metadata"
    assert not server.requests


@pytest.mark.parametrize(
    ("paid", "status"), [("paid", "captured"), ("failed", "failed"), ("initiated", "requires_action")]
)
def test_a_token_pays_at_once_or_wants_the_payer_once_more(
    client: WireClient, wire: MoyasarWire, paid: str, status: str
) -> None:
    wire.token_status = paid
    result = create(client, order(payment_token="token_sample"))
    assert result.status == status
    assert bool(result.redirect_url) == (status == "requires_action")
    reason = ("51", "INSUFFICIENT FUNDS") if status == "failed" else ("", "")
    assert (result.failure_code, result.failure_message) == reason


def test_a_card_s_token_is_kept_out_of_what_is_kept(client: WireClient, wire: MoyasarWire) -> None:
    wire.attempt(OPEN_ID, "paid")
    for reference in (PAYMENT, OPEN):
        assert "token_again" not in json.dumps(get(client, reference).raw)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initiated", "requires_action"),
        ("paid", "captured"),
        ("authorized", "authorised"),
        ("captured", "captured"),
        ("refunded", "captured"),
        ("failed", "failed"),
        ("voided", "cancelled"),
        ("verified", "pending"),
        ("invented", "pending"),
    ],
)
def test_each_status_of_a_payment_is_ours(client: WireClient, wire: MoyasarWire, word: str, status: str) -> None:
    wire.payments[PAID_ID].update(status=word, captured=1250 if word == "captured" else 0)
    seen = get(client, PAYMENT)
    assert seen.status == status
    assert bool(seen.amount_captured) == (status == "captured")
    assert (seen.fee is None) == (status != "captured")


def test_what_was_captured_and_then_voided_has_gone_back(client: WireClient, wire: MoyasarWire) -> None:
    wire.payments[HELD_ID].update(status="voided", captured=1000)
    seen = get(client, AUTHORISED)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == ("refunded", "10.00", "10.00")


def test_a_payment_that_stands_says_more_of_an_invoice_than_one_that_was_given_back(
    client: WireClient, wire: MoyasarWire
) -> None:
    wire.attempt(OPEN_ID, "refunded").update(refunded=1250)
    wire.attempt(OPEN_ID, "paid")
    seen = get(client, OPEN)
    assert (seen.status, str(seen.amount_captured), str(seen.amount_refunded)) == ("captured", "12.50", "0.00")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initiated", "requires_action"),
        ("failed", "failed"),
        ("canceled", "cancelled"),
        ("expired", "cancelled"),
        ("voided", "cancelled"),
        ("on_hold", "pending"),
        ("invented", "pending"),
    ],
)
def test_each_status_of_an_unpaid_invoice_is_ours(
    client: WireClient, wire: MoyasarWire, word: str, status: str
) -> None:
    wire.attempt(OPEN_ID, "failed", message="DECLINED")
    wire.invoices[OPEN_ID]["status"] = word
    seen = get(client, OPEN)
    assert (seen.status, bool(seen.redirect_url)) == (status, status == "requires_action")
    assert seen.failure_message == ("DECLINED" if status == "failed" else "")


def test_a_paid_invoice_without_a_payment_is_not_guessed_at(client: WireClient, wire: MoyasarWire) -> None:
    wire.invoices[OPEN_ID]["status"] = "paid"
    with pytest.raises(InvalidResponse, match="no payment"):
        get(client, OPEN)


@pytest.mark.parametrize(
    ("source", "method"),
    [
        ({"type": "creditcard", "company": "visa"}, "card"),
        ({"type": "creditcard", "company": "mada"}, "mada"),
        ({"type": "applepay", "company": "mada"}, "apple_pay"),
        ({"type": "stcpay"}, "stc_pay"),
        ({"type": "invented"}, ""),
    ],
)
def test_the_way_that_was_paid_is_told(
    client: WireClient, wire: MoyasarWire, source: dict[str, str], method: str
) -> None:
    wire.payments[PAID_ID]["source"] = source
    assert get(client, PAYMENT).method == method


def test_an_invoice_that_nobody_paid_is_cancelled(client: WireClient) -> None:
    void = Moyasar().void_payment(client, OPEN, idempotency_key="key")
    assert (void.provider_reference, void.status) == (OPEN, "cancelled")


def test_an_invoice_that_was_paid_meanwhile_is_not_voided(client: WireClient, wire: MoyasarWire) -> None:
    wire.attempt(OPEN_ID, "paid")
    with pytest.raises(Conflict, match="captured"):
        Moyasar().void_payment(client, OPEN, idempotency_key="key")
    assert get(client, OPEN).status == PaymentStatus.CAPTURED


def test_what_nobody_paid_is_not_refunded(client: WireClient, server: WireServer) -> None:
    with pytest.raises(InvalidRequest):
        refund(client, OPEN, "1.00")
    assert all(call.method == "GET" for call in server.requests)


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
def test_an_answer_that_does_not_show_what_was_asked_for_is_an_invalid_response(
    client: WireClient, server: WireServer, wire: MoyasarWire, operation: str
) -> None:
    unchanged = dict(wire.payments[PAID_ID if operation == "refund" else HELD_ID])
    server.answer = lambda request: WireAnswer(200, unchanged)
    some: dict[str, Any] = {"amount": Decimal("1.00"), "currency": "SAR"} if operation != "void" else {}
    with pytest.raises(InvalidResponse):
        getattr(Moyasar(), f"{operation}_payment")(client, AUTHORISED, idempotency_key="key", **some)


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
@pytest.mark.parametrize("reference", [AUTHORISED, OPEN])
def test_a_change_whose_first_question_is_answered_oddly_was_never_asked_for(
    client: WireClient, server: WireServer, operation: str, reference: str
) -> None:
    server.answer = lambda request: WireAnswer(200, b"<html>" if request.method == "GET" else {})
    some: dict[str, Any] = {"amount": Decimal("1.00"), "currency": "SAR"} if operation != "void" else {}
    with pytest.raises(Unavailable) as failure:
        getattr(Moyasar(), f"{operation}_payment")(client, reference, idempotency_key="key", **some)
    assert not failure.value.may_have_taken_effect
    assert {request.method for request in server.requests} == {"GET"}


PLAIN = {"id": PAID_ID, "status": "paid", "amount": 1250, "currency": "SAR", "refunded": 0, "captured": 0}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**PLAIN, "id": None},
        {**PLAIN, "amount": "1250"},
        {**PLAIN, "amount": 12.5},
        {**PLAIN, "amount": -1},
        {**PLAIN, "currency": "ZZZ"},
        {**PLAIN, "status": ["paid"]},
        {**PLAIN, "refunded": "all"},
        {**PLAIN, "payments": 7},
        [],
        b"<html>",
    ],
)
def test_an_answer_that_moyasar_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    server.answer = lambda request: WireAnswer(200, body)
    reference = OPEN if isinstance(body, dict) and "payments" in body else PAYMENT
    with pytest.raises(InvalidResponse):
        get(client, reference)


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        get(client, "invoice_../payments?x=")
    assert server.requests[0].path == "/invoices/..%2Fpayments%3Fx%3D"


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


def test_an_event_names_the_invoice_or_the_payment_and_leaves_the_state_to_be_asked_for() -> None:
    (by_token,) = Moyasar().parse_events(event("payment_paid"), {})
    assert (by_token.subject, by_token.payment, by_token.payment_id) == (
        "payment_aaaaaaaa-0000-4000-8000-000000000001", None, OURS,
    )  # fmt: skip
    (by_page,) = Moyasar().parse_events(event("payment_paid__of_an_invoice"), {})
    assert by_page.subject == "invoice_bbbbbbbb-0000-4000-8000-000000000001"
    assert by_page.occurred_at


def test_the_token_in_the_body_is_the_proof() -> None:
    """The form is that of the webhook reference; nothing is computed of it."""
    body = (EVENTS / "payment_paid.json").read_bytes()
    Moyasar.signature.verify(InboundRequest(body, {}, 0), ["sample-not-a-secret"])
    for other in (body.replace(b"sample-not-a-secret", b"another"), body.replace(b"secret_token", b"secret")):
        with pytest.raises(SignatureRefused):
            Moyasar.signature.verify(InboundRequest(other, {}, 0), ["sample-not-a-secret"])


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    good = {"amount": 1250, "currency": "SAR", "description": "x", "expired_at": "2026-11-20T10:00:00Z"}
    client.post("/invoices", json=good)
    for bad in ({"amount": 12.5}, {"amount": "1250"}, {"currency": "sar"}, {"fils": 1}, {"expired_at": "2026-11-20"}):
        with pytest.raises(Rejected):
            client.post("/invoices", json={**good, **bad})
