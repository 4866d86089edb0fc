"""Tamara's answers as they are read, and an order found again."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import InvalidResponse, Rejected
from integrations.providers.results import PaymentRequest, PaymentResult, PaymentStatus
from tests.providers.tamara.wire import TamaraWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import TAMARA, S, approved, create, order, refund


@pytest.mark.parametrize(
    ("status", "captured", "refunded", "read"),
    [
        ("new", "0", "0", S.REQUIRES_ACTION),
        ("on_hold", "0", "0", S.PENDING),
        ("authorised", "0", "0", S.AUTHORISED),
        ("updated", "0", "0", S.AUTHORISED),
        ("partially_captured", "5.00", "0", S.CAPTURED),
        ("fully_captured", "12.50", "0", S.CAPTURED),
        ("partially_refunded", "12.50", "5.00", S.PARTIALLY_REFUNDED),
        ("fully_refunded", "12.50", "12.50", S.REFUNDED),
        ("fully_refunded", "5.00", "5.00", S.REFUNDED),
        ("declined", "0", "0", S.FAILED),
        ("canceled", "0", "0", S.CANCELLED),
        ("expired", "0", "0", S.CANCELLED),
    ],
)
def test_each_status_is_read(
    client: WireClient, wire: TamaraWire, status: str, captured: str, refunded: str, read: PaymentStatus
) -> None:
    key = create(client, order(capture=False)).provider_reference
    wire.orders[key] |= {"status": status, "captured": Decimal(captured), "refunded": Decimal(refunded)}

    seen = TAMARA.get_payment(client, key)
    assert (seen.status, seen.amount_captured, seen.amount_refunded) == (read, Decimal(captured), Decimal(refunded))


@pytest.mark.parametrize(
    "damage",
    [
        {"status": "mysterious"},
        {"status": "fully_captured"},
        {"status": ["approved"]},
        {"total_amount": {"amount": "much", "currency": "AED"}},
        {"total_amount": {"amount": True, "currency": "AED"}},
        {"total_amount": {"amount": 12.505, "currency": "AED"}},
        {"total_amount": None},
        {"captured_amount": {"amount": 1, "currency": "SAR"}},
        {"captured_amount": {"amount": -1, "currency": "AED"}},
        {"order_id": None},
    ],
    ids=str,
)
def test_an_order_that_tamara_does_not_document_is_never_read_as_paid(
    client: WireClient, wire: TamaraWire, damage: dict[str, Any]
) -> None:
    key = create(client, order(capture=False)).provider_reference
    odd = {**json.loads(json.dumps(TAMARA.get_payment(client, key).raw, default=float)), **damage}
    with WireServer(lambda request: WireAnswer(200, odd)) as other, pytest.raises(InvalidResponse):
        TAMARA.get_payment(replace(client, base_url=other.url), key)


@pytest.mark.parametrize(
    "odd",
    [{}, {"order_id": "1", "status": "new"}, {"order_id": "1", "checkout_url": "https://c", "status": "odd"}],
    ids=str,
)
def test_a_checkout_or_refund_that_tamara_does_not_document_is_in_doubt(
    client: WireClient, odd: dict[str, Any]
) -> None:
    with WireServer(lambda request: WireAnswer(200, odd)) as other:
        elsewhere = replace(client, base_url=other.url)
        with pytest.raises(InvalidResponse):
            create(elsewhere, order())
        with pytest.raises(InvalidResponse):
            refund(elsewhere, "key", "1.00")


def find(client: WireClient, request: PaymentRequest) -> PaymentResult | None:
    return TAMARA.find_payment(client, request, idempotency_key="key-create")


def test_an_order_is_found_by_our_reference(client: WireClient, wire: TamaraWire) -> None:
    assert find(client, order()) is None

    key = approved(client, wire)
    found = find(client, order())
    assert found is not None
    assert (found.provider_reference, found.status, found.awaits_completion) == (key, S.PENDING, True)


def test_a_new_order_whose_page_nobody_knows_gets_another(client: WireClient, wire: TamaraWire) -> None:
    lost = create(client, order()).provider_reference
    found = find(client, order())

    assert found is not None
    assert found.provider_reference != lost
    assert found.redirect_url


def test_a_new_order_is_found_as_it_is_where_tamara_makes_no_other(client: WireClient, wire: TamaraWire) -> None:
    lost = create(client, order()).provider_reference

    def refuses(request: WireRequest) -> WireAnswer:
        refusal = {"message": "Duplicate.", "errors": [{"error_code": "duplicate"}]}
        return WireAnswer(400, refusal) if request.path == "/checkout" else wire.answer(request)

    with WireServer(refuses) as other:
        found = find(replace(client, base_url=other.url), order())
    assert found is not None
    assert (found.provider_reference, found.status, found.redirect_url) == (lost, S.REQUIRES_ACTION, "")


def test_a_search_that_is_refused_is_no_absence(client: WireClient) -> None:
    refusal = WireAnswer(400, {"message": "No.", "errors": []})
    with WireServer(lambda request: refusal) as other, pytest.raises(Rejected):
        find(replace(client, base_url=other.url), order())


def test_a_refusal_is_quoted_with_its_first_code() -> None:
    body = {
        "message": "Validation failed.",
        "errors": [{"error_code": "total_amount_invalid", "description": "It does not add up."}, "odd"],
    }
    assert TAMARA.error_details(body) == ("total_amount_invalid", "Validation failed. It does not add up.")
