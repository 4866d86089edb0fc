"""Telr's transaction advice: what it tells, and how it is proven."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from integrations.errors import (
    SignatureRefused,
    UnreadablePayload,
)
from integrations.providers.signatures import InboundRequest
from tests.providers.telr.wire import (
    KEY,
    STORE,
    TelrGateway,
)
from tests.providers.wire_client import WireClient

from .calls import OURS, gateway

EVENTS = Path(__file__).parent / "events"


def advice(name: str, **changes: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return {**payload, **changes}


def test_advice_names_our_payment_and_tells_no_state() -> None:
    (sale,) = gateway.parse_events(advice("sale.A"), {})
    (with_order,) = gateway.parse_events(advice("sale.A__with_the_order"), {})
    (again,) = gateway.parse_events(advice("sale.A", tran_cartid=f"{OURS}-2"), {})

    assert (sale.type, sale.subject, sale.payment_id) == ("payment.succeeded", "030026793329", OURS)
    assert with_order.subject == "B00000000000000000000000000000000000002"
    assert again.payment_id == OURS
    assert (sale.payment, with_order.payment) == (None, None)


def test_a_payment_that_is_let_through_is_another_event_than_when_it_was_held() -> None:
    held, passed = (gateway.identify_event(advice("sale.A", tran_status=letter), {}) for letter in "HA")
    assert held.event_id != passed.event_id
    assert held.subject == passed.subject


def test_a_type_is_read_however_it_is_written() -> None:
    (event,) = gateway.parse_events(advice("refund_reversal.A", tran_type="  Refund Reversal ", tran_status="a"), {})
    assert event.type == "payment.refund_failed"


@pytest.mark.parametrize("field", ["tran_ref", "tran_type", "tran_status"])
@pytest.mark.parametrize("value", ["", " ", None, ["A", "D"]])
def test_advice_that_misses_what_it_needs_is_unreadable(field: str, value: Any) -> None:
    with pytest.raises(UnreadablePayload):
        gateway.identify_event(advice("sale.A", **{field: value}), {})


SIGNED = [
    "tran_store", "tran_type", "tran_class", "tran_test", "tran_ref", "tran_prevref", "tran_firstref", "tran_currency",
    "tran_amount", "tran_cartid", "tran_desc", "tran_status", "tran_authcode", "tran_authmessage",
]  # fmt: skip


@pytest.mark.parametrize("name", ["sale.A", "sale.A__with_the_order", "refund.A"])
def test_advice_is_proven_by_the_documented_digest(name: str) -> None:
    """Telr's recipe, spelled out: the secret and the values, joined by colons, SHA-1."""
    payload = advice(name)
    fields = [*SIGNED[:7], "tran_order", *SIGNED[7:]] if "tran_order" in payload else SIGNED
    recipe = ":".join(["sample-not-a-secret", *(payload[name].strip() for name in fields)])
    digest = hashlib.sha1(recipe.encode(), usedforsecurity=False).hexdigest()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert gateway.signature

    for check, is_good in ((digest, True), (digest[::-1], False)):
        body = urlencode({**payload, "tran_check": check}).encode()
        request = InboundRequest(body, headers, time.time())
        if is_good:
            gateway.signature.verify(request, ["sample-not-a-secret"])
        else:
            with pytest.raises(SignatureRefused):
                gateway.signature.verify(request, ["sample-not-a-secret"])


def test_the_wire_fake_is_strict(client: WireClient, telr: TelrGateway) -> None:
    """Otherwise what is proven by it proves nothing."""
    cart = {"cartid": "1", "test": "1", "amount": "12.50", "currency": "AED", "description": "x", "trantype": "sale"}
    back = {"authorised": "https://a.example", "declined": "https://a.example", "cancelled": "https://a.example"}
    good: dict[str, Any] = {"method": "create", "store": int(STORE), "authkey": KEY, "order": cart, "return": back}
    assert "order" in client.post("/gateway/order.json", json=good).json()
    bad: list[dict[str, Any]] = [
        {"store": STORE},
        {"authkey": "another"},
        {"invented": 1},
        {"return": {"authorised": "https://a.example"}},
        {"order": {**cart, "cartid": "2", "amount": "12.5"}},
        {"order": {**cart, "cartid": "2", "amount": 12.5}},
        {"order": {**cart, "cartid": "2", "currency": "KWD"}},
        {"order": {**cart, "cartid": "2", "description": "عباية"}},
        {"order": cart},
        {"framed": "no"},
        {"language": "xx"},
        {"return": {**back, "declined": "/declined"}},
        {"customer": {"name": "Test Payer"}},
        {"customer": {"name": {"forenames": "سارة"}}},
        {"customer": {"phone": "٠٥٠١٢٣٤٥٦٧"}},
        {"customer": {"email": "payer"}},
        {"customer": {"address": {"street": "Street 1"}}},
        {"customer": {"address": {"country": "UAE"}}},
    ]
    for number, change in enumerate(bad):
        change.setdefault("order", {**cart, "cartid": f"bad-{number}"})
        assert "error" in client.post("/gateway/order.json", json={**good, **change}).json(), change
