"""Events as the archive finds them, and what lies in its storage."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from integrations.models.base import first_uuid7
from webhooks.models import WebhookEndpoint, WebhookEvent

CANARY = "Canary Yellow"
EMAIL = "canary.yellow@example.com"
PHONE = "+971501234567"
BODY = json.dumps(
    {
        "id": "evt_1",
        "type": "charge.captured",
        "data": {
            "object": {
                "id": "ch_1",
                "amount": 1250,
                "description": f"Suit for {EMAIL}, {PHONE}",
                "billing_details": {"name": CANARY, "email": EMAIL, "phone": PHONE, "address": {"line1": CANARY}},
                "metadata": {"customer_note": f"{CANARY} likes wool", "deliver_to": EMAIL},
                "client_secret": "pi_1_secret_canary_yellow",
                "number": "4242 4242 4242 4242",
            }
        },
        "inner": json.dumps({"firstName": CANARY}),
    }
).encode()
PLANTED = ("anary", "ellow", "0123456", "4242 4242")


def completed(endpoint: WebhookEndpoint, name: str = "evt_1", **fields: Any) -> WebhookEvent:
    now = timezone.now()
    return WebhookEvent.objects.create(signature_verified=True,
        organization=endpoint.organization, webhook_endpoint=endpoint, event_id=name, event_type="charge.captured",
        **{
            "raw_body": BODY, "processing_status": "completed", "processed_at": now, "next_attempt_at": None,
            "headers": {"content-type": "application/json"}, "signature": "t=1,v1=00", **fields,
        },
    )  # fmt: skip


def received(days_ago: int) -> dict[str, Any]:
    """The key and the time of an event that came then."""
    moment: datetime = timezone.now() - timedelta(days=days_ago)
    return {"id": first_uuid7(moment), "received_at": moment, "processed_at": moment}


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
