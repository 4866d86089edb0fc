"""One attempt at one event: what it says is applied by the operation that owns its subject, and it is completed.

Both are one transaction: an event is completed if and only if it was applied, and a worker that has lost its lease
changes nothing. No transaction is open while a provider is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from integrations.errors import IntegrationError, Unavailable, UnreadablePayload
from integrations.models import Connection
from integrations.operations.event_owners import owner_of
from integrations.operations.looks import Look, MustAsk
from integrations.providers.base import Provider
from integrations.providers.events import EventType, NormalizedEvent, Trust
from integrations.providers.registry import get_provider
from integrations.providers.signatures import Signature
from integrations.request_id import Origin, originating

from .envelope import normalized_body
from .models import WebhookEvent
from .outcomes import Outcome, finish, kept, outcome_of_failure
from .payloads import payload_of
from .retries import policy_of
from .signals import event_processed

logger = logging.getLogger(__name__)

Status = WebhookEvent.Status
LONGEST_LOOK = timedelta(seconds=20)  # at a provider that hangs


class _LeaseLost(Exception):
    """Somebody else has the event by now."""


def attempt(event: WebhookEvent, lease_ends: datetime, *, may_ask: bool) -> Outcome | None:
    """Returns what was written, or None where the lease was lost.

    Unless it `may_ask`, which may take as long as a provider hangs, it raises MustAsk, having written nothing.
    """
    started_at = timezone.now()
    with originating(Origin(f"event-{event.pk}", actor="webhook inbox")):
        try:
            outcome = _complete(event, lease_ends, started_at, may_ask=may_ask)
        except _LeaseLost:
            return None
        except MustAsk:
            raise
        except Exception as error:  # the edge of the work: whatever it was, the event must not be lost
            if not isinstance(error, IntegrationError):
                logger.exception("Event %s could not be processed.", event.pk)
            failure = outcome_of_failure(event, error)
            return failure if finish(event, failure, lease_ends, started_at) else None
        _tell(event, outcome)
    return outcome


def _complete(event: WebhookEvent, lease_ends: datetime, started_at: datetime, *, may_ask: bool) -> Outcome:
    if event.retry_count > policy_of(event.webhook_endpoint)["max_retries"]:
        outcome = Outcome(Status.FAILED, error_message="No worker came to an end with it.")
        return _finished(event, outcome, lease_ends, started_at)
    outcome = _read(event)
    looks: dict[int, Look] = {}
    while True:
        try:
            with transaction.atomic():
                applied = replace(outcome, normalized=_apply(event, outcome.normalized, looks))
                return _finished(event, applied, lease_ends, started_at)
        except MustAsk as must:
            owner = owner_of(must.event.type)
            if not may_ask or owner is None:
                raise
            if lease_ends - timezone.now() < LONGEST_LOOK:
                raise Unavailable("The provider took too long to answer.") from must
            looks[must.event.position] = owner.look(event.webhook_endpoint.connection, must)


def _finished(event: WebhookEvent, outcome: Outcome, lease_ends: datetime, started_at: datetime) -> Outcome:
    if not finish(event, outcome, lease_ends, started_at):
        raise _LeaseLost
    return outcome


def _read(event: WebhookEvent) -> Outcome:
    """What the event says. One of a type that its endpoint does not act on need not even be readable."""
    endpoint = event.webhook_endpoint
    provider = _provider(event)
    payload = payload_of(event)
    if endpoint.event_types and event.event_type not in endpoint.event_types:
        name = str(provider.event_types.get(event.event_type, EventType.UNKNOWN))
        return Outcome(Status.COMPLETED, normalized_type=name, payload=kept(payload))
    normalized = [
        replace(one, position=position) if position else one
        for position, one in enumerate(provider.parse_events(payload, event.headers))
    ]
    name = normalized[0].type.value if normalized else EventType.UNKNOWN.value
    return Outcome(Status.COMPLETED, normalized_type=name, normalized=normalized, payload=kept(payload))


def _provider(event: WebhookEvent) -> Provider:
    return get_provider(event.webhook_endpoint.connection.provider.slug)


def _signature(event: WebhookEvent) -> Signature:
    signature = _provider(event).signature
    if signature is None:
        raise UnreadablePayload("This provider sends no events that we know of.")
    return signature


def _apply(
    event: WebhookEvent, normalized: Sequence[NormalizedEvent], looks: Mapping[int, Look]
) -> list[NormalizedEvent]:
    """Returns what is told of them: the same, with what they are called here.

    A test event tells of something that does not exist: it is understood and passed on, and changes nothing.
    """
    trust = _signature(event).trust
    return [
        one if event.is_test else _applied(event.webhook_endpoint.connection, one, trust, looks.get(one.position))
        for one in normalized
    ]


def _applied(connection: Connection, one: NormalizedEvent, trust: Trust, look: Look | None) -> NormalizedEvent:
    owner = owner_of(one.type)
    subject = owner.write(connection, one, trust=trust, look=look) if owner else None
    if owner is None or subject is None:
        return one
    return replace(one, attributes={**one.attributes, **owner.names(subject)})


def _tell(event: WebhookEvent, outcome: Outcome) -> None:
    for one in outcome.normalized:
        body = normalized_body(event, one)
        for receiver, answer in event_processed.send_robust(
            sender=WebhookEvent, event=event, normalized=one, body=body
        ):
            if isinstance(answer, Exception):
                logger.error("%s failed on event %s: %s", receiver, event.pk, type(answer).__name__)
