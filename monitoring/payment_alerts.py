"""Alerts about payments: books that differ from a gateway's, and disputes whose answer is due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.models import Payment, PaymentDispute

from .alerts import Matter, bring_up_to_date
from .models import Alert

ANSWER_WITHIN = timedelta(days=3)

_DIFFER = gettext_noop("The gateway's books differ from these. Payments to look at: {count}.")
_ANSWER = gettext_noop("The dispute {dispute} of payment {reference} is to be answered at the gateway by {respond_by}.")


def watch_payments() -> tuple[int, int]:
    """Returns how many alerts were opened and resolved. Safe to repeat."""
    differing = bring_up_to_date(Alert.Kind.PAYMENT_DIFFERENCE, _differing())
    due = bring_up_to_date(Alert.Kind.DISPUTE_DUE, _due())
    return differing[0] + due[0], differing[1] + due[1]


def _differing() -> Iterator[Matter]:
    """One a connection: after an outage there may be thousands of payments. Serves payments_differing."""
    differing = Payment.objects.exclude(difference="").filter(connection__isnull=False, organization__is_active=True)
    for row in differing.order_by().values("organization_id", "connection_id").annotate(count=Count("pk")):
        yield Matter(
            organization_id=row["organization_id"],
            connection_id=row["connection_id"],
            subject_id=row["connection_id"],
            message=_DIFFER,
            values={"count": row["count"]},
        )


def _due() -> Iterator[Matter]:
    """Those that can still be answered: once their time is over there is nothing to do. Serves payment_disputes_due."""
    now = timezone.now()
    disputes = PaymentDispute.objects.filter(
        status=PaymentDispute.Status.OPEN,
        respond_by__gt=now,
        respond_by__lte=now + ANSWER_WITHIN,
        organization__is_active=True,
    )
    for dispute in disputes.select_related("payment").order_by():
        yield Matter(
            organization_id=dispute.organization_id,
            connection_id=dispute.payment.connection_id,
            subject_id=dispute.pk,
            message=_ANSWER,
            values={
                "dispute": dispute.provider_reference,
                "reference": dispute.payment.reference,
                "respond_by": f"{timezone.localtime(dispute.respond_by or now):%d/%m/%Y %H:%M}",
            },
        )
