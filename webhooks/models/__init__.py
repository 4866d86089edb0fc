from __future__ import annotations

from .endpoints import WebhookEndpoint, default_retry_policy
from .events import WebhookAccessLog, WebhookEvent

__all__ = ["WebhookAccessLog", "WebhookEndpoint", "WebhookEvent", "default_retry_policy"]
