"""How new it is what an event tells of a payment, and whether that may be believed without asking the provider.

`Payment.known_as_of` is the provider's time of the newest state that was laid over the payment. What is newer is
believed, as far as the table of states goes. What is older never is: where it would change anything, the provider is
asked, and its present state is taken instead. Of two events of the same moment, or with no time at all, only steps that
go one way are believed: a payment can fail and be tried again, but what was captured stays captured.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime
from enum import Enum, auto

from django.utils import timezone

from ..models import Payment
from ..providers.events import EventType, NormalizedEvent, Trust
from ..providers.results import PaymentResult
from .payment_states import apply_result, goes_both_ways, needs_fresh_look


class _Age(Enum):
    NEWER = auto()
    UNSURE = auto()
    LATE = auto()


def must_ask(payment: Payment, event: NormalizedEvent, trust: Trust, *, can_be_asked: bool) -> bool:
    """Whether the provider has to be asked before `event` may change `payment`.

    Of one that cannot be asked, what comes late changes nothing; what only its answer could prove is refused there.
    """
    result = event.payment
    if result is None or trust is not Trust.SIGNED or event.type is EventType.PAYMENT_REFUND_FAILED:
        return True
    age = _age(payment, event)
    if age is _Age.LATE:
        return can_be_asked and _would_change(payment, result)
    return needs_fresh_look(payment, result) or (age is _Age.UNSURE and goes_both_ways(payment, result))


def is_late(payment: Payment, event: NormalizedEvent) -> bool:
    return _age(payment, event) is _Age.LATE


def know_as_of(payment: Payment, *moments: datetime | None) -> None:
    """What was just laid over the payment is as new as the newest of `moments`, or of now where there are none."""
    told = [moment for moment in moments if moment is not None] or [timezone.now()]
    payment.known_as_of = max([*told, payment.known_as_of or told[0]])


def _age(payment: Payment, event: NormalizedEvent) -> _Age:
    if payment.known_as_of is None:
        return _Age.NEWER
    if event.occurred_at is None or event.occurred_at == payment.known_as_of:
        return _Age.UNSURE
    return _Age.NEWER if event.occurred_at > payment.known_as_of else _Age.LATE


def _would_change(payment: Payment, result: PaymentResult) -> bool:
    changed = copy(payment)
    apply_result(changed, result)
    return any(
        getattr(changed, name) != getattr(payment, name) for name in ("status", "amount_captured", "amount_refunded")
    )
