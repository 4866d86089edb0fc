"""Attempts at events: what one says is applied by the operation that owns its subject, and it is completed.

Both are one transaction: an event is completed if and only if it was applied, and a worker that has lost its lease
changes nothing. No transaction is open while a provider is asked. Events of one organization share a transaction where
nothing stands against it; at the first trouble each has one of its own, so that none suffers from another.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.errors import IntegrationError, Unavailable, UnreadablePayload
from integrations.operations.event_owners import OWNERS, Ledger, owner_of
from integrations.operations.looks import Look, MustAsk
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.registry import get_provider
from integrations.request_id import Origin, working_as

from .envelope import normalized_body
from .forward.fan_out import fan_out_all
from .models import WebhookEvent
from .ordering import subject_of
from .outcomes import Ended, Outcome, finish, outcome_of_failure
from .payloads import normalized_of, payload_of
from .retries import policy_of
from .signals import event_processed
from .summary import summary_of

logger = logging.getLogger(__name__)

Status = WebhookEvent.Status
Leases = Mapping[UUID, datetime]
Ledgers = Mapping[str, Ledger]
LONGEST_LOOK = timedelta(seconds=40)  # at a provider that hangs, once it has said that the payment is to be completed
_OUT_OF_PLACE = gettext_noop(
    "The provider says that it is of its test mode, and this connection is for live payments: nothing was applied."
)
_KILLED_WORKERS = gettext_noop("No worker came to an end with it.")


class _LeaseLost(Exception):
    """Somebody else has the event by now."""


def attempt_together(events: Sequence[WebhookEvent], leases: Leases) -> list[Ended]:
    """Those of one organization's events that go smoothly, completed in one transaction. The others are untouched, and
    so is what follows them of the same subject: they are for `attempt`."""
    read = [ended for event in events if (ended := _read_smoothly(event, leases[event.pk])) is not None]
    try:
        with transaction.atomic():
            applied = _apply_smoothly(events, read)
            _finish(applied)
    except Exception as error:  # noqa: BLE001 - whatever it was, each by itself is spared the others' trouble
        logger.warning("A batch of %s events is taken apart: %s", len(events), type(error).__name__)
        return []
    for ended in applied:
        _tell(ended)
    return applied


def attempt(event: WebhookEvent, lease_ends: datetime, *, may_ask: bool) -> Ended | None:
    """Returns what was written, or None where the lease was lost.

    Unless it `may_ask`, which may take as long as a provider hangs, it raises MustAsk, having written nothing.
    """
    started = Ended(event, Outcome(Status.COMPLETED), lease_ends, timezone.now())
    with _origin(event):
        try:
            ended = _complete(started, may_ask=may_ask)
        except _LeaseLost:
            return None
        except MustAsk:
            raise
        except Exception as error:  # the edge of the work: whatever it was, the event must not be lost
            if not isinstance(error, IntegrationError):
                logger.exception("Event %s could not be processed.", event.pk)
            failed = replace(started, outcome=outcome_of_failure(event, error))
            return failed if finish([failed]) else None
    _tell(ended)
    return ended


def is_applied(event: WebhookEvent, one: NormalizedEvent) -> bool:
    """Whether what the event says may change anything here. A test event tells of something that does not exist, and
    one of our own of what is done already: they are understood and passed on, and change nothing."""
    is_news = event.webhook_endpoint.has_address and not event.is_test
    return owner_of(one.type) is not None and is_news and not is_out_of_place(event, one)


def is_out_of_place(event: WebhookEvent, one: NormalizedEvent) -> bool:
    """Of its provider's test mode, at a connection for live traffic: of one secret or address for both."""
    return one.is_live is False and event.webhook_endpoint.connection.is_live and not event.is_test


def _complete(started: Ended, *, may_ask: bool) -> Ended:
    event = started.event
    if _has_killed_workers(event):
        failed = replace(started, outcome=Outcome(Status.FAILED, error_message=_KILLED_WORKERS))
        _finish([failed])
        return failed
    read = replace(started, outcome=_read(event))
    looks: dict[int, Look] = {}
    while True:
        try:
            with transaction.atomic():
                ledgers = _open([read])
                applied = _apply(read, ledgers, looks)
                _save(ledgers)
                _finish([applied])
                return applied
        except MustAsk as must:
            owner = owner_of(must.event.type)
            if not may_ask or owner is None:
                raise
            if started.lease_ends - timezone.now() < LONGEST_LOOK:
                raise Unavailable("The provider took too long to answer.") from must
            looks[must.event.position] = owner.look(event.webhook_endpoint.connection, must)


