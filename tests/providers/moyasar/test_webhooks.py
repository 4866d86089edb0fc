"""Moyasar's webhooks: proven by a token in the body, telling no state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import SignatureRefused
from integrations.providers.payment.moyasar import Moyasar
from integrations.providers.signatures import InboundRequest
from tests.providers.moyasar.wire import OURS

EVENTS = Path(__file__).parent / "events"


def event(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_bytes())
    return payload


def test_an_event_names_the_invoice_or_the_payment_and_leaves_the_state_to_be_asked_for() -> None:
    (by_token,) = Moyasar().parse_events(event("payment_paid"), {})
    assert (by_token.subject, by_token.payment, by_token.payment_id) == (
        "payment_aaaaaaaa-0000-4000-8000-000000000001", None, OURS,
    )  # fmt: skip
    (by_page,) = Moyasar().parse_events(event("payment_paid__of_an_invoice"), {})
    assert by_page.subject == "invoice_bbbbbbbb-0000-4000-8000-000000000001"
    assert by_page.occurred_at


def test_the_token_in_the_body_is_the_proof() -> None:
    """The form is that of the webhook reference; nothing is computed of it."""
    body = (EVENTS / "payment_paid.json").read_bytes()
    Moyasar.signature.verify(InboundRequest(body, {}, 0), ["sample-not-a-secret"])
    for other in (body.replace(b"sample-not-a-secret", b"another"), body.replace(b"secret_token", b"secret")):
        with pytest.raises(SignatureRefused):
            Moyasar.signature.verify(InboundRequest(other, {}, 0), ["sample-not-a-secret"])
