"""PayPal as a connection reaches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations.models import Payment
from tests.wire import WireServer

from .wire import PayPalWire

S = Payment.Status


@dataclass
class Far:
    """PayPal as this connection reaches it."""

    wire: PayPalWire
    server: WireServer

    @property
    def books(self) -> Any:
        return self.wire.books

    def keys(self, ending: str) -> list[str]:
        """The keys under which something was asked for."""
        asked = [sent for sent in self.server.requests if sent.method == "POST" and sent.path.endswith(ending)]
        return [sent.headers["paypal-request-id"] for sent in asked]


Create = Callable[..., Payment]


def told(name: str, payment: Payment, **resource: Any) -> dict[str, Any]:
    named = {"id": payment.provider_reference, "purchase_units": [{"custom_id": str(payment.pk)}]}
    return {
        "id": f"WH-{name}",
        "create_time": "2026-11-26T09:00:00Z",
        "event_type": name,
        "resource": resource or named,
    }