def _finish(ended: Sequence[Ended]) -> None:
    if ended and not finish(ended):
        raise _LeaseLost
    fan_out_all((one.event, one.outcome.normalized) for one in ended if one.outcome.is_passed_on)


def _has_killed_workers(event: WebhookEvent) -> bool:
    return bool(event.retry_count > policy_of(event.webhook_endpoint)["max_retries"])


def _read_smoothly(event: WebhookEvent, lease_ends: datetime) -> Ended | None:
    """An event that says at most one thing (of several, one might be applied and the next not) and never failed: one
    that did, or that cost a worker its life, is kept away from the others."""
    if event.retry_count:
        return None
    started_at = timezone.now()
    try:
        outcome = _read(event)
    except Exception:  # noqa: BLE001 - `attempt` meets it again, and tells
        return None
    if len(outcome.normalized) > 1:
        return None
    return Ended(event, outcome, lease_ends, started_at)


def _apply_smoothly(events: Sequence[WebhookEvent], read: Sequence[Ended]) -> list[Ended]:
    readable = {ended.event.pk: ended for ended in read}
    ledgers = _open(read)
    applied: list[Ended] = []
    stopped: set[Any] = set()
    for event in events:
        ended = readable.get(event.pk)
        if ended is None or subject_of(event) in stopped:
            stopped.add(subject_of(event))
            continue
        try:
            applied.append(_apply(ended, ledgers, {}))
        except (IntegrationError, MustAsk):
            stopped.add(subject_of(event))
    _save(ledgers)
    return applied


def _read(event: WebhookEvent) -> Outcome:
    """What the event says. One of a type that its endpoint does not act on need not even be understood."""
    endpoint = event.webhook_endpoint
    provider = get_provider(endpoint.connection.provider.slug)
    payload = payload_of(event)
    # What is in the archive has its summary already.
    summary = None if event.raw_body is None else summary_of(payload)
    if endpoint.event_types and event.event_type not in endpoint.event_types:
        name = str(provider.event_types.get(event.event_type, EventType.UNKNOWN))
        return Outcome(Status.COMPLETED, normalized_type=name, summary=summary)
    normalized = normalized_of(event, payload)
    name = normalized[0].type.value if normalized else EventType.UNKNOWN.value
    if any(is_out_of_place(event, one) for one in normalized):
        return Outcome(Status.COMPLETED, _OUT_OF_PLACE, normalized_type=name, summary=summary)
    return Outcome(Status.COMPLETED, normalized_type=name, normalized=normalized, summary=summary)


def _open(read: Sequence[Ended]) -> Ledgers:
    """A ledger of each domain that the events are about."""
    told: dict[str, list[tuple[Any, NormalizedEvent]]] = {}
    for ended in read:
        for one in ended.outcome.normalized:
            if is_applied(ended.event, one):
                told.setdefault(one.type.domain, []).append((ended.event.webhook_endpoint.connection, one))
    return {domain: OWNERS[domain].open(several) for domain, several in told.items()}


def _save(ledgers: Ledgers) -> None:
    for ledger in ledgers.values():
        ledger.save()


def _apply(ended: Ended, ledgers: Ledgers, looks: Mapping[int, Look]) -> Ended:
    """Returns it with what the event's subjects are called here."""
    with _origin(ended.event):
        normalized = [_applied(ended.event, one, ledgers, looks.get(one.position)) for one in ended.outcome.normalized]
    return replace(ended, outcome=replace(ended.outcome, normalized=normalized))


def _applied(event: WebhookEvent, one: NormalizedEvent, ledgers: Ledgers, look: Look | None) -> NormalizedEvent:
    owner, connection = owner_of(one.type), event.webhook_endpoint.connection
    if owner is None or not is_applied(event, one):
        return one
    signature = get_provider(connection.provider.slug).signature
    if signature is None:
        raise UnreadablePayload("This provider sends no events that we know of.")
    subject = owner.write(ledgers[one.type.domain], connection, one, trust=signature.trust, look=look)
    return one if subject is None else replace(one, attributes={**one.attributes, **owner.names(subject)})


def _tell(ended: Ended) -> None:
    for one in ended.outcome.normalized:
        with _origin(ended.event):
            told = {"event": ended.event, "normalized": one, "body": normalized_body(ended.event, one)}
            for receiver, answer in event_processed.send_robust(sender=WebhookEvent, **told):
                if isinstance(answer, Exception):
                    logger.error("%s failed on event %s: %s", receiver, ended.event.pk, type(answer).__name__)


def _origin(event: WebhookEvent) -> AbstractContextManager[Origin]:
    return working_as("webhook inbox", request_id=f"event-{event.pk}")
