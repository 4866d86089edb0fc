"""What a payer has to know who pays without a gateway's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..gateway import standing_of
from ..models import Payment
from ..providers.base import PaymentProvider
from ..providers.results import Instruction
from .catalogue import offered_provider
from .payment_pages import instructions_address


@dataclass(frozen=True)
class PaymentInstructions:
    url: str
    pay_by: datetime
    lines: Sequence[Instruction]


def instructions_of(payment: Payment) -> PaymentInstructions | None:
    """None for a payment that a gateway takes, and for one that nobody has opened yet."""
    connection = payment.connection
    provider = offered_provider(connection.provider.slug) if connection else None
    if connection is None or not isinstance(provider, PaymentProvider) or not payment.provider_reference:
        return None
    lines = provider.instructions(connection.configuration, standing_of(payment))
    if not lines:
        return None
    ends = payment.created_at + provider.payment_window(connection.configuration)
    return PaymentInstructions(instructions_address(payment), ends, lines)
