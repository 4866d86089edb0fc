"""The stored body of an event, read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from integrations.errors import UnreadablePayload
from integrations.providers.events import NormalizedEvent
from integrations.providers.registry import get_provider

from .bodies import TooLarge, read_payload
from .models import WebhookEvent
from .ordering import plausible
from .stored_body import body_of


def payload_of(event: WebhookEvent) -> dict[str, Any]:
    """What the verified bytes say, as providers are given it. Raises UnreadablePayload, and what `body_of` raises."""
    try:
        return read_payload(body_of(event), event.headers)
    except TooLarge as error:
        raise UnreadablePayload("The stored body is larger than a body may be.") from error


def normalized_of(event: WebhookEvent, payload: Mapping[str, Any]) -> list[NormalizedEvent]:
    """What the payload says in our words, each with its position. Raises what the provider makes of it."""
    provider = get_provider(event.webhook_endpoint.connection.provider.slug)
    said = provider.parse_events(payload, event.headers)
    return [
        replace(one, position=position, received_at=event.received_at, occurred_at=plausible(one.occurred_at))
        for position, one in enumerate(said)
    ]
