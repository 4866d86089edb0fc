"""The pages of ours that a payer comes back to from a gateway, and where they are sent from there."""

from __future__ import annotations

from django.conf import settings

from ..models import Payment


def return_address(payment: Payment) -> str:
    """Where a payer comes back to who says to have paid. The id is no secret, but cannot be guessed."""
    return f"{settings.PUBLIC_URL}/pay/{payment.pk}/return/"


def cancel_address(payment: Payment) -> str:
    return f"{settings.PUBLIC_URL}/pay/{payment.pk}/cancel/"
