"""Events that we tell ourselves, of payments that no gateway takes: stored with what they tell of, both or neither.

From there on they go the way of a provider's, but for being applied: what they tell of is done already. They hang on an
endpoint without address, one a connection, at which nobody can call.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import partial
from secrets import token_urlsafe
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from integrations.hints import hint
from integrations.models import Connection
from integrations.providers.registry import get_provider
from integrations.signals import offline_payment_changed

from .models import WebhookEndpoint, WebhookEvent

_HEADERS = {"content-type": "application/json"}


@receiver(offline_payment_changed, dispatch_uid="hub.webhooks.own_events")
def _store(sender: object, connection: Connection, statement: Mapping[str, Any], **kwargs: object) -> None:
    """In the transaction of the change; the unique (endpoint, event id) makes the same news one event."""
    identity = get_provider(connection.provider.slug).identify_event(statement, _HEADERS)
    event = WebhookEvent(
        organization_id=connection.organization_id,
        webhook_endpoint=_endpoint_of(connection),
        event_id=identity.event_id,
        event_type=identity.event_type,
        subject=identity.subject,
        occurred_at=identity.occurred_at,
        raw_body=json.dumps(statement).encode(),
        headers=_HEADERS,
        signature_verified=True,
    )
    WebhookEvent.objects.bulk_create([event], ignore_conflicts=True)
    transaction.on_commit(partial(hint, "webhooks.tasks.drain_inbox"))


def _endpoint_of(connection: Connection) -> WebhookEndpoint:
    """Its key follows from the connection's, so that two that make it at once make one."""
    made, _ = WebhookEndpoint.objects.get_or_create(
        id=uuid.uuid5(connection.pk, "own events"),
        defaults={
            "organization_id": connection.organization_id,
            "connection": connection,
            "webhook_url": "",
            "webhook_secret": token_urlsafe(32),
            "is_active": False,
        },
    )
    return made
