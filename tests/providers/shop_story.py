"""What a shop orders through a connection, and how the payment stands here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from integrations.models import Connection, Payment
from integrations.operations.payments import PaymentOrder, create_payment

ORDER = PaymentOrder(
    amount="12.50", currency="AED", reference="order-1", customer={"name": "Sample Payer", "email": "payer@example.com"}
)


def order(connection: Connection, **changes: Any) -> Payment:
    return create_payment(connection.organization, replace(ORDER, connection_id=connection.pk, **changes))


def stands(payment: Payment) -> tuple[str, str, str]:
    """Its status, what is captured and what is given back."""
    payment.refresh_from_db()
    return payment.status, f"{payment.amount_captured:.2f}", f"{payment.amount_refunded:.2f}"
