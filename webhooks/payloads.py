"""The stored body of an event, read again."""

from __future__ import annotations

from typing import Any

from integrations.errors import UnreadablePayload

from .bodies import TooLarge, read_payload
from .models import WebhookEvent
from .stored_body import body_of


def payload_of(event: WebhookEvent) -> dict[str, Any]:
    """What the verified bytes say, as providers are given it. Raises UnreadablePayload, and what `body_of` raises."""
    try:
        return read_payload(body_of(event), event.headers)
    except TooLarge as error:
        raise UnreadablePayload("The stored body is larger than a body may be.") from error
