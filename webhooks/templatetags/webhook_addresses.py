"""Which connections have an address that their providers call, for pages of the floor below."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from django import template

from integrations.models import Connection

from ..models import WebhookEndpoint

register = template.Library()


@register.simple_tag
def webhook_addresses(connections: Iterable[Connection]) -> Mapping[uuid.UUID, WebhookEndpoint]:
    """The newest active endpoint of each connection that has one, in one statement."""
    endpoints = WebhookEndpoint.objects.filter(
        connection__in=[connection.pk for connection in connections], is_active=True
    )
    newest = endpoints.order_by("connection_id", "-pk").distinct("connection_id")
    shown = newest.only("pk", "connection_id", "webhook_url", "last_triggered")
    return {endpoint.connection_id: endpoint for endpoint in shown}
