"""The door: verify the raw bytes, store them once, answer.

Nothing else happens here. What an event means is worked out later, by `inbox`, from what was stored.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from django.db import DatabaseError, DataError, IntegrityError, connection

from integrations.errors import IntegrationError, RateLimited, SignatureRefused, Unavailable, UnreadablePayload
from integrations.hints import hint
from integrations.providers.base import Provider
from integrations.providers.events import EventIdentity
from integrations.providers.registry import get_provider
from integrations.providers.signatures import Challenge, InboundRequest, Signature
from integrations.secrecy import leaves_no_frames

from .addresses import AddressRefused, check_address
from .bodies import TooLarge, read_payload
from .calls import Call, Reply, error_reply
from .certificates import fetch_certificate
from .confirmations import arrange_visit
from .ingress_limit import count_call
from .known_endpoints import KnownEndpoint, changed_since, find_endpoint
from .ordering import plausible
from .store import ReceivedEvent, body_digest, store_event

logger = logging.getLogger(__name__)
T = TypeVar("T")

_RETRY_SECONDS = 30
_RECEIVED = Reply(200, b'{"received": true}')
# What is kept of the headers beside the signature: enough to read the body by, nothing that identifies or authorizes.
# A provider adds those in which it names its events.
_KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")


class MethodNotAllowed(IntegrationError):
    code = "method_not_allowed"
    http_status = 405


class UnknownEndpoint(IntegrationError):
    code = "not_found"
    http_status = 404


class CannotStore(IntegrationError):
    code = "cannot_store"
    http_status = 503


# What a caller is told as it is; anything else is our own affair.
_TOLD = (
    AddressRefused, MethodNotAllowed, RateLimited, SignatureRefused, TooLarge, Unavailable, UnknownEndpoint,
    UnreadablePayload,
)  # fmt: skip


def receive(call: Call) -> Reply:
    """`POST /webhooks/<endpoint id>/`: 200 once the event is stored, see api.md for the rest.

    A call by which the provider only makes sure that the address is ours, by GET or POST, is answered as it wants it,
    and leaves nothing behind.
    """
    try:
        with _as_unavailable(call.endpoint_id):
            return _answer(call)
    except IntegrationError as error:
        return _refusal(error)


def take_in(endpoint: KnownEndpoint, inbound: InboundRequest, *, is_test: bool = False) -> ReceivedEvent:
    """Verify an event and store it. Raises what is wrong with it, and DatabaseError."""
    signature = _signature(get_provider(endpoint.slug))
    _with_secrets(endpoint, inbound, lambda secrets: signature.verify(inbound, secrets))
    return _keep(endpoint, inbound, is_test=is_test, signature_verified=True)


def take_in_unsigned_test(endpoint: KnownEndpoint, inbound: InboundRequest) -> ReceivedEvent:
    """Store a test event that only its provider could sign: what stands for it is that it was made here (`samples`).

    No call from outside comes this way, and nothing that it says is applied.
    """
    return _keep(endpoint, inbound, is_test=True, signature_verified=False)


def _answer(call: Call) -> Reply:
    if call.method not in ("GET", "POST"):
        raise MethodNotAllowed("Send events by POST.")
    endpoint = find_endpoint(call.endpoint_id) if call.is_known_form else None
    if endpoint is None:
        raise UnknownEndpoint("There is no such endpoint.")
    _admit(endpoint, call)
    inbound = InboundRequest(
        body=call.read() if call.method == "POST" else b"",
        headers=call.headers(),
        received_at=time.time(),
        method=call.method,
        url=call.url(endpoint.url),
        fetch=fetch_certificate,
    )
    challenge = _challenge(endpoint, inbound)
    if challenge is not None:
        if challenge.visit:
            arrange_visit(endpoint.pk, challenge.visit)
        return Reply(challenge.status, challenge.body, challenge.headers, challenge.content_type)
    if call.method != "POST":
        raise MethodNotAllowed("Send events by POST.")
    take_in(endpoint, inbound)
    return _RECEIVED


def _admit(endpoint: KnownEndpoint, call: Call) -> None:
    """The address first: what comes from elsewhere must not use up the endpoint's minute."""
    try:
        check_address(call.address, endpoint.networks or get_provider(endpoint.slug).webhook_networks)
    except AddressRefused:
        logger.warning("Endpoint %s was called from %s, which may not.", endpoint.pk, call.address)
        raise
    count_call(endpoint.pk, endpoint.max_per_minute)


