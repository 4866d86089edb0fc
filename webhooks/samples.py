"""Test events: in the provider's own shape, signed with the endpoint's own secret, and taken in as one from outside.

Where only the provider has the key (SendGrid, PayPal, Amazon SNS) the signature is left out and not checked; all else
is the same, and the event says of itself that it was not verified. Nothing that a test event says is applied, and its
body is ours: whoever may send one chooses no more than its type.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from django.utils import timezone

from integrations.errors import Conflict, NotSupported
from integrations.operations.announce import record_action
from integrations.providers.base import Provider
from integrations.providers.registry import get_provider
from integrations.providers.signatures import InboundRequest, Signature
from integrations.secrecy import leaves_no_frames

from .bodies import write_payload
from .certificates import fetch_certificate
from .known_endpoints import KnownEndpoint, read_endpoint
from .models import WebhookEndpoint
from .receive import take_in, take_in_unsigned_test


def send_test_event(endpoint: WebhookEndpoint, event_type: str) -> UUID:
    """Store a test event of the provider's type; returns the stored event's id. It is processed and applied to nothing.

    Raises NotSupported where there is no sample of the type, Conflict for an address that is switched off, and for one
    whose signing secret is still to come.
    """
    provider = get_provider(endpoint.connection.provider.slug)
    if provider.signature is None:
        raise NotSupported("{provider} sends no webhooks.", provider=provider.name)
    known = read_endpoint(endpoint.pk)
    if known is None:
        raise Conflict("This address is switched off.")
    event_id = f"evt_test_{uuid4().hex}"
    request = _sample(provider, known, event_type, event_id)
    signed = _signed(provider.signature, request, known, event_id)
    event = take_in(known, signed, is_test=True) if signed else take_in_unsigned_test(known, request)
    told = {"event": str(event.pk), "event_type": event_type, "signature_checked": event.signature_verified}
    record_action("webhook_endpoint.test_sent", endpoint, told)
    return event.pk


def sampled_types(provider: Provider) -> list[str]:
    """The events of which a test can be sent: those with a sample."""
    if provider.signature is None:
        return []
    return [event_type for event_type in provider.event_types if _has_sample(provider, event_type)]


def _has_sample(provider: Provider, event_type: str) -> bool:
    try:
        provider.sample_event(event_type, event_id="evt_test", now=timezone.now())
    except NotSupported:
        return False
    return True


def _sample(provider: Provider, known: KnownEndpoint, event_type: str, event_id: str) -> InboundRequest:
    now = timezone.now()
    payload = provider.sample_event(event_type, event_id=event_id, now=now)
    content_type = provider.webhook_content_type
    named = {"event_id": event_id, "event_type": event_type}
    naming = {name: template.format(**named) for name, template in provider.webhook_headers.items()}
    return InboundRequest(
        body=write_payload(payload, content_type),
        headers={"content-type": content_type, "user-agent": "Hub test event", **naming},
        received_at=now.timestamp(),
        url=known.url,
        fetch=fetch_certificate,
    )


@leaves_no_frames
def _signed(
    signature: Signature, request: InboundRequest, known: KnownEndpoint, event_id: str
) -> InboundRequest | None:
    """None where we cannot sign as the provider does."""
    if not signature.can_sign:
        return None
    secrets = known.secrets(request.received_at)
    if not secrets:
        raise Conflict("The signing secret is missing.")
    try:
        return signature.sign_request(request, secrets[0], event_id=event_id, timestamp=int(request.received_at))
    except NotSupported:
        return None
