"""Payments are asked about when they are due, whether or not an event has come: what is open is settled or expires, and
what differs is marked.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain, zip_longest
from uuid import UUID

from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from ..errors import IntegrationError, NotSupported, RateLimited, Rejected, Unavailable
from ..models import Connection, Payment
from ..providers.events import EventType
from ..request_id import Origin, current_origin, originating
from ..tenancy import acting_for
from .announce import record_action
from .offline_news import tell_of_payment
from .payment_attempts import payment_provider
from .payment_changes import void_payment
from .payment_differences import mark
from .payment_events import read_payment
from .payment_look_plan import next_look
from .payment_settlement import has_open_refunds
from .payment_states import EXPIRED
from .payment_unpaid import is_not_found

logger = logging.getLogger(__name__)

_AT_ONCE = 200
_THREADS = 8
_LEASE = timedelta(minutes=10)  # who took a payment up and died leaves it to the next sweep after this
_MARGIN = timedelta(minutes=30)  # by which a page outlives its time at the gateway
_UNDECIDED_FOR = timedelta(days=7)
_OPEN = (Payment.Status.PENDING, Payment.Status.REQUIRES_ACTION)


def reconcile_due_payments() -> int:
    """Look at those that are due, connections in turn; returns how many were. Safe to repeat, and twice at once."""
    due = _take_up()
    away: set[UUID | None] = set()
    origin = current_origin()

    def look(payment: Payment) -> bool:
        try:
            return _look_at(payment, away, origin)
        finally:
            connection.close()

    with ThreadPoolExecutor(_THREADS) as threads:
        return sum(threads.map(look, _in_turn(due)))


def reconcile_payment(payment: Payment) -> Payment:
    """Ask the gateway how the payment stands; settle, end or mark it. Raises what the question raises."""
    try:
        looked = read_payment(payment)
    except NotSupported:  # nobody can be asked; but that it is open for too long is known without asking
        if payment.status not in _OPEN:
            raise
        looked = Payment.objects.get(pk=payment.pk)
    except Rejected as refusal:
        if not is_not_found(refusal):
            raise
        return _mark_as_missing(payment)
    return _expire(looked) if _is_abandoned(looked) else looked


def _take_up() -> list[Payment]:
    """Due payments, claimed by moving their next look on: whoever comes at the same time takes others."""
    now = timezone.now()
    with transaction.atomic():
        due = list(
            Payment.objects.filter(next_look_at__lte=now, organization__is_active=True)
            .order_by("next_look_at")
            .select_for_update(skip_locked=True, of=("self",))[:_AT_ONCE]
        )
        # Not `updated_at`: to have been looked for is no change.
        Payment.objects.filter(pk__in=[payment.pk for payment in due]).update(next_look_at=now + _LEASE)
    return due


def _in_turn(payments: Sequence[Payment]) -> list[Payment]:
    by_connection: defaultdict[UUID | None, list[Payment]] = defaultdict(list)
    for payment in payments:
        by_connection[payment.connection_id].append(payment)
    rounds = zip_longest(*by_connection.values())
    return [payment for payment in chain.from_iterable(rounds) if payment is not None]


def _look_at(payment: Payment, away: set[UUID | None], origin: Origin) -> bool:
    """One payment in a thread of its own. A connection that does not answer is not asked again in this sweep."""
    close_old_connections()
    if payment.connection_id in away:
        return False
    with originating(origin), acting_for(payment.organization_id):
        try:
            reconcile_payment(payment)
        except (Unavailable, RateLimited) as error:
            away.add(payment.connection_id)
            logger.warning("Payment %s is looked at later: %s", payment.pk, error.code)
        except NotSupported:
            Payment.objects.filter(pk=payment.pk).update(next_look_at=None)
            return False
        except IntegrationError as error:
            logger.warning("Payment %s could not be looked at: %s", payment.pk, error.code)
        _plan_next(payment)
    return True


def _plan_next(payment: Payment) -> None:
    """Where the look has not changed the state, which begins the plan anew, the next is further off."""
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        if locked.status == payment.status:
            locked.looks = payment.looks + 1
            locked.next_look_at = next_look(locked, has_open_refunds=has_open_refunds(locked))
            Payment.objects.filter(pk=locked.pk).update(looks=locked.looks, next_look_at=locked.next_look_at)


def _mark_as_missing(payment: Payment) -> Payment:
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        mark(locked, Payment.Difference.MISSING)
        locked.save(update_fields=["difference", "difference_seen_at", "updated_at"])
    return locked


def _is_abandoned(payment: Payment) -> bool:
    if payment.status not in _OPEN or payment.connection is None or payment.amount_captured:
        return False
    lifetime = _lifetime(payment, payment.connection)
    return timezone.now() - payment.created_at > lifetime + _MARGIN


def _expire(payment: Payment) -> Payment:
    """Nobody has paid while they could. It is voided where the gateway does that, so that nobody can any more; but what
    is paid all the same is believed of a payment that failed, not of one that was cancelled. So it is not where there
    is no gateway: that keeps nobody from handing in money late."""
    provider = payment_provider(payment.connection) if payment.connection else None
    if provider is not None and "void" in provider.operations and not provider.is_offline:
        try:
            payment = void_payment(payment, idempotency_key="expired")
        except Unavailable:
            raise
        except IntegrationError as error:
            logger.info("Payment %s expires without being voided: %s", payment.pk, error.code)
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        ends_now = locked.status in _OPEN and not locked.amount_captured
        if ends_now:
            locked.status = Payment.Status.FAILED
        if locked.status not in (Payment.Status.FAILED, Payment.Status.CANCELLED):
            return locked  # paid at the last moment
        if not locked.failure_code:
            locked.failure_code, locked.failure_message = EXPIRED, "Nobody paid in time."
        locked.save()
        if ends_now:
            tell_of_payment(locked, EventType.PAYMENT_FAILED, event_id=f"{locked.pk}:expired")
        record_action("payment.expired", locked, {"status": locked.status})
    return locked


def _lifetime(payment: Payment, connection: Connection) -> timedelta:
    """For how long it may end otherwise than by nobody's paying. What is pending at a gateway waits for others than
    the payer: a review, a bank, a shop's till."""
    provider = payment_provider(connection)
    window = provider.payment_window(connection.configuration)
    by_method = provider.method_lifetimes.get(payment.method, window)
    is_undecided = payment.status == Payment.Status.PENDING and not provider.is_offline
    return max(by_method, _UNDECIDED_FOR) if is_undecided else by_method
