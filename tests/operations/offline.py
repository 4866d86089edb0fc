"""Connections that no gateway stands behind, and payments through them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

from django.db import connection as database
from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import Connection, Organization, Payment
from integrations.operations.offline_receipts import Receipt
from integrations.operations.payments import PaymentOrder, create_payment
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory
from tests.providers.bank_transfer.wire import CONFIGURATION as BANK

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00" * 17 + b"\x00\x00\x00\x00IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 40 + b"\xff\xd9"


def bank(organization: Organization, **configuration: Any) -> Connection:
    wanted = {**BANK, "currency": "AED", "payment_days": 7, **configuration}
    return ConnectionFactory(organization=organization, slug="bank_transfer", configuration=wanted)


def courier(organization: Organization, **configuration: Any) -> Connection:
    wanted = {"currency": "AED", "collection_days": 60, **configuration}
    return ConnectionFactory(organization=organization, slug="cash_on_delivery", configuration=wanted)


def transfer(organization: Organization, **fields: Any) -> Payment:
    order = {"amount": "100.00", "currency": "AED", "reference": "order-1", "method": "bank_transfer", **fields}
    return create_payment(organization, PaymentOrder(**order))


def cash(organization: Organization, **fields: Any) -> Payment:
    return transfer(organization, method="cod", **fields)


def came(amount: str = "100.00", reference: str = "FT26001", **fields: Any) -> Receipt:
    return Receipt(**{"amount": amount, "currency": "AED", "reference": reference, "received_on": today(), **fields})


def today() -> date:
    return timezone.localdate()


def again(payment: Payment) -> Payment:
    return Payment.objects.select_related("connection__provider", "organization").get(pk=payment.pk)


def standing(payment: Payment) -> tuple[str, str, str]:
    payment = again(payment)
    return payment.status, f"{payment.amount_captured:.2f}", payment.difference


def due(payment: Payment, **age: Any) -> None:
    long_ago = timezone.now() - timedelta(**age)
    Payment.objects.filter(pk=payment.pk).update(
        next_look_at=timezone.now() - timedelta(seconds=1), created_at=long_ago
    )


def actions() -> list[str]:
    return list(AuditLog.objects.order_by("pk").values_list("action", flat=True))


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each came to, begun at one moment in threads of their own."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return act()
        except IntegrationError as error:
            return error
        finally:
            database.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))
