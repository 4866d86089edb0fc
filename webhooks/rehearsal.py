"""A dry run of one event: what it would do if it were replayed now."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.errors import IntegrationError, UnreadablePayload
from integrations.operations.payment_rehearsal import Rehearsal, rehearse_event
from integrations.providers.registry import get_provider

from .attempt import is_applied
from .models import WebhookEvent
from .payloads import payload_of


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
    connection = event.webhook_endpoint.connection
    provider = get_provider(connection.provider.slug)
    if provider.signature is None:
        raise UnreadablePayload("This provider sends no events that we know of.")
    trust = provider.signature.trust
    said = provider.parse_events(payload_of(event), event.headers)
    return tuple(
        rehearse_event(connection, one, trust=trust) if is_applied(event, one) else Rehearsal(one) for one in said
    )
