"""The sandbox's webhooks: signed by the Standard Webhooks scheme, at least once, retried with exponential backoff.

PostgreSQL is the queue and the task a mere hint, so a lost message delays an event until the next one. Events go to
this application's own webhook door and nowhere else: a stand-in must not become a relay to strangers.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from datetime import timedelta
from typing import Any

import requests
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ..hints import hint
from ..models.sandbox import SandboxDelivery, SandboxWebhook
from ..providers.signatures import StandardWebhooks

ATTEMPTS = 8  # after 2, 4, 8 … 128 seconds
TIMEOUT_SECONDS = (3, 10)
# While one worker sends, no other may take the same event: longer than a send can last.
LEASE = timedelta(seconds=30)
_DOOR = re.compile(r"/webhooks/[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}/", re.ASCII)


def is_own_door(url: str) -> bool:
    """Whether `url` is a webhook endpoint of this very application."""
    return url.startswith(settings.PUBLIC_URL) and bool(_DOOR.fullmatch(url.removeprefix(settings.PUBLIC_URL)))


def announce(account: str, event: dict[str, Any]) -> None:
    """Queue `event` for each address that `account` registered, to go out once the transaction is committed."""
    event_id = f"evt_{uuid.uuid4().hex}"
    body = json.dumps({"id": event_id, **event})
    webhooks = SandboxWebhook.objects.filter(account=account)
    SandboxDelivery.objects.bulk_create(
        SandboxDelivery(webhook=webhook, event_id=event_id, body=body) for webhook in webhooks
    )
    # Robust: with the broker away a payment still succeeds, and the event waits in PostgreSQL.
    transaction.on_commit(lambda: hint("integrations.sandbox.deliver_due"), robust=True)


@shared_task(name="integrations.sandbox.deliver_due")
def deliver_due() -> int:
    """Send what is due, one after the other; returns how many arrived."""
    arrived = 0
    while delivery := _claim():
        if _send(delivery):
            arrived += 1
            _settle(delivery, delivered_at=timezone.now(), next_attempt_at=None)
        elif delivery.attempts >= ATTEMPTS:
            _settle(delivery, next_attempt_at=None)
        else:
            _retry_later(delivery)
    return arrived


def _claim() -> SandboxDelivery | None:
    now = timezone.now()
    with transaction.atomic():
        due = SandboxDelivery.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at", "id")
        delivery = due.select_for_update(skip_locked=True).first()
        if delivery:
            delivery.attempts += 1
            delivery.next_attempt_at = now + LEASE
            delivery.save(update_fields=["attempts", "next_attempt_at"])
    return delivery


def _send(delivery: SandboxDelivery) -> bool:
    webhook = delivery.webhook
    if not is_own_door(webhook.url):
        return False
    body = delivery.body.encode()
    signed = StandardWebhooks().sign(
        body, webhook.secret.reveal(), event_id=delivery.event_id, timestamp=int(time.time())
    )
    headers = {"Content-Type": "application/json", **signed}
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy of the environment's, no .netrc
            answer = session.post(
                webhook.url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
            return answer.status_code < 300
    except requests.RequestException:
        return False


def _retry_later(delivery: SandboxDelivery) -> None:
    seconds = 2**delivery.attempts
    _settle(delivery, next_attempt_at=timezone.now() + timedelta(seconds=seconds))
    deliver_due.apply_async(countdown=seconds)


def _settle(delivery: SandboxDelivery, **fields: Any) -> None:
    SandboxDelivery.objects.filter(id=delivery.id).update(**fields)
