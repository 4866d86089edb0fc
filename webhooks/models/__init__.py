from __future__ import annotations

from .endpoints import WebhookEndpoint, default_retry_policy
from .events import WebhookAccessLog, WebhookEvent
from .replays import WebhookReplay

__all__ = ["WebhookAccessLog", "WebhookEndpoint", "WebhookEvent", "WebhookReplay", "default_retry_policy"]
