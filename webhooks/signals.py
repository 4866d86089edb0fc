"""What this floor tells the ones above it. Sent with `send_robust`, received in their `AppConfig.ready`.

destination_failing   destination: WebhookDestination, since: datetime — once, when nothing but failure has come of a
                      destination for half the time after which it is switched off
destination_disabled  destination: WebhookDestination, reason: str (WebhookDestination.DisabledReason: "gone",
                      "failing") — it was switched off by itself, not by a person
"""

from __future__ import annotations

from django.dispatch import Signal

destination_failing = Signal()
destination_disabled = Signal()
