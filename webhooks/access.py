"""To read a body is to read personal data: who may, says why, and that is written down before the bytes go out."""

from __future__ import annotations

from django.http import HttpResponse

from integrations.errors import InvalidRequest
from integrations.request_id import current_origin

from .models import WebhookAccessLog, WebhookEvent
from .stored_body import body_of

READ_BODY = "webhooks.read_webhook_body"
LONGEST_REASON = 255


def read_body(event: WebhookEvent, *, reason: str, action: WebhookAccessLog.Action) -> bytes:
    """The bytes that were verified, but for a secret in them that proved their sender.

    Raises InvalidRequest without a reason, and what `body_of` raises.
    """
    why = reason.strip()
    if not 1 <= len(why) <= LONGEST_REASON or not why.isprintable():
        raise InvalidRequest(
            "Say why you need the body, in {least} to {most} characters.", least=1, most=LONGEST_REASON, field="reason"
        )
    body = body_of(event)
    origin = current_origin()
    WebhookAccessLog.objects.create(
        organization_id=event.organization_id,
        webhook_event=event,
        actor=origin.actor,
        user_id=origin.user_id,
        action=action,
        ip_address=origin.ip_address,
        reason=why,
    )
    return body


def download_of(event: WebhookEvent, body: bytes) -> HttpResponse:
    """A file that no browser opens by itself: whatever a provider's body is, it is not run here."""
    response = HttpResponse(body, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = f'attachment; filename="{event.pk}.bin"'
    response["Cache-Control"] = "no-store"
    return response
