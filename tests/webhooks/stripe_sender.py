"""Stripe's end of a webhook: payloads in its shape, signed by its own official package."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import stripe
from django.test import Client

SECRET = "whsec_sample_not_a_secret"
EVENTS = Path(__file__).parents[1] / "providers" / "stripe" / "events"
# Who has payloads that Stripe itself sent, from their own account or someone else's, names their folder: the tests then
# take those as well.
_CAPTURED = os.environ.get("HUB_TEST_STRIPE_EVENTS")
PAYLOADS = sorted([*EVENTS.glob("*.json"), *(Path(_CAPTURED).glob("*.json") if _CAPTURED else [])])
_numbers = itertools.count(1)


def signature(body: bytes, secret: str = SECRET, *, at: float | None = None) -> str:
    """The header `Stripe-Signature`, made at the time `at` (now by default)."""
    made: Any = stripe.WebhookSignature.generate_signature_header
    return str(made(body.decode(), secret, timestamp=int(time.time() if at is None else at)))


def event(kind: str = "payment_intent.succeeded", event_id: str = "", **subject: Any) -> bytes:
    """A payload of this type with an id of its own and `subject` laid over the object that it is about."""
    payload = json.loads((EVENTS / f"{kind}.json").read_bytes())
    payload["id"] = event_id or f"evt_sample_{next(_numbers)}"
    payload["data"]["object"].update(subject)
    return json.dumps(payload).encode()


def post(path: str, body: bytes, header: str | None = None, **headers: str) -> Any:
    """Deliver `body`; `header` is its signature, a genuine one by default, none when empty."""
    signed = signature(body) if header is None else header
    sent = {"Stripe-Signature": signed, **headers} if signed else headers
    client = Client(raise_request_exception=False)
    return client.post(path, body, content_type="application/json", headers=sent)
