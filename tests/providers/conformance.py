"""How the conformance suite finds the providers and what it asks each for: `tests/providers/<slug>/`.

There: `wire.py`, and payloads in `events/`. The wire has `answer`, `CREDENTIALS`, `BAD_CREDENTIALS` and `PAYMENT` (the
reference of a captured payment of 12.50), and where they differ from the usual

    AUTHORISED       the reference of one that is only authorised (PAYMENT)
    APPROVED         the reference of one that its payer has agreed to, and that awaits completion (PAYMENT)
    CURRENCY         in which all of them are (AED)
    ORDER            what an everyday order has beside amount, currency and reference, as fields of PaymentRequest ({})
    CONFIGURATION    the connection's ({})
    CREATED          the status that `create_payment` answers (CAPTURED)
    FOUND            the status that `find_payment` answers (CREATED)
    REFUNDED         the status of the refund (SUCCEEDED)
    EVENT_OBJECT     the field of an event that holds what it is about ("data")
    IN_THE_BODY      keys of the credentials that the provider wants in bodies ({})
    STANDING         how PAYMENT stands in our books, for a provider that is offline (None)

One that is offline has a wire too, which answers nobody.
"""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from integrations.providers.base import PaymentProvider
from integrations.providers.registry import providers
from integrations.providers.results import (
    PaymentRequest,
)
from tests.providers.wire_client import WireClient

SLUGS = sorted(providers())
SIGNING = sorted(slug for slug, provider in providers().items() if provider.signature)
PAYMENT = sorted(slug for slug, provider in providers().items() if isinstance(provider, PaymentProvider))
HERE = Path(__file__).parent
PAYLOADS = [(slug, path) for slug in SLUGS for path in sorted((HERE / slug / "events").glob("*.json"))]

METHODS = {
    "create": "create_payment",
    "get": "get_payment",
    "find": "find_payment",
    "complete": "complete_payment",
    "capture": "capture_payment",
    "void": "void_payment",
    "refund": "refund_payment",
}

each_provider = pytest.mark.parametrize("slug", SLUGS)
each_payment_provider = pytest.mark.parametrize("slug", PAYMENT)
each_signer = pytest.mark.parametrize("slug", SIGNING)
each_payload = pytest.mark.parametrize(
    ("slug", "path"), PAYLOADS, ids=[f"{slug}-{path.stem}" for slug, path in PAYLOADS]
)


def provider_of(slug: str) -> Any:
    return providers()[slug]


def wire_of(slug: str) -> Any:
    return import_module(f"tests.providers.{slug}.wire")


def order_for(slug: str, **fields: Any) -> PaymentRequest:
    """An everyday order, as the gateway wants it; with `fields` another."""
    wire = wire_of(slug)
    ours = {"payment_id": "01980000-0000-7000-8000-000000000001", **(fields or getattr(wire, "ORDER", {}))}
    currency = getattr(wire, "CURRENCY", "AED")
    return PaymentRequest(amount=Decimal("12.50"), currency=currency, reference="order-1", **ours)


def perform(slug: str, operation: str, client: WireClient) -> Any:
    """One operation with everyday arguments."""
    provider, wire = provider_of(slug), wire_of(slug)
    currency = getattr(wire, "CURRENCY", "AED")
    once = {"idempotency_key": f"key-{operation}"}
    some = {"amount": Decimal("5.00"), "currency": currency}
    authorised = getattr(wire, "AUTHORISED", wire.PAYMENT)
    match operation:
        case "create" | "find":
            return getattr(provider, METHODS[operation])(client, order_for(slug), **once)
        case "get":
            return provider.get_payment(client, wire.PAYMENT)
        case "complete":
            approved = getattr(wire, "APPROVED", wire.PAYMENT)
            return provider.complete_payment(client, approved, capture=True, **once)
        case "void":
            return provider.void_payment(client, authorised, **once)
        case "capture":
            return provider.capture_payment(client, authorised, **some, **once)
        case _:
            return provider.refund_payment(client, wire.PAYMENT, **some, **once)
