"""The fake is strict: otherwise what is proven by it proves nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Rejected
from tests.providers.wire_client import WireClient


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    good: dict[str, Any] = {
        "amount": Decimal("12.50"), "currency": "AED", "customer_initiated": True, "threeDSecure": True,
        "customer": {"first_name": "X", "email": "x@example.com"}, "source": {"id": "src_all"},
        "redirect": {"url": "https://hub.example/"}, "reference": {"idempotent": "1"},
    }  # fmt: skip
    arabic = {"lang_code": "ar"}
    client.post("/charges", json=good, headers=arabic)
    for number, bad in enumerate(
        [
            {"source": {"id": "src_sa.mada"}},
            {"amount": 1250},
            {"amount": "12.50"},
            {"amount": Decimal("12.5")},
            {"fils": 1},
            {"source": {"id": "src_x"}},
        ]
    ):
        with pytest.raises(Rejected):
            client.post("/charges", json={**good, **bad, "reference": {"idempotent": f"bad-{number}"}}, headers=arabic)
    with pytest.raises(Rejected, match="key"):
        client.post("/charges", json={**good, "reference": {}}, headers=arabic)
