"""PayPal's answers as they are read, odd ones too."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import AuthenticationFailed, InvalidResponse, Rejected
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireServer

from .calls import PAYPAL, authorised, create, look, refund, take
from .wire import BAD_CREDENTIALS, PayPalWire


def usd(value: str) -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


def document(status: str, *, intent: str = "CAPTURE", **parts: Any) -> dict[str, Any]:
    unit = {"amount": usd("12.50"), "payments": parts}
    return {
        "id": "ORDER1",
        "intent": intent,
        "status": status,
        "purchase_units": [unit],
        "payment_source": {"card": {}},
    }


def part(status: str, value: str = "12.50", key: str = "PART1", **more: Any) -> dict[str, Any]:
    return {"id": key, "status": status, "amount": usd(value), **more}


@pytest.mark.parametrize(
    ("found", "status", "captured", "refunded"),
    [
        (document("CREATED"), "requires_action", "0", "0"),
        (document("SAVED"), "requires_action", "0", "0"),
        (document("PAYER_ACTION_REQUIRED"), "requires_action", "0", "0"),
        (document("APPROVED"), "pending", "0", "0"),
        (document("VOIDED"), "cancelled", "0", "0"),
        (document("COMPLETED", captures=[part("COMPLETED")]), "captured", "12.50", "0"),
        (document("COMPLETED", captures=[part("PENDING")]), "pending", "0", "0"),
        (document("COMPLETED", captures=[part("DECLINED")]), "failed", "0", "0"),
        (document("COMPLETED", captures=[part("FAILED")]), "failed", "0", "0"),
        (document("COMPLETED", captures=[part("FAILED"), part("COMPLETED", "5.00")]), "captured", "5.00", "0"),
        (document("COMPLETED", captures=[part("PARTIALLY_REFUNDED")], refunds=[part("COMPLETED", "5.00")]),
         "partially_refunded", "12.50", "5.00"),
        (document("COMPLETED", captures=[part("PARTIALLY_REFUNDED")], refunds=[part("FAILED", "5.00")]),
         "captured", "12.50", "0"),
        (document("COMPLETED", captures=[part("REFUNDED")], refunds=[part("COMPLETED")]), "refunded", "12.50", "12.50"),
        (document("COMPLETED", captures=[part("REFUNDED")]), "refunded", "12.50", "12.50"),
        (document("COMPLETED", captures=[part("REFUNDED")], refunds=[part("PENDING")]), "captured", "12.50", "0"),
        (document("COMPLETED", captures=[part("PENDING", status_details={"reason": "BUYER_COMPLAINT"})]),
         "disputed", "12.50", "0"),
        (document("COMPLETED", authorizations=[part("CREATED")]), "authorised", "0", "0"),
        (document("COMPLETED", authorizations=[part("PENDING")]), "pending", "0", "0"),
        (document("COMPLETED", authorizations=[part("DENIED")]), "failed", "0", "0"),
        (document("COMPLETED", authorizations=[part("VOIDED")]), "cancelled", "0", "0"),
        (document("COMPLETED", authorizations=[part("EXPIRED")]), "cancelled", "0", "0"),
        (document("COMPLETED", authorizations=[part("CAPTURED")], captures=[part("COMPLETED")]),
         "captured", "12.50", "0"),
        (document("COMPLETED", authorizations=[part("CAPTURED")], captures=[part("PENDING")]), "pending", "0", "0"),
        (document("COMPLETED", authorizations=[part("VOIDED"), part("CREATED", key="PART2")]), "authorised", "0", "0"),
    ],
)  # fmt: skip
def test_a_payment_s_status_is_that_of_what_is_in_its_order(
    client: WireClient, server: WireServer, found: dict[str, Any], status: str, captured: str, refunded: str
) -> None:
    serve(server, found)
    result = look(client, "ORDER1")

    assert (result.status, result.method) == (status, "card")
    assert (result.amount_captured, result.amount_refunded) == (Decimal(captured), Decimal(refunded))
    assert result.awaits_completion == (found["status"] == "APPROVED")


def serve(server: WireServer, body: Any) -> None:
    """Every look finds `body`."""
    before = server.answer
    server.answer = lambda request: WireAnswer(200, body) if request.method == "GET" else before(request)


@pytest.mark.parametrize(
    "body",
    [
        {},
        document("INVENTED"),
        document("COMPLETED"),
        document("COMPLETED", captures=[part("INVENTED")]),
        document("COMPLETED", captures=["text"]),
        document("COMPLETED", captures=[{"status": "COMPLETED", "amount": usd("1.00")}]),
        document("COMPLETED", captures=[{**part("COMPLETED"), "amount": {"currency_code": "EUR", "value": "1.00"}}]),
        document("COMPLETED", authorizations=[part("INVENTED")]),
        {**document("CREATED"), "purchase_units": []},
        {**document("CREATED"), "purchase_units": [{"amount": {"currency_code": "USD", "value": 12.5}}]},
        {**document("CREATED"), "purchase_units": [{"amount": usd("-12.50")}]},
        [],
        b"<html>Bad gateway</html>",
    ],
)
def test_an_order_that_paypal_does_not_document_is_an_invalid_response(
    client: WireClient, server: WireServer, body: Any
) -> None:
    serve(server, body)
    with pytest.raises(InvalidResponse):
        look(client, "ORDER1")


@pytest.mark.parametrize("body", [{}, {"id": "X"}, {"id": 7, "status": "COMPLETED"}, part("INVENTED")])
def test_an_odd_answer_to_a_change_is_an_invalid_response(client: WireClient, wire: PayPalWire, body: Any) -> None:
    reference = authorised(client, wire)
    wire.override = lambda request: (
        WireAnswer(201, body) if request.method == "POST" and "/payments/" in request.path else None
    )
    with pytest.raises(InvalidResponse):
        take(client, reference, "5.00")
    with pytest.raises(InvalidResponse):
        PAYPAL.void_payment(client, reference, idempotency_key="v")
    wire.override = lambda request: None
    take(client, reference, "5.00")
    wire.override = lambda request: WireAnswer(201, body) if request.path.endswith("/refund") else None
    with pytest.raises(InvalidResponse):
        refund(client, reference, "5.00")


def test_an_order_without_a_page_is_an_invalid_response(client: WireClient, wire: PayPalWire) -> None:
    wire.override = lambda request: WireAnswer(201, document("CREATED")) if request.path.endswith("/orders") else None
    with pytest.raises(InvalidResponse, match="no page"):
        create(client)


def test_wrong_credentials_are_refused_as_such(server: WireServer) -> None:
    stranger = WireClient(PAYPAL, server.url, BAD_CREDENTIALS)
    with pytest.raises(AuthenticationFailed):
        create(stranger)


def test_a_reference_cannot_lead_to_another_address(client: WireClient, server: WireServer) -> None:
    with pytest.raises(Rejected):
        look(client, "../../../v1/oauth2/token?x=")
    assert server.requests[-1].path == "/v2/checkout/orders/..%2F..%2F..%2Fv1%2Foauth2%2Ftoken%3Fx%3D"


def test_a_refusal_is_read_by_its_issue() -> None:
    refusal = {"name": "UNPROCESSABLE_ENTITY", "message": "m", "details": [{"issue": "X", "description": "d"}]}
    assert PAYPAL.error_details(refusal) == ("X", "d")
    assert PAYPAL.error_details({**refusal, "details": "text"}) == ("UNPROCESSABLE_ENTITY", "m")
    oauth = {"error": "invalid_client", "error_description": "Client Authentication failed"}
    assert PAYPAL.error_details(oauth) == ("invalid_client", "Client Authentication failed")
