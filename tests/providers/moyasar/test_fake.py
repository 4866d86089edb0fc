"""The fake is strict: otherwise what is proven by it proves nothing."""

from __future__ import annotations

import pytest

from integrations.errors import Rejected
from tests.providers.wire_client import WireClient


def test_the_wire_fake_is_strict(client: WireClient) -> None:
    good = {"amount": 1250, "currency": "SAR", "description": "x", "expired_at": "2026-11-20T10:00:00Z"}
    client.post("/invoices", json=good)
    for bad in ({"amount": 12.5}, {"amount": "1250"}, {"currency": "sar"}, {"fils": 1}, {"expired_at": "2026-11-20"}):
        with pytest.raises(Rejected):
            client.post("/invoices", json={**good, **bad})
