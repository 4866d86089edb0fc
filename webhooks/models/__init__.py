from __future__ import annotations

from .endpoints import WebhookEndpoint, default_retry_policy
from .events import WebhookAccessLog, WebhookEvent
from .files import FileToRemove
from .forwarding import WebhookDelivery, WebhookDeliveryAttempt, WebhookDestination
from .replays import WebhookReplay
from .tallies import EndpointHour

__all__ = [
    "EndpointHour",
    "FileToRemove",
    "WebhookAccessLog",
    "WebhookDelivery",
    "WebhookDeliveryAttempt",
    "WebhookDestination",
    "WebhookEndpoint",
    "WebhookEvent",
    "WebhookReplay",
    "default_retry_policy",
]