def _challenge(endpoint: KnownEndpoint, inbound: InboundRequest) -> Challenge | None:
    handshake = get_provider(endpoint.slug).handshake
    if handshake is None:
        return None
    return _with_secrets(endpoint, inbound, lambda secrets: handshake.answer(inbound, secrets))


def _signature(provider: Provider) -> Signature:
    if provider.signature is None:
        raise SignatureRefused("This provider signs nothing that we know of.")
    return provider.signature


def _keep(
    endpoint: KnownEndpoint, inbound: InboundRequest, *, is_test: bool, signature_verified: bool
) -> ReceivedEvent:
    """What it was verified by, and is a secret, is taken out of the body first: no reader of it needs that again."""
    provider = get_provider(endpoint.slug)
    signature = _signature(provider)
    inbound = replace(inbound, body=signature.body_to_keep(inbound))
    kept = (*_KEPT_HEADERS, *provider.webhook_headers)
    event = ReceivedEvent(
        organization_id=endpoint.organization_id,
        endpoint_id=endpoint.pk,
        identity=_identify(provider, inbound),
        body=inbound.body,
        headers={name: inbound.headers[name] for name in kept if name in inbound.headers},
        signature=inbound.headers.get(signature.header, ""),
        is_test=is_test,
        signature_verified=signature_verified,
    )
    store_event(event)
    hint("webhooks.tasks.drain_inbox")
    return event


def _with_secrets(endpoint: KnownEndpoint, inbound: InboundRequest, step: Callable[[Sequence[str]], T]) -> T:
    """`step` with the endpoint's secrets; once more where they were changed elsewhere since we looked."""
    try:
        return _kept_in(step, endpoint.secrets(inbound.received_at))
    except SignatureRefused:
        changed = changed_since(endpoint)
        if changed is None:
            raise
        return _kept_in(step, changed.secrets(inbound.received_at))


@leaves_no_frames
def _kept_in(step: Callable[[Sequence[str]], T], secrets: Sequence[str]) -> T:
    return step(secrets)


def _identify(provider: Provider, inbound: InboundRequest) -> EventIdentity:
    payload = read_payload(inbound.body, inbound.headers)
    identity = provider.identify_event(payload, inbound.headers)
    event_id = identity.event_id or body_digest(payload)
    for text, longest in ((event_id, 255), (identity.event_type, 100)):
        if not text or len(text) > longest or not text.isprintable():
            raise UnreadablePayload("The event's id or type is not one.")
    # One that cannot be kept has no events to be in order with.
    is_subject = len(identity.subject) <= 255 and identity.subject.isprintable()
    subject = identity.subject if is_subject else ""
    return EventIdentity(event_id, identity.event_type, subject, plausible(identity.occurred_at))


@contextmanager
def _as_unavailable(endpoint_id: uuid.UUID) -> Iterator[None]:
    """What is wrong on our side is said as 503, so that the provider keeps the event and sends it again."""
    try:
        yield
    except _TOLD:
        raise
    except IntegrityError as error:
        raise UnknownEndpoint("There is no such endpoint.") from error  # deleted since it was looked up
    except DataError as error:
        raise UnreadablePayload("The event cannot be stored as it is.") from error
    except Exception as error:  # the edge of the house: whatever it was, the event must not be lost
        # By its type alone: a database's message may quote the row.
        logger.error("An event of endpoint %s could not be stored: %s", endpoint_id, type(error).__name__)  # noqa: TRY400 - see above
        if isinstance(error, DatabaseError):
            connection.close()
        raise CannotStore("The event cannot be stored now; send it again.") from error


def _refusal(error: IntegrationError) -> Reply:
    headers = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    elif error.http_status == CannotStore.http_status:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    elif isinstance(error, MethodNotAllowed):
        headers["Allow"] = "POST"
    return error_reply(error.http_status, error.code, error.message, headers)
