"""What is posted for a delivery, made of its event anew each time: no second copy of a payer's data is kept."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrations.errors import IntegrationError, UnreadablePayload
from integrations.providers.events import NormalizedEvent
from integrations.providers.registry import get_provider

from ..envelope import normalized_body
from ..inbox import payload_of
from ..models import WebhookDelivery, WebhookDestination, WebhookEndpoint, WebhookEvent
from .queue import Claimed
from .send import Message

logger = logging.getLogger(__name__)

TEST_TYPE = "hub.test"
_JSON = "application/json"


def messages_of(
    deliveries: Iterable[tuple[Claimed, bool]], known: dict[uuid.UUID, WebhookEndpoint]
) -> dict[uuid.UUID, Message | IntegrationError]:
    """By delivery its message, or why there is none. `deliveries` come with whether they are to be raw.

    `known` keeps the endpoints that were read, of which many events share one.
    """
    chosen = list(deliveries)
    events = _events({one.event_id for one, _ in chosen if one.event_id}, known)
    messages: dict[uuid.UUID, Message | IntegrationError] = {}
    for one, is_raw in chosen:
        try:
            messages[one.pk] = _message(one, events.get(one.event_id) if one.event_id else None, is_raw=is_raw)
        except IntegrationError as error:
            messages[one.pk] = error
        except Exception as error:  # the edge of the work: one event must not stop the others
            logger.exception("The message of delivery %s could not be made.", one.pk)
            messages[one.pk] = UnreadablePayload("Unexpected {kind}.", kind=type(error).__name__)
    return messages


def message_of(delivery: WebhookDelivery) -> Message:
    """For one that is shown or sent by itself. Raises IntegrationError."""
    claimed = Claimed.of(delivery)
    event = _events({delivery.event_id}, {})[delivery.event_id] if delivery.event_id else None
    return _message(claimed, event, is_raw=delivery.destination.form == WebhookDestination.Form.RAW)


def _message(delivery: Claimed, event: WebhookEvent | None, *, is_raw: bool) -> Message:
    if delivery.event_id is None:
        return _test_message(delivery)
    if event is None:
        raise UnreadablePayload("The event is no longer here.")
    headers = {"hub-event-type": _for_a_header(delivery.event_type)}
    if not is_raw:
        normalized = _normalized(event)
        if delivery.event_index >= len(normalized):
            raise UnreadablePayload("The event no longer says what it said.")
        envelope = normalized_body(event, normalized[delivery.event_index])
        return Message(_as_json(envelope), {"content-type": _JSON, **headers})
    return Message(_raw_body(event), {**_raw_headers(event), **headers})


def _raw_body(event: WebhookEvent) -> bytes:
    if event.raw_body is None:
        raise UnreadablePayload("The body of this event is no longer kept here.")
    return bytes(event.raw_body)


def _raw_headers(event: WebhookEvent) -> dict[str, str]:
    connection = event.webhook_endpoint.connection
    encoding = event.headers.get("content-encoding")
    return {
        "content-type": _for_a_header(event.headers.get("content-type") or _JSON),
        **({"content-encoding": _for_a_header(encoding)} if encoding else {}),
        "hub-event-id": _for_a_header(event.event_id),
        "hub-event": str(event.pk),
        "hub-provider": connection.provider.slug,
        "hub-connection": str(connection.pk),
        "hub-received-at": event.received_at.isoformat(),
        "hub-is-test": str(event.is_test).lower(),
    }


def _normalized(event: WebhookEvent) -> Sequence[NormalizedEvent]:
    provider = get_provider(event.webhook_endpoint.connection.provider.slug)
    return provider.parse_events(payload_of(event), event.headers)


def _test_message(delivery: Claimed) -> Message:
    body = {
        "id": str(delivery.pk),
        "type": TEST_TYPE,
        "organization": str(delivery.organization_id),
        "is_test": True,
        "data": {"message": "It works."},
    }
    return Message(_as_json(body), {"content-type": _JSON, "hub-event-type": TEST_TYPE})


def _events(keys: set[uuid.UUID], known: dict[uuid.UUID, WebhookEndpoint]) -> dict[uuid.UUID, WebhookEvent]:
    """With their endpoints."""
    events = WebhookEvent.objects.defer("payload", "attempts", "signature").in_bulk(keys) if keys else {}
    if unknown := {event.webhook_endpoint_id for event in events.values()} - known.keys():
        known |= WebhookEndpoint.objects.select_related("connection__provider", "organization").in_bulk(unknown)
    for event in events.values():
        event.webhook_endpoint = known[event.webhook_endpoint_id]
    return events


def _as_json(envelope: Mapping[str, Any]) -> bytes:
    return json.dumps(envelope, separators=(",", ":")).encode()


def _for_a_header(text: str) -> str:
    return text.encode("ascii", errors="replace").decode().replace("\r", " ").replace("\n", " ")
