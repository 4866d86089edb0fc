from __future__ import annotations

from .endpoints import WebhookEndpoint, default_retry_policy
from .events import WebhookAccessLog, WebhookEvent
from .forwarding import WebhookDelivery, WebhookDeliveryAttempt, WebhookDestination

__all__ = [
    "WebhookAccessLog",
    "WebhookDelivery",
    "WebhookDeliveryAttempt",
    "WebhookDestination",
    "WebhookEndpoint",
    "WebhookEvent",
    "default_retry_policy",
]
