"""The door: verify the raw bytes, store them once, answer.

Nothing else happens here. What an event means is worked out later, by `inbox`, from what was stored.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, DataError, connection
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.errors import IntegrationError, RateLimited, SignatureRefused, UnreadablePayload
from integrations.limits import redis_client
from integrations.models.base import uuid7
from integrations.providers.base import Provider
from integrations.providers.events import EventIdentity
from integrations.providers.registry import get_provider
from integrations.providers.signatures import InboundRequest
from integrations.request_id import current_request_id
from integrations.vault import SealedText

from .models import WebhookEndpoint
from .wake_up import wake_inbox

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_048_576
_CACHED_SECONDS = 5.0
_RETRY_SECONDS = 30
# What is kept of the headers beside the signature: enough to read the body by, nothing that identifies or authorizes.
_KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")

# The unique (endpoint, event id) is what makes a redelivery, or two at once, one row.
_STORE = """
INSERT INTO webhook_events (
    id, organization_id, webhook_endpoint_id, event_id, event_type, normalized_type, raw_body, headers, signature,
    signature_verified, processing_status, retry_count, error_message
) VALUES (%s, %s, %s, %s, %s, '', %s, %s, %s, true, 'pending', 0, '')
ON CONFLICT (webhook_endpoint_id, event_id) DO NOTHING
"""


class TooLarge(IntegrationError):
    code = "too_large"
    http_status = 413


class UnknownEndpoint(IntegrationError):
    code = "not_found"
    http_status = 404


class CannotStore(IntegrationError):
    code = "cannot_store"
    http_status = 503


@dataclass(frozen=True)
class Endpoint:
    """What the door needs to know of an endpoint; its secrets stay sealed until a signature is checked."""

    pk: uuid.UUID
    organization_id: uuid.UUID
    slug: str
    secret: SealedText
    previous_secret: SealedText | None
    previous_until: datetime | None
    max_per_minute: int

    def secrets(self, now: float) -> list[str]:
        """Newest first; the one before while its overlap lasts."""
        revealed = [self.secret.reveal()]
        if self.previous_secret and self.previous_until and self.previous_until.timestamp() > now:
            revealed.append(self.previous_secret.reveal())
        return revealed


@csrf_exempt
def receive(request: HttpRequest, endpoint_id: uuid.UUID) -> JsonResponse:
    """`POST /webhooks/<endpoint id>/`: 200 once the event is stored, see api.md for the rest."""
    if request.method != "POST":
        return JsonResponse(_error("method_not_allowed", "Send events by POST."), status=405, headers={"Allow": "POST"})
    try:
        _accept(request, endpoint_id)
    except IntegrationError as error:
        return _refusal(error)
    wake_inbox()
    return JsonResponse({"received": True})


def _accept(request: HttpRequest, endpoint_id: uuid.UUID) -> None:
    endpoint = _endpoint(endpoint_id)
    _count(endpoint)
    provider = get_provider(endpoint.slug)
    headers = {name.lower(): value for name, value in request.headers.items()}
    inbound = InboundRequest(body=_read(request), headers=headers, received_at=time.time())
    if provider.signature is None:
        raise SignatureRefused("This provider signs nothing that we know of.")
    provider.signature.verify(inbound, endpoint.secrets(inbound.received_at))
    identity = _identify(provider, inbound)
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    _store(endpoint, identity, inbound.body, kept, headers.get(provider.signature.header, ""))


def _read(request: HttpRequest) -> bytes:
    """The raw body. One that says it is too large is not read at all."""
    try:
        announced = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        announced = 0
    if announced > MAX_BODY_BYTES:
        raise TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise UnreadablePayload("The body broke off.") from error
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
    return body


def _identify(provider: Provider, inbound: InboundRequest) -> EventIdentity:
    try:
        payload = json.loads(inbound.body)
    except (ValueError, RecursionError) as error:
        raise UnreadablePayload("The body is not JSON.") from error
    if not isinstance(payload, dict):
        raise UnreadablePayload("The body is not a JSON object.")
    identity = provider.identify_event(payload, inbound.headers)
    for text, longest in ((identity.event_id, 255), (identity.event_type, 100)):
        if not text or len(text) > longest or not text.isprintable():
            raise UnreadablePayload("The event's id or type is not one.")
    return identity


def _store(
    endpoint: Endpoint, identity: EventIdentity, body: bytes, headers: Mapping[str, str], signature: str
) -> None:
    row: list[Any] = [uuid7(), endpoint.organization_id, endpoint.pk, identity.event_id, identity.event_type, body]
    row += [json.dumps(headers).replace("\\u0000", ""), signature.replace("\x00", "")[:4096]]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_STORE, row)
    except DataError as error:
        raise UnreadablePayload("The event cannot be stored as it is.") from error
    except DatabaseError as error:
        logger.error("An event of endpoint %s could not be stored: %s", endpoint.pk, type(error).__name__)  # noqa: TRY400
        connection.close()
        raise CannotStore("The event cannot be stored now; send it again.") from error


# Endpoints by id, each good for a few seconds; None for one that is not there, so that guessing costs no query.
_cache: dict[uuid.UUID, tuple[float, Endpoint | None]] = {}
_CACHE_ENTRIES = 10_000


def _endpoint(endpoint_id: uuid.UUID) -> Endpoint:
    known = _cache.get(endpoint_id)
    if known is None or known[0] < time.monotonic():
        if len(_cache) >= _CACHE_ENTRIES:
            _cache.clear()
        known = (time.monotonic() + _CACHED_SECONDS, _load(endpoint_id))
        _cache[endpoint_id] = known
    if known[1] is None:
        raise UnknownEndpoint("There is no such endpoint.")
    return known[1]


def _load(endpoint_id: uuid.UUID) -> Endpoint | None:
    found = WebhookEndpoint.objects.filter(pk=endpoint_id, is_active=True, organization__is_active=True)
    try:
        endpoint = found.select_related("connection__provider").first()
    except DatabaseError as error:
        connection.close()
        raise CannotStore("The event cannot be stored now; send it again.") from error
    if endpoint is None:
        return None
    return Endpoint(
        pk=endpoint.pk,
        organization_id=endpoint.organization_id,
        slug=endpoint.connection.provider.slug,
        secret=endpoint.webhook_secret,
        previous_secret=endpoint.previous_webhook_secret,
        previous_until=endpoint.previous_secret_expires_at,
        max_per_minute=endpoint.max_per_minute,
    )


@receiver([post_save, post_delete], sender=WebhookEndpoint, dispatch_uid="hub.webhooks.receive")
def _forget(sender: object, instance: WebhookEndpoint, **kwargs: object) -> None:
    """This process sees a change at once; others within seconds."""
    _cache.pop(instance.pk, None)


def _count(endpoint: Endpoint) -> None:
    """The endpoint's own limit, by the minute. With Redis away events are let in rather than lost."""
    now = int(time.time())
    key = f"hub:webhook:{endpoint.pk}:{now // 60}"
    try:
        client = redis_client(settings.REDIS_URL)
        used: Any = client.incr(key)
        if used == 1:
            client.expire(key, 120)
    except redis.RedisError:
        return
    if used > endpoint.max_per_minute:
        raise RateLimited("This endpoint takes no more events this minute.", retry_after=60 - now % 60)


def _refusal(error: IntegrationError) -> JsonResponse:
    response = JsonResponse(_error(error.code, error.message), status=error.http_status)
    if isinstance(error, RateLimited):
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    elif isinstance(error, CannotStore):
        response["Retry-After"] = str(_RETRY_SECONDS)
    return response


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "request_id": current_request_id()}}
