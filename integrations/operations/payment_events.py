"""What providers tell of payments: by an event, or when they are asked."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from ..errors import Conflict, IntegrationError, InvalidResponse, NotSupported, Rejected, Unavailable, UnknownSubject
from ..gateway import client_for
from ..models import Connection, Payment, PaymentOperation
from ..providers.events import EventType, NormalizedEvent, Trust
from ..providers.results import PaymentResult
from .announce import record_action
from .looks import Look, MustAsk
from .payment_attempts import payment_provider
from .payment_completion import complete_payment
from .payment_differences import note_difference, note_unseen_refund
from .payment_disputes import follow_dispute, mark_as_disputed, record_dispute
from .payment_ledger import PaymentLedger
from .payment_news import is_late, know_as_of, must_ask
from .payment_settlement import (
    drop_operations_without_effect,
    fail_refunds_sent_back,
    fail_sent_back,
    refunds_sent_back,
    settle_operations,
)
from .payment_states import apply_result, goes_both_ways
from .payment_unpaid import is_still_unpaid, leave_unpaid

logger = logging.getLogger(__name__)

_MAY_STILL_BE_CREATED = timedelta(minutes=15)
_FETCH_TIMEOUT_SECONDS = 15.0


def apply_event(connection: Connection, event: NormalizedEvent, *, trust: Trust) -> Payment | None:
    """Apply what a provider's webhook says to the payment that it concerns. To apply it again changes nothing.

    Only a signed event that carries the payment's state, and is newer than what is known, is applied as it is; for any
    other the payment is fetched from the provider first, so no transaction may be open. Returns None for an event that
    concerns no payment of ours. Raises UnknownSubject, to be retried, while a payment is being created whose provider's
    reference is not known yet; InvalidResponse for a state that cannot be; and what the fetch raises.
    """
    try:
        return _apply(connection, event, trust)
    except MustAsk as must:
        look = look_at_payment(connection, must)
    return _apply(connection, event, trust, look)


def write_event(
    ledger: PaymentLedger, connection: Connection, event: NormalizedEvent, *, trust: Trust, look: Look | None = None
) -> Payment | None:
    """The part of `apply_event` that writes, into the ledger that was opened with this event among others.

    It asks nobody. Raises MustAsk instead, having changed nothing, as with whatever it raises: then `look_at_payment`,
    and come again with the `look`.
    """
    payment = ledger.find(connection, event)
    if payment is None:
        _check_that_none_is_coming(connection, event)
        return None
    if look is None and must_ask(payment, event, trust, can_be_asked=_can_be_asked(connection)):
        raise MustAsk(event, payment.updated_at, payment.provider_reference or event.subject)
    before = ledger.standing(payment)
    try:
        told = _lay_over(payment, event, trust, look)
    except IntegrationError:
        ledger.undo(payment, before)
        raise
    if getattr(payment, "has_open_operations", True):
        settle_operations(payment, told)
    record_dispute(payment, event, trust)
    note_unseen_refund(payment, event, told)
    ledger.note(_note(payment, PaymentOperation.Kind.EVENT, told, key=_fingerprint(event)))
    return payment


def look_at_payment(connection: Connection, must: MustAsk) -> Look:
    """Ask the provider how the payment stands that an event concerns. Raises what the call raises."""
    asked_at = timezone.now()
    return Look(_fetch(connection, must.reference, must.event.payment_id), must.seen, asked_at)


def read_payment(payment: Payment) -> Payment:
    """Ask the provider how a payment stands whose reference there is known, and settle what was left open.

    One that nobody has paid, and that the provider therefore need not show, is returned as it is. Raises NotSupported
    where the provider cannot be asked, and what the fetch raises.
    """
    payment = Payment.objects.select_related("connection__provider").get(pk=payment.pk)
    if payment.connection is None or not payment.provider_reference:
        raise Conflict("The provider's reference of this payment is unknown.")
    asked_at = timezone.now()
    try:
        result = _fetch(payment.connection, payment.provider_reference)
    except Rejected as refusal:
        if not is_still_unpaid(payment, refusal):
            raise
        return leave_unpaid(payment)
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        impossible = _lay_over_ours(locked, result, seen=payment.updated_at, asked_at=asked_at)
        locked.save()
    if impossible is not None:
        raise impossible
    return locked


def _lay_over_ours(
    locked: Payment, result: PaymentResult, *, seen: datetime, asked_at: datetime
) -> InvalidResponse | None:
    """Returns what is wrong with an answer that cannot be: of it only the difference is kept."""
    is_untouched, before = locked.updated_at == seen, locked.status
    sent_back = refunds_sent_back(locked, result) if is_untouched else []
    if is_untouched and not sent_back:
        note_difference(locked, result)
    try:
        apply_result(locked, result, fresh=is_untouched, refund_failed=bool(sent_back))
    except InvalidResponse as impossible:
        return impossible
    fail_sent_back(sent_back)
    settle_operations(locked, result)
    if is_untouched:
        know_as_of(locked, asked_at)
        drop_operations_without_effect(locked, result)
    _note(locked, PaymentOperation.Kind.SYNC, result, key=None).save()
    record_action("payment.sync", locked, {"status": [before, locked.status]})
    return None


def _apply(connection: Connection, event: NormalizedEvent, trust: Trust, look: Look | None = None) -> Payment | None:
    with transaction.atomic():
        ledger = PaymentLedger([(connection, event)])
        payment = write_event(ledger, connection, event, trust=trust, look=look)
        ledger.save()
    return payment


def _check_that_none_is_coming(connection: Connection, event: NormalizedEvent) -> None:
    """Raises UnknownSubject where a payment of ours is being created that may turn out to be the event's."""
    if not event.subject:
        return
    since = timezone.now() - _MAY_STILL_BE_CREATED
    nascent = Payment.objects.filter(
        connection=connection, status=Payment.Status.PENDING, provider_reference="", created_at__gt=since
    )
    if nascent.exists():
        raise UnknownSubject("The payment of this event is not known yet.")
    logger.info("Event %s on connection %s concerns no payment of ours.", event.type.value, connection.pk)


