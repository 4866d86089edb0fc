"""When a gateway is next asked how a payment stands, whatever its events say or fail to say.

Open payments at growing intervals, until they end; ended ones once or twice more, to see that both books agree.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from ..models import Payment

S = Payment.Status
_WAITING = (timedelta(minutes=2), timedelta(hours=12))  # the first interval, which doubles, and the longest
_HELD = (timedelta(hours=1), timedelta(hours=24))
_GROWING: Mapping[str, tuple[timedelta, timedelta]] = {
    S.PENDING: _WAITING,
    S.REQUIRES_ACTION: _WAITING,
    S.AUTHORISED: _HELD,
}
_AFTERWARDS: Mapping[str, Sequence[timedelta]] = {
    S.CAPTURED: (timedelta(days=1), timedelta(days=7)),
    S.PARTIALLY_REFUNDED: (timedelta(days=1), timedelta(days=7)),
    S.REFUNDED: (timedelta(days=1),),
    S.DISPUTED: (timedelta(days=1), timedelta(days=7), timedelta(days=30)),
    S.FAILED: (timedelta(hours=1), timedelta(days=1)),
    S.CANCELLED: (timedelta(hours=1), timedelta(days=1)),
}
_WHILE_REFUNDS_WAIT = timedelta(days=1)
_APART = 0.2  # of an interval: payments of one moment are not all asked about at one moment


def plan_look(payment: Payment, *, is_news: bool) -> None:
    """Set when the payment is looked at next; `is_news`: its state has just changed, so that the plan begins anew."""
    if is_news:
        payment.looks = 0
    if is_news or (payment.next_look_at is None and payment.status in _GROWING):
        payment.next_look_at = next_look(payment)


def next_look(payment: Payment, *, has_open_refunds: bool = False) -> datetime | None:
    """None where the payment needs none: it has ended, and so have its refunds, and it was looked at often enough."""
    interval = _interval(payment) or (_WHILE_REFUNDS_WAIT if has_open_refunds else None)
    if interval is None:
        return None
    return timezone.now() + interval * random.uniform(1 - _APART, 1)  # noqa: S311 - spreads load, guards nothing


def _interval(payment: Payment) -> timedelta | None:
    if payment.status in _GROWING:
        first, longest = _GROWING[payment.status]
        doubled: timedelta = first * 2 ** min(payment.looks, 20)
        return min(doubled, longest)
    plan = _AFTERWARDS.get(payment.status, ())
    return plan[payment.looks] if payment.looks < len(plan) else None
