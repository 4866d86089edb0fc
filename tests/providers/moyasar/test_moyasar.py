"""What is Moyasar's own: invoices and the payments tried on them, tokens that pay once, and what is given back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from integrations.answers import may_have_taken_effect
from integrations.errors import Conflict, IntegrationError, InvalidRequest, InvalidResponse, Rejected, Unavailable
from integrations.providers.payment.moyasar import Moyasar
from integrations.providers.results import PaymentResult, PaymentStatus
from tests.providers.moyasar.wire import AUTHORISED, OPEN, OPEN_ID, MoyasarWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import create, get, order, refund


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


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        get(client, "invoice_../payments?x=")
    assert server.requests[0].path == "/invoices/..%2Fpayments%3Fx%3D"