def _fetch(connection: Connection, provider_reference: str, own_id: str = "") -> PaymentResult:
    """How the payment stands, once what its payer has agreed to is taken; `own_id` is ours, where an event told it."""
    provider = payment_provider(connection)
    if not _can_be_asked(connection):
        raise NotSupported("{provider} cannot look up payments.", provider=provider.name)
    # Reading does no harm, and money that moved is to be known of even after the connection was closed.
    client = client_for(connection, operation="get_payment", any_status=True, timeout_seconds=_FETCH_TIMEOUT_SECONDS)
    found = provider.get_payment(client, provider_reference)
    return complete_payment(connection, found, own_id) if found.awaits_completion else found


def _can_be_asked(connection: Connection) -> bool:
    return "get" in payment_provider(connection).operations


def _lay_over(payment: Payment, event: NormalizedEvent, trust: Trust, look: Look | None) -> PaymentResult:
    """Change the payment by what the provider answered, or else by what the event carries; returns that."""
    told: PaymentResult | None = look.result if look is not None else event.payment
    if told is None:
        raise InvalidResponse("The event does not tell how the payment stands.")
    follow_dispute(payment, event, trust)
    if look is not None:
        _lay_over_look(payment, event, look)
    elif not is_late(payment, event):
        apply_result(payment, told)
        know_as_of(payment, event.occurred_at)
    mark_as_disputed(payment, event, trust)
    return told


def _lay_over_look(payment: Payment, event: NormalizedEvent, look: Look) -> None:
    """Where the payment was changed meanwhile, only what holds all the same."""
    is_fresh = payment.updated_at == look.seen
    refund_failed = event.type is EventType.PAYMENT_REFUND_FAILED
    if not is_fresh and (refund_failed or goes_both_ways(payment, look.result)):
        raise Unavailable("The payment was changed while it was looked up.")
    sent_back = refunds_sent_back(payment, look.result) if is_fresh else []
    apply_result(payment, look.result, fresh=is_fresh, refund_failed=refund_failed or bool(sent_back))
    fail_sent_back(sent_back)
    if refund_failed:
        fail_refunds_sent_back(payment)
    if is_fresh:
        know_as_of(payment, look.asked_at)


def _note(payment: Payment, kind: PaymentOperation.Kind, result: PaymentResult, *, key: str | None) -> PaymentOperation:
    told = {"status": result.status.value, "captured": result.amount_captured, "refunded": result.amount_refunded}
    return PaymentOperation(
        organization_id=payment.organization_id,
        payment=payment,
        kind=kind,
        status=PaymentOperation.Status.SUCCEEDED,
        provider_reference=result.provider_reference,
        idempotency_key=key,
        raw=told,
    )


def _fingerprint(event: NormalizedEvent) -> str:
    payment = event.payment
    told = (payment.status, payment.amount_captured, payment.amount_refunded) if payment else ()
    parts = [event.type, event.subject, event.occurred_at, *told, dict(event.attributes)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
