"""Payments as a table for a spreadsheet, with who paid: who takes it, and which, is written down."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.db import transaction
from django.utils.translation import gettext as _

from ..errors import InvalidRequest
from ..models import Connection, Organization, Payment
from ..money import in_own_decimals
from ..spreadsheets import Cell, Column
from .announce import record_action
from .payment_search import PaymentSearch, one_by_one
from .payment_terms import method_name

MOST_ROWS = 50_000
_READ = (
    "created_at", "reference", "status", "amount", "amount_captured", "amount_refunded", "currency", "fee",
    "fee_currency", "method", "connection_id", "provider_reference", "customer", "country", "failure_message",
    "difference",
)  # fmt: skip


def export_payments(organization: Organization, search: PaymentSearch, *, file_format: str) -> Iterator[list[Cell]]:
    """The rows under `export_columns`, newest first. Raises InvalidRequest for more of them than `MOST_ROWS`."""
    payments = search.among(organization)
    count = payments.order_by("-pk")[: MOST_ROWS + 1].count()
    if count > MOST_ROWS:
        raise InvalidRequest("These are more than {most} payments: narrow the search, by days for instance.",
                             most=MOST_ROWS)  # fmt: skip
    with transaction.atomic():
        told = {"format": file_format, "payments": count, "filters": search.told}
        record_action("payments.exported", organization, told)
    return map(_Lines(organization).line, one_by_one(payments.only(*_READ)))


def export_columns() -> list[Column]:
    return [
        Column(_("Created"), "time", 20),
        Column(_("Reference"), width=24),
        Column(_("Status"), width=18),
        Column(_("Amount"), "amount", 14),
        Column(_("Captured"), "amount", 14),
        Column(_("Refunded"), "amount", 14),
        Column(_("Currency"), width=10),
        Column(_("Fee"), "amount", 12),
        Column(_("Currency of the fee"), width=10),
        Column(_("Method"), width=14),
        Column(_("Connection"), width=24),
        Column(_("Provider"), width=20),
        Column(_("Environment"), width=14),
        Column(_("Provider's reference"), width=34),
        Column(_("Customer's name"), width=28),
        Column(_("Customer's e-mail"), width=30),
        Column(_("Customer's phone"), width=18),
        Column(_("Country"), width=10),
        Column(_("Failure"), width=36),
        Column(_("Difference"), width=36),
        Column(_("Id"), width=38),
    ]


class _Lines:
    """Payments as rows. What many of them share is read and put into the reader's language once."""

    def __init__(self, organization: Organization) -> None:
        connections = Connection.objects.filter(organization=organization).select_related("provider")
        self._connections: dict[uuid.UUID | None, tuple[str, str, str]] = {
            connection.pk: (
                connection.connection_name,
                connection.provider.local_name,
                str(connection.get_environment_display()),
            )
            for connection in connections
        }
        self._statuses = {value: str(label) for value, label in Payment.Status.choices}
        self._differences = {value: str(label) for value, label in Payment.Difference.choices}

    def line(self, payment: Payment) -> list[Cell]:
        customer, has_fee = payment.customer, payment.fee is not None
        name, provider, environment = self._connections.get(payment.connection_id, ("", "", ""))
        fee_currency = payment.fee_currency or payment.currency
        return [
            payment.created_at,
            payment.reference,
            self._statuses[payment.status],
            in_own_decimals(payment.amount, payment.currency),
            in_own_decimals(payment.amount_captured, payment.currency),
            in_own_decimals(payment.amount_refunded, payment.currency),
            payment.currency,
            in_own_decimals(payment.fee, fee_currency) if payment.fee is not None else None,
            fee_currency if has_fee else "",
            method_name(payment.method),
            name,
            provider,
            environment,
            payment.provider_reference,
            *(str(customer.get(key) or "") for key in ("name", "email", "phone")),
            payment.country,
            payment.failure_message,
            self._differences.get(payment.difference, ""),
            str(payment.pk),
        ]
