"""Payments: taken here, and changed by what the modules beside this one do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from ..errors import Conflict, IntegrationError, Unavailable
from ..gateway import client_for
from ..models import Connection, Organization, Payment, PaymentOperation
from ..providers.base import PaymentProvider
from ..providers.results import PaymentRequest, PaymentResult, PaymentStatus
from .announce import record_action
from .payment_attempts import (
    ABANDONED_AFTER,
    SHOWS_AFTER,
    add_attempt,
    is_decline,
    is_repeatable,
    may_have_taken_effect,
    payment_provider,
)
from .payment_changes import capture_payment, refund_payment, void_payment
from .payment_completion import complete_payment
from .payment_events import apply_event, read_payment
from .payment_ledger import OUR_ID
from .payment_order import PaymentOrder, check_idempotency_key, kept_request, stored_order, stored_request
from .payment_pages import cancel_address, instructions_address, return_address
from .payment_states import TRANSITIONS, apply_result
from .routing import Route, route_payment
from .routing_order import settings_of

__all__ = [
    "PaymentOrder",
    "apply_event",
    "capture_payment",
    "create_payment",
    "refund_payment",
    "sync_payment",
    "void_payment",
]

logger = logging.getLogger(__name__)
# A payer waits for so long: what is found not to have been made after that is not made behind their back.
_TAKEN_UP_WITHIN = timedelta(minutes=30)


def create_payment(organization: Organization, order: PaymentOrder, *, idempotency_key: str = "") -> Payment:
    """Take a payment, by the first of the fitting connections that answers.

    The row is committed before any provider is called. The next connection is tried only when it is certain that the
    one before took nothing. What comes back may be failed (a decline), or pending where a provider may have taken the
    payment without our hearing of it: its events or `sync_payment` then settle it. With an `idempotency_key` that was
    used before, the same order gets the same payment, and another order Conflict.

    Raises InvalidRequest and ConfigurationError before anything is written; when every connection failed, the payment
    is kept as failed and the last one's error is raised.
    """
    request = order.request()
    check_idempotency_key(idempotency_key)
    payment = Payment(organization=organization, idempotency_key=idempotency_key or None)
    try:
        route = route_payment(
            organization, order, lambda offered: _check(_captured_as_set(request, order, offered), payment, offered)
        )
        request = _captured_as_set(request, order, route.connections[0])
        _insert(payment, order, request, route)
    except (IntegrationError, IntegrityError):
        # Nearly every key is new: whether this one is not is asked only where it stands in the way, or where what
        # the earlier payment could be made with is there no more.
        earlier = _earlier(organization, order, idempotency_key)
        if earlier is None:
            raise
        return _resume(earlier)
    return _charge(payment, request, route.connections, is_new=True)


def _captured_as_set(request: PaymentRequest, order: PaymentOrder, connection: Connection) -> PaymentRequest:
    """An order that does not say itself when it is captured, as the settings of the connection say."""
    if order.capture is not None:
        return request
    settings = settings_of(connection)
    waits = settings is not None and not settings.auto_capture
    return replace(request, capture=not (waits and "capture" in payment_provider(connection).operations))


def _earlier(organization: Organization, order: PaymentOrder, idempotency_key: str) -> Payment | None:
    if not idempotency_key:
        return None
    earlier = Payment.objects.filter(organization=organization, idempotency_key=idempotency_key).first()
    if earlier is not None and earlier.request_fingerprint != order.fingerprint():
        raise Conflict("This idempotency key was used for another order.", field="idempotency_key")
    return earlier


def _insert(payment: Payment, order: PaymentOrder, request: PaymentRequest, route: Route) -> None:
    """Commit the payment as pending. Raises IntegrityError when a twin was faster."""
    payment.connection = route.connections[0]
    payment.request_fingerprint = order.fingerprint()
    payment.reference, payment.amount, payment.currency = request.reference, request.amount, request.currency
    payment.method, payment.country = request.method, request.country
    payment.capture_mode = Payment.CaptureMode.AUTOMATIC if request.capture else Payment.CaptureMode.MANUAL
    payment.customer, payment.metadata = dict(order.customer), dict(request.metadata)
    for left in route.passed_over:
        lack = route.lacks.get(left.pk)
        code, message = (lack.code, lack.message) if lack else ("connection_down", "It is known to be down.")
        add_attempt(payment, left, outcome="skipped", code=code, message=message)
    with transaction.atomic(durable=True):
        payment.save(force_insert=True)
        PaymentOperation.objects.create(
            organization=payment.organization,
            payment=payment,
            kind=PaymentOperation.Kind.CREATE,
            amount=request.amount,
            **kept_request(request, order),
        )
        record_action("payment.created", payment, {"amount": str(payment.amount), "currency": payment.currency})


def sync_payment(payment: Payment) -> Payment:
    """Ask the provider how the payment stands, and settle what time-outs left open.

    A payment whose creation was never answered is asked for again under the same provider's key, which makes it the
    same charge. Raises NotSupported where the provider cannot be asked, and what it makes of the question.
    """
    payment = Payment.objects.get(pk=payment.pk)
    return read_payment(payment) if payment.provider_reference else _resume(payment)


def _resume(payment: Payment) -> Payment:
    """Find out what became of a payment whose answer was never written down; return any other as it is.

    The gateway is asked for the payment by our reference where it can be; else asked to make it again, where that makes
    the same one, or only opens another page. Otherwise the payment stays pending, as it does while another process may
    still wait for its answer.
    """
    connection = payment.connection
    if connection is None or payment.status != Payment.Status.PENDING or payment.provider_reference:
        return payment
    provider, request = payment_provider(connection), stored_request(payment)
    idle = timezone.now() - payment.updated_at
    if not (_answer_is_lost(payment) or idle > ABANDONED_AFTER):
        return Payment.objects.get(pk=payment.pk)
    if _can_be_repeated(payment, connection, provider, request):
        return _repeat(payment, request, connection)
    if "find" in provider.operations:
        return _find(payment, request, connection)
    return Payment.objects.get(pk=payment.pk)


def _can_be_repeated(
    payment: Payment, connection: Connection, provider: PaymentProvider, request: PaymentRequest
) -> bool:
    age = timezone.now() - payment.created_at
    opens_a_page = not provider.charges_at_once(request) and age < provider.payment_window(connection.configuration)
    return is_repeatable(provider, "create", age) or (opens_a_page and "find" not in provider.operations)


def _repeat(payment: Payment, request: PaymentRequest, connection: Connection) -> Payment:
    if not _begin_attempt(payment, connection):
        return Payment.objects.get(pk=payment.pk)
    try:
        return _record_answer(payment, connection, _ask(payment, request, connection))
    except IntegrationError as failure:
        # But for a decline, a refusal of the repetition says nothing of the first time.
        is_decline_now = is_decline(failure)
        outcome = "declined" if is_decline_now else "unknown"
        return _record_failure(payment, connection, failure, outcome=outcome, ends=is_decline_now)


def _find(payment: Payment, request: PaymentRequest, connection: Connection) -> Payment:
    """By our reference. Where the gateway made nothing of it, the payment is taken as if it had just been ordered."""
    asked_after = timezone.now() - payment.updated_at
    provider = payment_provider(connection)
    client = client_for(connection, operation="find_payment", any_status=True)
    found = provider.find_payment(
        client, _completed(request, payment, connection), idempotency_key=_key(payment, connection)
    )
    if found is not None and found.awaits_completion:
        found = complete_payment(connection, found, str(payment.pk))
    if found is not None:
        return _record_answer(payment, connection, found)
    if asked_after < SHOWS_AFTER:
        return Payment.objects.get(pk=payment.pk)
    return _take_up(payment, request, connection)


def _take_up(payment: Payment, request: PaymentRequest, connection: Connection) -> Payment:
    """For certain nothing was taken: try again, where it is due, here and then with the connections that come after."""
    if not _begin_attempt(payment, connection):
        return Payment.objects.get(pk=payment.pk)
    none_made = Unavailable("The gateway has made no payment of it.")
    is_late = timezone.now() - payment.created_at > _TAKEN_UP_WITHIN
    _record_failure(payment, connection, none_made, outcome="failed", ends=is_late)
    tried = {attempt["connection"] for attempt in payment.attempts}
    try:
        check = partial(_check, request, payment)
        route = route_payment(payment.organization, stored_order(payment), check).connections
    except IntegrationError:
        route = [connection]
    others = [other for other in route if str(other.pk) not in tried]
    return Payment.objects.get(pk=payment.pk) if is_late else _charge(payment, request, [connection, *others])


def _answer_is_lost(payment: Payment) -> bool:
    return bool(payment.attempts) and payment.attempts[-1]["outcome"] == "unknown"


def _charge(
    payment: Payment, request: PaymentRequest, connections: Sequence[Connection], *, is_new: bool = False
) -> Payment:
    """Try the connections in order until one answers, or may have. Raises the last one's error.

    `is_new`: the payment was just written down with the first of them, and nobody can have told of it yet.
    """
    for connection in connections:
        is_begun = is_new and connection is connections[0]
        if not is_begun and not _begin_attempt(payment, connection):
            break
        try:
            return _record_answer(payment, connection, _ask(payment, request, connection), is_as_written=is_begun)
        except IntegrationError as failure:
            if may_have_taken_effect(failure):
                logger.warning("Payment %s may have been taken: %s", payment.pk, failure.code)
                return _record_failure(payment, connection, failure, outcome="unknown")
            if is_decline(failure):
                return _record_failure(payment, connection, failure, outcome="declined", ends=True)
            is_last = connection is connections[-1]
            _record_failure(payment, connection, failure, outcome="failed", ends=is_last)
            if is_last:
                raise
    return Payment.objects.get(pk=payment.pk)


def _begin_attempt(payment: Payment, connection: Connection) -> bool:
    """Note, before the call, where the payment is tried; False when somebody else has come between: an event that has
    settled it, or another who tries it, beside whom this would be a second charge."""
    now = timezone.now()
    untouched = Payment.objects.filter(pk=payment.pk, updated_at=payment.updated_at)
    still_open = untouched.filter(status=Payment.Status.PENDING, provider_reference="")
    began = bool(still_open.update(connection=connection, updated_at=now))
    payment.connection, payment.updated_at = connection, now
    return began


def _ask(payment: Payment, request: PaymentRequest, connection: Connection) -> PaymentResult:
    client = client_for(connection, operation="create_payment")
    completed = _completed(request, payment, connection)
    return payment_provider(connection).create_payment(client, completed, idempotency_key=_key(payment, connection))


def _key(payment: Payment, connection: Connection) -> str:
    """The payment's with the connection's: asked twice, it is one charge."""
    return f"{payment.pk}:{connection.pk}"


def _completed(request: PaymentRequest, payment: Payment, connection: Connection) -> PaymentRequest:
    """The request with what is ours: the payer comes back to us first, and we ask the gateway what became of it."""
    kept = settings_of(connection)
    return replace(
        request,
        success_url=return_address(payment),
        cancel_url=cancel_address(payment),
        instructions_url=instructions_address(payment),
        webhook_url=kept.webhook_url if kept else "",
        payment_id=str(payment.pk),
        metadata={**request.metadata, OUR_ID: str(payment.pk)},
    )


def _check(request: PaymentRequest, payment: Payment, connection: Connection) -> None:
    """Raises what the gateway would lack in the order."""
    payment_provider(connection).check_request(_completed(request, payment, connection), connection.configuration)


def _record_answer(
    payment: Payment, connection: Connection, result: PaymentResult, *, is_as_written: bool = False
) -> Payment:
    """`is_as_written`: what we hold is what we wrote, so that it need not be read back if nobody has written since."""
    is_declined = result.status is PaymentStatus.FAILED
    with transaction.atomic():
        written_at = Payment.objects.select_for_update().values_list("updated_at", flat=True).get(pk=payment.pk)
        fresh = written_at == payment.updated_at
        locked = payment if is_as_written and fresh else Payment.objects.get(pk=payment.pk)
        locked.connection = connection  # as it is, with all that was read of it
        apply_result(locked, result, fresh=fresh)
        add_attempt(
            locked,
            connection,
            outcome="declined" if is_declined else "accepted",
            code=result.failure_code,
            message=result.failure_message,
        )
        locked.save()
        locked.operations.filter(kind=PaymentOperation.Kind.CREATE).update(
            status=PaymentOperation.Status.FAILED if is_declined else PaymentOperation.Status.SUCCEEDED,
            provider_reference=result.provider_reference,
            error_code=result.failure_code[:100],
            error_message=result.failure_message,
        )
    return locked


def _record_failure(
    payment: Payment, connection: Connection, failure: IntegrationError, *, outcome: str, ends: bool = False
) -> Payment:
    """Write down an attempt that brought no answer; `ends`: there is nothing left to try."""
    code = getattr(failure, "provider_code", "") or failure.code
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        add_attempt(locked, connection, outcome=outcome, code=code, message=failure.message)
        if ends and Payment.Status.FAILED in TRANSITIONS[locked.status]:
            locked.status = Payment.Status.FAILED
            locked.failure_code, locked.failure_message = code[:100], failure.message
        locked.save()
        payment.updated_at = locked.updated_at
        status = PaymentOperation.Status.FAILED if ends else PaymentOperation.Status.PENDING
        locked.operations.filter(kind=PaymentOperation.Kind.CREATE).update(
            status=status, error_code=code[:100], error_message=failure.message
        )
    return locked
