"""A dry run of one event: what it would do if it were replayed now."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.errors import IntegrationError, UnreadablePayload
from integrations.operations.payment_rehearsal import Rehearsal, rehearse_event
from integrations.providers.base import Provider
from integrations.providers.events import NormalizedEvent
from integrations.providers.registry import get_provider

from .attempt import is_applied
from .models import WebhookEvent
from .payloads import normalized_of, payload_of


@dataclass(frozen=True)
class EventRehearsal:
    """`is_wanted`: the endpoint acts on this type. `problem`: why it would fail before any of `steps` were done."""

    is_wanted: bool
    steps: tuple[Rehearsal, ...] = ()
    problem: IntegrationError | None = None


def rehearse(event: WebhookEvent) -> EventRehearsal:
    """Writes nothing and calls nobody; tells nothing of the body but the payments' states."""
    endpoint = event.webhook_endpoint
    is_wanted = not endpoint.event_types or event.event_type in endpoint.event_types
    try:
        return EventRehearsal(is_wanted, _steps(event))
    except IntegrationError as problem:
        return EventRehearsal(is_wanted, problem=problem)


def _steps(event: WebhookEvent) -> tuple[Rehearsal, ...]:
    provider = get_provider(event.webhook_endpoint.connection.provider.slug)
    said = normalized_of(event, payload_of(event))
    return tuple(_step(event, provider, one) if is_applied(event, one) else Rehearsal(one) for one in said)


def _step(event: WebhookEvent, provider: Provider, one: NormalizedEvent) -> Rehearsal:
    if provider.signature is None:
        raise UnreadablePayload("This provider sends no events that we know of.")
    return rehearse_event(event.webhook_endpoint.connection, one, trust=provider.signature.trust)
