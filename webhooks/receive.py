"""The door: verify the raw bytes, store them once, answer.

Nothing else happens here. What an event means is worked out later, by `inbox`, from what was stored.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from integrations.errors import IntegrationError, RateLimited, SignatureRefused, UnreadablePayload
from integrations.hints import hint
from integrations.providers.base import Provider
from integrations.providers.events import EventIdentity
from integrations.providers.registry import get_provider
from integrations.providers.signatures import InboundRequest, Signature
from integrations.request_id import current_request_id
from integrations.secrecy import Secret, Unexpected, leaves_no_frames
from integrations.vault import VaultError

from .ingress_limit import count_call
from .known_endpoints import KnownEndpoint, changed_since, find_endpoint
from .store import ReceivedEvent, store_event

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1_048_576
_RETRY_SECONDS = 30
_RECEIVED = b'{"received": true}'
# What is kept of the headers beside the signature: enough to read the body by, nothing that identifies or authorizes.
_KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")


class TooLarge(IntegrationError):
    code = "too_large"
    http_status = 413


class UnknownEndpoint(IntegrationError):
    code = "not_found"
    http_status = 404


class CannotStore(IntegrationError):
    code = "cannot_store"
    http_status = 503


@csrf_exempt
def receive(request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """`POST /webhooks/<endpoint id>/`: 200 once the event is stored, see api.md for the rest."""
    if request.method != "POST":
        return JsonResponse(_error("method_not_allowed", "Send events by POST."), status=405, headers={"Allow": "POST"})
    try:
        with _as_unavailable(endpoint_id):
            _accept(request, endpoint_id)
    except IntegrationError as error:
        return _refusal(error)
    hint("webhooks.tasks.drain_inbox")
    return HttpResponse(_RECEIVED, content_type="application/json")


def _accept(request: HttpRequest, endpoint_id: uuid.UUID) -> None:
    endpoint = find_endpoint(endpoint_id)
    if endpoint is None:
        raise UnknownEndpoint("There is no such endpoint.")
    count_call(endpoint.pk, endpoint.max_per_minute)
    provider = get_provider(endpoint.slug)
    if provider.signature is None:
        raise SignatureRefused("This provider signs nothing that we know of.")
    inbound = InboundRequest(body=_read(request), headers=_headers(request), received_at=time.time())
    _verify(provider.signature, inbound, endpoint)
    store_event(
        ReceivedEvent(
            organization_id=endpoint.organization_id,
            endpoint_id=endpoint.pk,
            identity=_identify(provider, inbound),
            body=inbound.body,
            headers={name: inbound.headers[name] for name in _KEPT_HEADERS if name in inbound.headers},
            signature=inbound.headers.get(provider.signature.header, ""),
        )
    )


@contextmanager
def _as_unavailable(endpoint_id: uuid.UUID) -> Iterator[None]:
    """What is wrong on our side is said as 503, so that the provider keeps the event and sends it again."""
    try:
        yield
    except IntegrityError as error:
        raise UnknownEndpoint("There is no such endpoint.") from error  # deleted since it was looked up
    except DataError as error:
        raise UnreadablePayload("The event cannot be stored as it is.") from error
    except (DatabaseError, VaultError, LookupError, Unexpected) as error:
        # By its type alone: a database's message may quote the row.
        logger.error("An event of endpoint %s could not be stored: %s", endpoint_id, type(error).__name__)  # noqa: TRY400
        if isinstance(error, DatabaseError):
            connection.close()
        raise CannotStore("The event cannot be stored now; send it again.") from error


def _headers(request: HttpRequest) -> dict[str, str]:
    """By lower-case names, as WSGI has them."""
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in request.META.items() if name.startswith("HTTP_")
    }
    headers["content-type"] = request.META.get("CONTENT_TYPE", "")
    return headers


def _read(request: HttpRequest) -> bytes:
    """The raw body. One that says it is too large is not read at all, and none is read beyond the limit."""
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise TooLarge("A body has at most {most} bytes.", most=MAX_BODY_BYTES)
    # Sent in chunks a body announces no length; where the server tells its end, it can be read all the same.
    is_chunked = not announced and request.META.get("wsgi.input_terminated")
    source = request.META["wsgi.input"] if is_chunked else request
    try:
        body: bytes = source.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        raise UnreadablePayload("The body broke off.") from error
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge("A body has at most {most} bytes.", most=MAX_BODY_BYTES)
    return body


def _verify(signature: Signature, inbound: InboundRequest, endpoint: KnownEndpoint) -> None:
    try:
        _check(signature, inbound, endpoint.secrets(inbound.received_at))
    except SignatureRefused:
        changed = changed_since(endpoint)
        if changed is None:
            raise
        _check(signature, inbound, changed.secrets(inbound.received_at))


@leaves_no_frames
def _check(signature: Signature, inbound: InboundRequest, secrets: list[Secret]) -> None:
    signature.verify(inbound, secrets)


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


def _refusal(error: IntegrationError) -> HttpResponse:
    response = JsonResponse(_error(error.code, error.message), status=error.http_status)
    response["Hub-Error"] = error.code
    if isinstance(error, RateLimited):
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    elif isinstance(error, CannotStore):
        response["Retry-After"] = str(_RETRY_SECONDS)
    return response


def _error(code: str, message: str) -> Mapping[str, Any]:
    return {"error": {"code": code, "message": message, "request_id": current_request_id()}}
