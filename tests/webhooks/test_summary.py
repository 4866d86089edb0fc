"""An outline says what happened and shows nobody."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from integrations.personal_data import Kind, kind_of, mask_shapes
from webhooks.summary import MAX_CHARACTERS, MAX_DEPTH, MAX_ITEMS, MAX_VALUES, summary_of

from .stripe_sender import PAYLOADS

SHOWN = {
    ("email", "jane.doe@example.com"): "j***@example.com",
    ("customerEmail", "jane.doe@example.com"): "j***@example.com",
    ("merges[EMAIL]", "jane.doe@example.com"): "j***@example.com",
    ("name", "Jane Doe"): "J*** D***",
    ("FNAME", "Jane"): "J***",
    ("firstName", "منى"): "م***",
    ("ProfileName", "Jane"): "J***",
    ("phone", "+971 50 123 4567"): "+97***67",
    ("phone_number", 971501234567): "97***67",
    ("WaId", "971501234567"): "97***67",
    ("From", "whatsapp:+971501234567"): "+97***67",
    ("to", "jane.doe@example.com"): "j***@example.com",
    ("line1", "12 Marina Walk"): "1***",
    ("shippingAddress", "12 Marina Walk, Dubai"): "1***",
    ("postal_code", "12345"): "1***",
    ("latitude", 25.0772): "2***",
    ("iban", "AE070331234567890123456"): "AE***56",
    ("client_ip", "94.200.1.2"): "94***.2",
    ("date_of_birth", "1990-01-05"): "[hidden]",
    ("caption", "See you at 5"): "[12 characters]",
    ("customer_note", "ring twice"): "[10 characters]",
    ("api_key", "sk_test_sample"): "[redacted]",
    ("card_number", "4242424242424242"): "[redacted]",
    ("anything", "4242 4242 4242 4242 12/27"): "[redacted] 12/27",
    ("anything", 4242424242424242): "[redacted]",
    ("anything", "Bearer abcdefghijklmnop"): "Bearer [redacted]",
    ("anything", "AE07 0331 2345 6789 0123 456 please"): "AE***56 please",
    ("anything", "to jane.doe@example.com, +971501234567 or 050 123 4567"): (
        "to j***@example.com, +97***67 or 05***67"
    ),
    ("anything", "https://user:pass@pay.example.com/r/CAcaFwoVYWNjdF8xTTJKVGtM?s=1#a"): (
        "https://pay.example.com/r/…?…"
    ),
}  # fmt: skip
KEPT = {
    "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa", "amount": 1250, "total": "12.50", "currency": "AED", "status": "captured",
    "created": 1700000000, "at": "2026-01-05T10:00:00+04:00", "livemode": False, "nothing": None, "empty": "",
    "event_name": "order.created", "filename": "label.pdf", "country": "AE", "reference": "order-1",
    "type": "charge.captured", "tracking_number": "34567890123", "description": "Order 123, two shirts",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SHOWN)
def test_what_is_somebodys_is_masked(name: str, value: Any) -> None:
    assert summary_of({name: value}) == {name: SHOWN[name, value]}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_nobodys_stays(name: str) -> None:
    assert summary_of({name: KEPT[name]}) == {name: KEPT[name]}


def test_the_parts_of_a_name_an_address_or_a_number_are_masked_as_the_whole() -> None:
    payload = {
        "name": {"first": "Jane", "second": "Doe"},
        "address": {"country_code": "AE", "unit": "Flat 3", "lines": ["12 Marina Walk"]},
        "phones": [{"type": "mobile", "value": "0501234567"}],
        "line_items": [{"name": "Blue shirt"}],
        "error": {"message": "The card was declined."},
    }
    assert summary_of(payload) == {
        "name": {"first": "J***", "second": "D***"},
        "address": {"country_code": "AE", "unit": "F***", "lines": ["1***"]},
        "phones": [{"type": "mobile", "value": "05***67"}],
        "line_items": [{"name": "Blue shirt"}],
        "error": {"message": "The card was declined."},
    }


def test_what_is_wrapped_is_unwrapped_and_masked() -> None:
    inner = {"email": "jane.doe@example.com"}
    masked = {"email": "j***@example.com"}
    text = json.dumps(inner)
    encoded = base64.b64encode(text.encode()).decode()
    assert summary_of({"Message": text, "data": encoded}) == {"Message": masked, "data": masked}


def test_a_person_as_a_key_is_masked() -> None:
    assert summary_of({"jane.doe@example.com": "delivered"}) == {"j***@example.com": "delivered"}


def test_what_the_database_refuses_is_taken_out() -> None:
    odd = json.loads(r'{"a": "a\u0000b\ud800c", "\u0000k": 1e999, "n": NaN}')
    assert summary_of(odd) == {"a": "abc", "k": None, "n": None}


def test_an_outline_has_bounds() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    wide = [{str(number): list(range(100)) for number in range(100)} for _ in range(100)]
    assert json.dumps(summary_of({"deep": deep})).count("[") <= MAX_DEPTH + 1
    assert len(summary_of({"text": "é" * 10, "long": "x" * 9000})["long"]) == MAX_CHARACTERS + 1
    assert len(summary_of({"list": [1] * 900})["list"]) == MAX_ITEMS + 1
    assert len(json.dumps(summary_of(wide)).split(",")) < MAX_VALUES * 2
    assert summary_of("9" * 5000)[:3] == "999"
    assert len(str(summary_of({"n": int("9" * 4000)}))) < 60


@pytest.mark.parametrize("path", PAYLOADS[:20], ids=lambda path: path.stem)
def test_a_provider_s_event_keeps_its_shape(path: Any) -> None:
    payload = json.loads(path.read_bytes())
    assert summary_of(payload)["type"] == payload["type"]
    assert summary_of(payload).keys() == payload.keys()


def test_a_name_of_many_parts_is_looked_at_in_reasonable_time() -> None:
    assert mask_shapes("a@" * 5000 + "+" + "1 " * 5000 + "AE07" + "A" * 5000)
    assert kind_of("x" * 5000 + "_name") is Kind.NAME
