"""What is posted for a delivery, made of its event anew each time: no second copy of a payer's data is kept."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integrations.errors import IntegrationError, UnreadablePayload
from integrations.operations.event_owners import named
from integrations.providers.events import NormalizedEvent
from integrations.providers.registry import get_provider

from ..envelope import normalized_body
from ..models import WebhookDelivery, WebhookDestination, WebhookEndpoint, WebhookEvent
from ..payloads import normalized_of, payload_of
from ..stored_body import body_of
from .queue import Claimed
from .send import Message

logger = logging.getLogger(__name__)

TEST_TYPE = "hub.test"
_JSON = "application/json"

Said = Mapping[uuid.UUID, Sequence[NormalizedEvent] | Exception]


def messages_of(
    deliveries: Iterable[tuple[Claimed, bool]], known: dict[uuid.UUID, WebhookEndpoint]
) -> dict[uuid.UUID, Message | IntegrationError]:
    """By delivery its message, or why there is none. `deliveries` come with whether they are to be raw.

    `known` keeps the endpoints that were read, of which many events share one.
    """
    chosen = list(deliveries)
    events = _events({one.event_id for one, _ in chosen if one.event_id}, known)
    spoken = [events[one.event_id] for one, is_raw in chosen if not is_raw and one.event_id in events]
    said = _said({event.pk: event for event in spoken})
    return {
        one.pk: _unless_impossible(one, events.get(one.event_id) if one.event_id else None, said, is_raw=is_raw)
        for one, is_raw in chosen
    }


def message_of(delivery: WebhookDelivery) -> Message:
    """For one that is shown or sent by itself. Raises IntegrationError."""
    claimed = Claimed.of(delivery)
    message = messages_of([(claimed, delivery.destination.form == WebhookDestination.Form.RAW)], {})[claimed.pk]
    if isinstance(message, IntegrationError):
        raise message
    return message


def _said(events: Mapping[uuid.UUID, WebhookEvent]) -> Said:
    """What each event says, with what we call its subjects; or why it cannot be read."""
    said: dict[uuid.UUID, Sequence[NormalizedEvent] | Exception] = {}
    for key, event in events.items():
        try:
            said[key] = normalized_of(event, payload_of(event))
        except Exception as error:  # noqa: BLE001 - one event must not stop the others: told where it is wanted
            said[key] = error
    read = [(key, one) for key, several in said.items() if not isinstance(several, Exception) for one in several]
    names = iter(named([(events[key].webhook_endpoint.connection, one) for key, one in read]))
    for key, several in said.items():
        if not isinstance(several, Exception):
            said[key] = [next(names) for _ in several]
    return said


def _unless_impossible(
    one: Claimed, event: WebhookEvent | None, said: Said, *, is_raw: bool
) -> Message | IntegrationError:
    try:
        return _message(one, event, said, is_raw=is_raw)
    except IntegrationError as error:
        return error
    except Exception as error:  # the edge of the work: one event must not stop the others
        logger.exception("The message of delivery %s could not be made.", one.pk)
        return UnreadablePayload("Unexpected {kind}.", kind=type(error).__name__)


def _message(delivery: Claimed, event: WebhookEvent | None, said: Said, *, is_raw: bool) -> Message:
    if delivery.event_id is None:
        return _test_message(delivery)
    if event is None:
        raise UnreadablePayload("The event is no longer here.")
    headers = {"hub-event-type": _for_a_header(delivery.event_type)}
    if not is_raw:
        normalized = said[event.pk]
        if isinstance(normalized, Exception):
            raise normalized
        if delivery.event_index >= len(normalized):
            raise UnreadablePayload("The event no longer says what it said.")
        envelope = normalized_body(event, normalized[delivery.event_index])
        return Message(_as_json(envelope), {"content-type": _JSON, **headers})
    return Message(body_of(event), {**_raw_headers(event), **headers})


def _raw_headers(event: WebhookEvent) -> dict[str, str]:
    connection = event.webhook_endpoint.connection
    encoding = event.headers.get("content-encoding")
    return {
        "content-type": _for_a_header(event.headers.get("content-type") or _JSON),
        **({"content-encoding": _for_a_header(encoding)} if encoding else {}),
        **{name: _for_a_header(event.headers[name]) for name in _naming(event)},
        "hub-event-id": _for_a_header(event.event_id),
        "hub-event": str(event.pk),
        "hub-provider": connection.provider.slug,
        "hub-connection": str(connection.pk),
        "hub-received-at": event.received_at.isoformat(),
        "hub-is-test": str(event.is_test).lower(),
    }


def _naming(event: WebhookEvent) -> list[str]:
    """The headers in which its provider says which event it is, without which the bytes do not."""
    provider = get_provider(event.webhook_endpoint.connection.provider.slug)
    return [name for name in provider.webhook_headers if name in event.headers]


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
