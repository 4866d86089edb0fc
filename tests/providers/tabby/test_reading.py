"""How what Tabby answers is read: ends, and answers that it does not document."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import InvalidResponse, Rejected
from integrations.providers.results import PaymentStatus
from tests.providers.tabby.wire import TabbyWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import TABBY, S, capture, create, order, paid, refund


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
