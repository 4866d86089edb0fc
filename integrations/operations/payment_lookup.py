"""Payments by what people remember of them: a reference, a customer's e-mail address or name."""

from __future__ import annotations

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from ..models import Connection, Organization, Payment

MOST_FOUND = 1000  # the newest of each kind of match: what has more is to be searched for with more words
_LAST = "\U0010ffff"  # comes after every other character


def search_payments(organization: Organization, payments: QuerySet[Payment], text: str) -> QuerySet[Payment]:
    """Those of `payments` whose reference begins with `text` or whose gateway's reference is `text`; or whose
    customer's e-mail address or name begins with it, in whatever case.

    Each kind of match has an index: payments_org_reference, payments_provider_ref, payments_customer_email and
    payments_customer_name. One question that joins them by OR would walk all payments instead.
    """
    own = Connection.objects.filter(organization=organization)
    lower, end = Lower(Value(text)), Lower(Value(text + _LAST))
    matches = (
        Q(reference__gte=text, reference__lt=text + _LAST),
        Q(connection__in=own.values("pk"), provider_reference=text),
        Q(customer_email__gte=lower, customer_email__lt=end),
        Q(customer_name__gte=lower, customer_name__lt=end),
    )
    mine = payments.filter(organization=organization)
    first, *others = (mine.filter(match).order_by("-pk").values("pk")[:MOST_FOUND] for match in matches)
    return Payment.objects.filter(organization=organization, pk__in=first.union(*others))
