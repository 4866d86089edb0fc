"""Payments as a table for a spreadsheet, with who paid: who takes it, and which, is written down."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from ..errors import InvalidRequest
from ..models import Organization, Payment
from ..money import currency_exponent
from ..spreadsheets import Cell, Column
from .announce import record_action
from .payment_search import PaymentSearch, one_by_one

MOST_ROWS = 50_000


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
    return map(_row, one_by_one(payments))


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


def _row(payment: Payment) -> list[Cell]:
    connection, customer = payment.connection, payment.customer
    return [
        payment.created_at,
        payment.reference,
        str(payment.get_status_display()),
        _amount(payment.amount, payment.currency),
        _amount(payment.amount_captured, payment.currency),
        _amount(payment.amount_refunded, payment.currency),
        payment.currency,
        None if payment.fee is None else _amount(payment.fee, payment.fee_currency or payment.currency),
        "" if payment.fee is None else payment.fee_currency or payment.currency,
        payment.method,
        connection.connection_name if connection else "",
        connection.provider.local_name if connection else "",
        str(connection.get_environment_display()) if connection else "",
        payment.provider_reference,
        *(str(customer.get(key) or "") for key in ("name", "email", "phone")),
        payment.country,
        payment.failure_message,
        str(payment.get_difference_display()) if payment.difference else "",
        str(payment.pk),
    ]


def _amount(amount: Decimal, currency: str) -> Decimal:
    """With the currency's own decimals, or more where it has more."""
    exact = amount.quantize(Decimal(1).scaleb(-currency_exponent(currency)))
    return exact if exact == amount else amount.normalize()
