"""What this floor tells those above, received in their `AppConfig.ready`.

Sent with `send_robust`, but for the last four: those are sent with `send`, inside the transaction of the change, which
is undone where one of them cannot be received.

api_call_finished    call: integrations.gateway.FinishedCall, provider: IntegrationProvider — one attempt of one call,
                     redacted, whatever became of it
connection_changed   connection: Connection, change: str ("created", "activated", "deactivated", "tested", "health",
                     "credentials", "updated", "deleted", "circuit_opened", "circuit_closed") — after the change is
                     committed
rate_limit_exceeded  connection: Connection, window: str, reset_at: datetime — once a window
rate_limit_recovered connection: Connection, window: str — once a window that was exceeded, soon after it is over
credential_due       credential: Credential, reason: str ("policy"; "expires"; "failed", when its provider did not renew
                     it), error: str — once a credential, when somebody must give it a new value
action_taken         action: str, target: Model (or the name of what has no row), changes: dict — a person or a program
                     changed something; who it was is in integrations.request_id.current_origin()
credential_in_use    credential: Credential, replaced: Credential | None — a credential is added, or takes the place of
                     another, whose `expires_at` is by now the end of its overlap
credential_deactivated  credential: Credential — it is used no more, from now on
offline_payment_changed connection: Connection, statement: dict (see `providers.offline_events`) — people, or time, have
                     changed a payment that no gateway tells of; the same again has the same `statement["id"]`
"""

from __future__ import annotations

from django.dispatch import Signal

api_call_finished = Signal()
connection_changed = Signal()
rate_limit_exceeded = Signal()
rate_limit_recovered = Signal()
credential_due = Signal()
action_taken = Signal()
credential_in_use = Signal()
credential_deactivated = Signal()
offline_payment_changed = Signal()
