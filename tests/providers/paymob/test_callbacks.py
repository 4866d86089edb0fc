"""Paymob's callbacks: what they tell, and how they are signed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    AuthenticationFailed,
    Rejected,
    SignatureRefused,
    UnreadablePayload,
)
from integrations.providers.payment.paymob import Paymob
from integrations.providers.signatures import InboundRequest
from tests.providers.wire_client import WireClient

EVENTS = Path(__file__).parent / "events"


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


@pytest.mark.parametrize("path", sorted(EVENTS.glob("TRANSACTION.*.json")), ids=lambda path: path.stem)
def test_no_callback_moves_money_by_itself_and_each_names_our_payment(path: Path) -> None:
    (said,) = Paymob().parse_events(json.loads(path.read_bytes()), {})
    assert said.payment is None
    if said.type != "unknown":
        assert said.payment_id == said.subject
        assert said.subject.startswith("01980000-0000-7000-8000-00000000000")


def test_a_payment_s_next_state_is_another_event() -> None:
    names = ("TRANSACTION.paid", "TRANSACTION.refunded__parent_in_part", "TRANSACTION.refunded__parent")
    seen = {Paymob().identify_event(event(name), {}).event_id for name in names}
    assert len(seen) == 3
    assert len({event(name)["obj"]["id"] for name in names}) == 1


def test_a_time_without_a_zone_is_none() -> None:
    payload = event("TRANSACTION.paid")
    assert Paymob().identify_event(payload, {}).occurred_at is None
    payload["obj"]["created_at"] = "2026-11-26T10:00:00+04:00"
    assert Paymob().identify_event(payload, {}).occurred_at


def test_a_payment_that_is_none_of_ours_has_no_subject() -> None:
    payload = event("TRANSACTION.paid")
    payload["obj"]["order"]["merchant_order_id"] = None
    assert Paymob().identify_event(payload, {}).subject == ""


def test_contradicting_flags_are_unreadable() -> None:
    payload = event("TRANSACTION.paid")
    payload["obj"]["error_occured"] = True
    with pytest.raises(UnreadablePayload):
        Paymob().identify_event(payload, {})


# farapi/paymob-emulator: packages/test-fixtures/transaction-success.json and transaction-decline.json
GOLDEN = {
    "amount_cents": 10000,
    "created_at": "2026-08-14T12:00:00.000000",
    "currency": "EGP",
    "error_occured": False,
    "has_parent_transaction": False,
    "id": 900001,
    "integration_id": 1001,
    "is_3d_secure": False,
    "is_auth": False,
    "is_capture": False,
    "is_refunded": False,
    "is_standalone_payment": True,
    "is_voided": False,
    "order": {"id": 700001},
    "owner": 500001,
    "pending": False,
    "source_data": {"pan": "0010", "sub_type": "Visa", "type": "card"},
    "success": True,
}


SUCCESS = (
    "033e0bca25918ecf037674c6f9e3ed1c11ba969f16b647f39cf0c404bdcf6db7"
    "67e0fbe9dc8a523cbc8d19e459c3843222d167201f4705657002eb3671f2619b"
)


DECLINE = (
    "3a2ddb6a531a6e457b0ad2a8bb0d535fc87ffc97d9f8180b3037a2635c0ce380"
    "a77c8d4f9cd2840374ffd3e4c1103a75ff293b28b3643caaaf9a6f6891fb1ddc"
)


def callback(obj: dict[str, Any], hmac: str, kind: str = "TRANSACTION") -> InboundRequest:
    body = json.dumps({"type": kind, "obj": obj}).encode()
    return InboundRequest(body, {"content-type": "application/json"}, 0, url=f"https://hub.example/1/?hmac={hmac}")


def test_the_signature_is_that_of_a_public_fixture() -> None:
    assert Paymob.signature.trust == "shared_secret"
    Paymob.signature.verify(callback(GOLDEN, SUCCESS), ["sim_hmac_secret"])
    declined = {**GOLDEN, "success": False, "error_occured": True}
    Paymob.signature.verify(callback(declined, DECLINE), ["sim_hmac_secret"])
    for refused in (
        callback(GOLDEN, DECLINE),
        callback({**GOLDEN, "amount_cents": 1}, SUCCESS),
        callback({**GOLDEN, "order": {"id": 7}}, SUCCESS),
        callback(GOLDEN, ""),
        replace(callback(GOLDEN, SUCCESS), body=b"{}"),
    ):
        with pytest.raises(SignatureRefused):
            Paymob.signature.verify(refused, ["sim_hmac_secret"])


def test_a_card_that_was_kept_is_signed_by_its_own_fields() -> None:
    bare = replace(callback(event("TOKEN")["obj"], "", "TOKEN"), url="https://hub.example/1/")
    of_card = Paymob.signature.schemes[1]
    Paymob.signature.verify(of_card.sign_request(bare, "key", event_id="", timestamp=0), ["key"])


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    """Otherwise what is proven by it proves nothing."""
    billing = dict.fromkeys(
        ("first_name", "last_name", "email", "phone_number", "street", "city", "state", "country", "postal_code"), "NA"
    )
    good = {"amount": 1250, "currency": "AED", "payment_methods": [1001], "billing_data": billing}
    client.post("/v1/intention/", json={**good, "special_reference": "1"})
    for bad in (
        {"amount": Decimal("12.50")},
        {"amount": "1250"},
        {"currency": "KWD"},
        {"payment_methods": []},
        {"payment_methods": ["card"]},
        {"payment_methods": [1001, 1003]},
        {"items": [{"name": "x", "amount": 1249, "quantity": 1}]},
        {"billing_data": {}},
        {"expiration": 10},
        {"order": 1},
    ):
        with pytest.raises(Rejected):
            client.post("/v1/intention/", json={**good, "special_reference": "2", **bad})
    with pytest.raises(AuthenticationFailed):
        client.post("/api/ecommerce/orders/transaction_inquiry", json={"merchant_order_id": "1"})
