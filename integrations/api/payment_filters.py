"""By what a list of payments is narrowed down."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import django_filters
from django.db.models import QuerySet

from ..models import Payment
from ..models.base import first_uuid7
from ..operations.payment_lookup import search_payments
from .serializers import organization_of

_ANY = "any"
_SLACK = timedelta(minutes=1)  # a key is made a little before its row


class PaymentFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.IsoDateTimeFilter(method="made_since", help_text="When it was created.")
    until = django_filters.IsoDateTimeFilter(method="made_until")
    country = django_filters.CharFilter(max_length=2, help_text="The payer's, ISO 3166-1.")
    difference = django_filters.ChoiceFilter(
        choices=[(_ANY, "Any"), *Payment.Difference.choices], method="by_difference",
        help_text="In what the gateway's books differ from these; `any` for all that do.",
    )  # fmt: skip
    q = django_filters.CharFilter(
        max_length=200, method="by_text",
        help_text="The beginning of the reference, of the customer's e-mail address or name, or the gateway's "
        "reference; of the newest thousand of each.",
    )  # fmt: skip

    class Meta:
        model = Payment
        fields = ("status", "currency", "reference", "method", "provider_reference")

    def made_since(self, payments: QuerySet[Payment], name: str, moment: datetime) -> QuerySet[Payment]:
        """The key, which is ordered by time, has the index; the column is exact."""
        return payments.filter(created_at__gte=moment, pk__gte=first_uuid7(_shifted(moment, -_SLACK)))

    def made_until(self, payments: QuerySet[Payment], name: str, moment: datetime) -> QuerySet[Payment]:
        return payments.filter(created_at__lt=moment, pk__lt=first_uuid7(_shifted(moment, _SLACK)))

    def by_difference(self, payments: QuerySet[Payment], name: str, value: str) -> QuerySet[Payment]:
        """Serves payments_differing, which holds no payment without one."""
        differing = payments.exclude(difference="")
        return differing if value == _ANY else differing.filter(difference=value)

    def by_text(self, payments: QuerySet[Any], name: str, value: str) -> QuerySet[Payment]:
        """Comes last, so that what it looks through is narrowed down already."""
        return search_payments(organization_of(self.request), payments, value)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        return moment
