"""What providers tell of payments: by an event, or when they are asked."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ..errors import Conflict, NotSupported, Unavailable, UnknownSubject
from ..gateway import client_for
from ..models import Connection, Payment, PaymentOperation
from ..providers.events import EventType, NormalizedEvent, Trust
from ..providers.results import PaymentResult
from .announce import record_action
from .payment_attempts import payment_provider
from .payment_settlement import drop_operations_without_effect, fail_refunds_sent_back, settle_operations
from .payment_states import apply_result, needs_fresh_look

logger = logging.getLogger(__name__)

OUR_ID = "hub_payment"  # in the metadata that the provider keeps, so that its events find a payment with no reference
_MAY_STILL_BE_CREATED = timedelta(minutes=15)
_FETCH_TIMEOUT_SECONDS = 15.0


def apply_event(connection: Connection, event: NormalizedEvent, *, trust: Trust) -> Payment | None:
    """Apply what a provider's webhook says to the payment that it concerns. To apply it again changes nothing.

    Only a signed event that carries the payment's state is applied as it is; for any other the payment is fetched from
    the provider first, so no transaction may be open. Returns None for an event that concerns no payment of ours.
    Raises UnknownSubject, to be retried, while a payment is being created whose provider's reference is not known yet;
    InvalidResponse for a state that cannot be; and what the fetch raises.
    """
    if not event.subject:
        return None
    payment = payment_of(connection, event)
    if payment is None:
        return None
    result, fresh = event.payment, False
    if result is None or is_looked_up(payment, event, result, trust=trust):
        result, fresh = _fetch(connection, event.subject), True
    return _apply(payment, event, result, fresh=fresh)


def read_payment(payment: Payment) -> Payment:
    """Ask the provider how a payment stands whose reference there is known, and settle what was left open.

    Raises NotSupported where the provider cannot be asked, and what the fetch raises.
    """
    payment = Payment.objects.select_related("connection__provider").get(pk=payment.pk)
    if payment.connection is None or not payment.provider_reference:
        raise Conflict("The provider's reference of this payment is unknown.")
    result = _fetch(payment.connection, payment.provider_reference)
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        is_untouched = locked.updated_at == payment.updated_at
        before = locked.status
        apply_result(locked, result, fresh=is_untouched)
        settle_operations(locked)
        if is_untouched:
            drop_operations_without_effect(locked)
        locked.save()
        _note(locked, PaymentOperation.Kind.SYNC, result, key=None)
        record_action("payment.sync", locked, {"status": [before, locked.status]})
    return locked


def payment_of(connection: Connection, event: NormalizedEvent) -> Payment | None:
    """The payment of ours that the event concerns. Raises UnknownSubject while one is being created that may be it."""
    ours = Payment.objects.filter(connection=connection)
    found = ours.filter(provider_reference=event.subject).first() or _by_our_id(connection, event)
    if found is not None:
        return found
    since = timezone.now() - _MAY_STILL_BE_CREATED
    nascent = ours.filter(status=Payment.Status.PENDING, provider_reference="", created_at__gt=since)
    if nascent.exists():
        raise UnknownSubject("The payment of this event is not known yet.")
    logger.info("Event %s on connection %s concerns no payment of ours.", event.type.value, connection.pk)
    return None


def _by_our_id(connection: Connection, event: NormalizedEvent) -> Payment | None:
    """By the id that we put in the metadata, for a payment whose creation was never answered.

    Only where the event names the very payment: `provider_reference` empty, same connection.
    """
    raw: Mapping[str, Any] = event.payment.raw if event.payment else {}
    metadata = raw.get("metadata")
    try:
        key = UUID(str(metadata.get(OUR_ID))) if isinstance(metadata, Mapping) else None
    except ValueError:
        return None
    if key is None:
        return None
    return Payment.objects.filter(pk=key, connection=connection, provider_reference="").first()


def is_looked_up(payment: Payment, event: NormalizedEvent, result: PaymentResult, *, trust: Trust) -> bool:
    """Whether what the event says of the payment is believed only once the provider was asked."""
    is_step_back = event.type is EventType.PAYMENT_REFUND_FAILED or needs_fresh_look(payment, result)
    return trust is not Trust.SIGNED or is_step_back


def _fetch(connection: Connection, provider_reference: str) -> PaymentResult:
    provider = payment_provider(connection)
    if "get" not in provider.operations:
        raise NotSupported("{provider} cannot look up payments.", provider=provider.name)
    # Reading does no harm, and money that moved is to be known of even after the connection was closed.
    client = client_for(connection, operation="get_payment", any_status=True, timeout_seconds=_FETCH_TIMEOUT_SECONDS)
    return provider.get_payment(client, provider_reference)


def _apply(payment: Payment, event: NormalizedEvent, result: PaymentResult, *, fresh: bool) -> Payment:
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        is_fresh = fresh and locked.updated_at == payment.updated_at
        refund_failed = event.type is EventType.PAYMENT_REFUND_FAILED
        if refund_failed and not is_fresh:
            raise Unavailable("The payment was changed while it was looked up.")
        apply_result(locked, result, fresh=is_fresh, refund_failed=refund_failed)
        if refund_failed:
            fail_refunds_sent_back(locked)
        settle_operations(locked)
        locked.save()
        _note(locked, PaymentOperation.Kind.EVENT, result, key=_fingerprint(event))
    return locked


def _note(payment: Payment, kind: PaymentOperation.Kind, result: PaymentResult, *, key: str | None) -> None:
    """Add to the payment's story, once for each `key`."""
    told = {"status": result.status.value, "captured": result.amount_captured, "refunded": result.amount_refunded}
    if key is not None and payment.operations.filter(kind=kind, idempotency_key=key).exists():
        return
    PaymentOperation.objects.create(
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
