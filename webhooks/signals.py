"""What this floor tells, itself and the one above it. Sent with `send_robust`, received in an `AppConfig.ready`.

event_processed      event: WebhookEvent, normalized: integrations.providers.events.NormalizedEvent, body: dict (the
                     normalized event as JSON, see `webhooks.envelope`) — once for each thing that a webhook told of,
                     after it is applied and committed as completed, and again when it is replayed (then
                     `event.attempts` has been there before). On behalf of the event's organization, behind its wall.
                     An event of a type that its endpoint does not act on is not told of.
destination_failing  destination: WebhookDestination, since: datetime — once, when nothing but failure has come of a
                     destination for half the time after which it is switched off
destination_disabled destination: WebhookDestination, reason: str (WebhookDestination.DisabledReason: "gone",
                     "failing") — it was switched off by itself, not by a person
"""

from __future__ import annotations

from django.dispatch import Signal

event_processed = Signal()
destination_failing = Signal()
destination_disabled = Signal()
