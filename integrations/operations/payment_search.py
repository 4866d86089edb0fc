"""Finding payments among many: by what they are called, who pays, how they stand, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..models import Connection, Organization, Payment
from ..models.base import first_uuid7
from ..personal_data import mask_shapes

ANY_DIFFERENCE = "any"
ADDED_UP_AT_MOST = 20_000  # payments whose sums a page shows; of more, the sums are those of the newest
_ROWS_AT_ONCE = 1000
_ADDED_UP = ("amount", "amount_captured", "amount_refunded")
_SUMMED = ("currency", "payments", "amount", "captured", "refunded")
_SUMS = f"SELECT currency, count(*), {', '.join(f'sum({name})' for name in _ADDED_UP)} FROM ({{newest}}) n GROUP BY 1"  # noqa: S608 - our own constants
_IS_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BY_CUSTOMER = ("name", "email", "phone")


@dataclass(frozen=True)
class PaymentSearch:
    """What is looked for; what is empty does not matter. Days are Asia/Dubai's, both included."""

    text: str = ""
    status: str = ""
    connection: UUID | None = None
    method: str = ""
    currency: str = ""
    least: Decimal | None = None
    most: Decimal | None = None
    since: date | None = None
    until: date | None = None
    difference: str = ""
    mode: str = ""  # live or test

    @property
    def is_filtered(self) -> bool:
        return any(value not in ("", None) for value in asdict(self).values())

    @property
    def told(self) -> dict[str, str]:
        """What was looked for, for the audit log: a customer's address or number in it is masked."""
        chosen = {name: str(value) for name, value in asdict(self).items() if value not in ("", None)}
        return {name: mask_shapes(value) if name == "text" else value for name, value in chosen.items()}

    def among(self, organization: Organization) -> QuerySet[Payment]:
        """The payments of `organization` that fit, in no order yet. The times stand in the key, which is the index."""
        payments = Payment.objects.filter(organization=organization, **self._columns()).filter(*self._bounds())
        if self.difference == ANY_DIFFERENCE:
            payments = payments.exclude(difference="")
        return _named(payments, organization, self.text) if self.text else payments

    def _columns(self) -> dict[str, Any]:
        exact = {
            "status": self.status,
            "connection": self.connection,
            "method": self.method,
            "currency": self.currency,
            "amount__gte": self.least,
            "amount__lte": self.most,
            "difference": "" if self.difference == ANY_DIFFERENCE else self.difference,
        }
        return {name: value for name, value in exact.items() if value not in ("", None)}

    def _bounds(self) -> Iterator[Q]:
        if self.since:
            yield Q(pk__gte=first_uuid7(_midnight(self.since)))
        if self.until:
            yield Q(pk__lt=first_uuid7(_midnight(self.until + timedelta(days=1))))
        if self.mode:
            is_live = Q(connection__environment=Connection.Environment.PRODUCTION)
            yield is_live if self.mode == "live" else Q(connection__isnull=False) & ~is_live


@dataclass(frozen=True)
class Sums:
    """What payments come to, by currency, dirhams first. `is_whole`: all of them were added up."""

    rows: Sequence[Mapping[str, Any]]
    payments: int
    is_whole: bool


def sums_of(payments: QuerySet[Payment]) -> Sums:
    """In one statement, over the newest `ADDED_UP_AT_MOST`: read once, where a query set would look each up again."""
    newest = payments.order_by("-pk").values("currency", *_ADDED_UP)[: ADDED_UP_AT_MOST + 1]
    statement, parameters = newest.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(newest=statement), parameters)
        by_currency = [dict(zip(_SUMMED, row, strict=True)) for row in cursor.fetchall()]
    rows = sorted(by_currency, key=lambda row: (row["currency"] != "AED", row["currency"]))
    total = sum(row["payments"] for row in rows)
    return Sums(rows, total, is_whole=total <= ADDED_UP_AT_MOST)


def one_by_one(payments: QuerySet[Payment]) -> Iterator[Payment]:
    """All of them, newest first, by key: each statement is short, and no cursor stays open while a reader dawdles."""
    before: UUID | None = None
    while True:
        rows = payments.filter(pk__lt=before) if before else payments
        found = list(rows.order_by("-pk")[:_ROWS_AT_ONCE])
        yield from found
        if len(found) < _ROWS_AT_ONCE:
            return
        before = found[-1].pk


def _named(payments: QuerySet[Payment], organization: Organization, text: str) -> QuerySet[Payment]:
    """A whole reference, ours or the gateway's, has an index, as the id has; where none is called so, it is a part of
    our reference that is meant, or the customer. A bank's is read out in fours, with spaces between."""
    called = Q(reference=text) | Q(provider_reference__in={text, text.replace(" ", "")})
    if _IS_ID.fullmatch(text):
        called |= Q(pk=text)
    if Payment.objects.filter(organization=organization).filter(called).exists():
        return payments.filter(called)
    meant = Q(reference__icontains=text)
    for key in _BY_CUSTOMER:
        meant |= Q(**{f"customer__{key}__icontains": text})
    return payments.filter(meant)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())
