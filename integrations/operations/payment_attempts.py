"""What an error means for a payment: nothing was taken, something may have been, or the payer was declined."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from ..errors import IntegrationError, InvalidResponse, NotSupported, Rejected, Unavailable
from ..models import Connection, Payment
from ..providers.base import PaymentProvider
from .catalogue import offered_provider

# Longer than a call with its retries lasts: what nobody has touched for so long was left by a process that died.
ABANDONED_AFTER = timedelta(minutes=2)
# What a provider has made of a call that broke off shows by then in what it tells of itself.
SHOWS_AFTER = timedelta(minutes=1)

_PAYMENT_REQUIRED = 402  # what gateways answer when the payer's bank says no


def may_have_taken_effect(error: IntegrationError) -> bool:
    """Whether the provider may have done what was asked, so that nobody else may be asked for it."""
    return isinstance(error, InvalidResponse) or (isinstance(error, Unavailable) and error.may_have_taken_effect)


def is_decline(error: IntegrationError) -> bool:
    """The payer's bank said no: another gateway would ask the same bank."""
    return isinstance(error, Rejected) and error.provider_status == _PAYMENT_REQUIRED


def add_attempt(payment: Payment, connection: Connection, *, outcome: str, code: str = "", message: str = "") -> None:
    """Append to the payment's story: `outcome` is accepted, declined, failed, unknown or skipped."""
    payment.attempts.append(
        {
            "connection": str(connection.pk),
            "connection_name": connection.connection_name,
            "provider": connection.provider.slug,
            "outcome": outcome,
            "code": code,
            "message": message,
            "at": timezone.now().isoformat(),
        }
    )


def is_repeatable(provider: PaymentProvider, operation: str, age: timedelta) -> bool:
    """Whether the provider still knows the key of an operation of that age: after that the same key is a new charge."""
    return provider.repeats(operation) and age < provider.idempotency_lifetime * 5 / 6


def payment_provider(connection: Connection) -> PaymentProvider:
    """The code behind a payment connection. Raises NotSupported when it is none."""
    provider = offered_provider(connection.provider.slug)
    if not isinstance(provider, PaymentProvider):
        raise NotSupported("{provider} takes no payments here.", provider=connection.provider.provider_name)
    return provider
