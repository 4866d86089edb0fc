"""Payers who come back from a gateway: how their payment stands is asked there, and they are sent on to the shop."""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.core.cache import cache

from ..errors import IntegrationError
from ..models import Payment, PaymentOperation, PaymentSettings
from .payment_events import read_payment

logger = logging.getLogger(__name__)

_ASKED_APART = timedelta(seconds=3)  # who reloads the page does not ask the gateway each time
_WAITING = frozenset({Payment.Status.PENDING, Payment.Status.REQUIRES_ACTION})
_LOST = frozenset({Payment.Status.FAILED, Payment.Status.CANCELLED})


def return_address(payment: Payment) -> str:
    """Where a payer comes back to who says to have paid. The id is no secret, but cannot be guessed."""
    return f"{settings.PUBLIC_URL}/pay/{payment.pk}/return/"


def cancel_address(payment: Payment) -> str:
    return f"{settings.PUBLIC_URL}/pay/{payment.pk}/cancel/"


def instructions_address(payment: Payment) -> str:
    return f"{settings.PUBLIC_URL}/pay/{payment.pk}/instructions/"


def verify_return(payment: Payment) -> Payment:
    """The payment as its gateway has it now, or as we have it where that cannot be told at once."""
    is_open = payment.status in _WAITING and payment.provider_reference
    if not is_open or not cache.add(f"payer:{payment.pk}", 1, timeout=_ASKED_APART.total_seconds()):
        return payment
    try:
        return read_payment(payment)
    except IntegrationError as error:
        logger.warning("Payment %s could not be verified as its payer came back: %s", payment.pk, error.code)
        return Payment.objects.get(pk=payment.pk)


def is_undecided(payment: Payment) -> bool:
    return payment.status in _WAITING


def onward_address(payment: Payment, *, gave_up: bool) -> str:
    """The shop's own page, with the payment's id and its status as we know it; empty where the order named none.

    `gave_up`: the payer came by the cancel address. That decides where an open payment's payer goes, and no more.
    """
    created = payment.operations.filter(kind=PaymentOperation.Kind.CREATE).first()
    asked: dict[str, str] = created.raw if created else {}
    usual = PaymentSettings.objects.filter(connection=payment.connection).first()
    is_lost = payment.status in _LOST or (gave_up and payment.status in _WAITING)
    name = "cancel_url" if is_lost else "success_url"
    address = asked.get(name) or (getattr(usual, name) if usual else "")
    return _with_query(address, {"payment": str(payment.pk), "status": payment.status}) if address else ""


def _with_query(address: str, added: dict[str, str]) -> str:
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in added]
    return parts._replace(query=urlencode([*kept, *added.items()])).geturl()
