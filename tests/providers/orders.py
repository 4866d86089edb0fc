"""An everyday order, as a lender wants it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.results import Address, Customer, Item

A_CUSTOMER = Customer(
    name="Sample Customer",
    email="customer@example.com",
    phone="+971 50 000 0001",
    registered_since="2024-05-01T10:00:00+04:00",
    orders="3",
)
AN_ADDRESS = Address(line1="Sample Street 1", line2="Flat 2", city="Dubai", region="Dubai", country="AE")
# Of PaymentRequest, for 12.50.
AN_ORDER: dict[str, Any] = {
    "customer": A_CUSTOMER,
    "shipping_address": AN_ADDRESS,
    "items": (
        Item("Abaya", 1, Decimal("10.00"), sku="SKU-1", category="Clothes"),
        Item("Scarf", 2, Decimal("1.25"), category="Clothes"),
    ),
    "success_url": "https://hub.example/done",
    "cancel_url": "https://hub.example/back",
    "country": "AE",
}
