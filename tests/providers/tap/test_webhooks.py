"""Tap's webhooks: signed over some of their fields, telling no state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integrations.errors import SignatureRefused
from integrations.providers.payment.tap import Tap
from integrations.providers.signatures import InboundRequest

from .calls import OURS

EVENTS = Path(__file__).parent / "events"

# The text of a public PHP test of Tap's format, with its digest by openssl: Tap itself publishes none with its key.
CHARGE = (
    '{"id": "chg_1", "object": "charge", "amount": %s, "currency": "KWD", "status": "CAPTURED",'
    ' "reference": {"gateway": "gw", "payment": "py"}, "transaction": {"created": "1700"}}'
)
HASH = "69485ac24bba9295ec86001f7cf0fb7f426b758136eeafa5eb94864fb8b8f514"


def test_an_independent_signature_is_accepted_however_the_amount_is_written() -> None:
    for amount in ("1.5", "1.500"):
        Tap.signature.verify(InboundRequest((CHARGE % amount).encode(), {"hashstring": HASH}, 0), ["test-secret"])
    with pytest.raises(SignatureRefused):
        Tap.signature.verify(InboundRequest((CHARGE % "15").encode(), {"hashstring": HASH}, 0), ["test-secret"])


def test_a_refund_is_signed_with_its_own_time_of_creation() -> None:
    body = (EVENTS / "refund.REFUNDED.json").read_bytes()
    signed = Tap.signature.sign_request(InboundRequest(body, {}, 0), "key", event_id="", timestamp=0)
    Tap.signature.verify(signed, ["key"])
    later = InboundRequest(body.replace(b'"created": "17', b'"created": "18'), signed.headers, 0)
    with pytest.raises(SignatureRefused):
        Tap.signature.verify(later, ["key"])


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("charge.CAPTURED", "chg_sample"),
        ("capture.CAPTURED", "auth_sample"),
        ("authorize.AUTHORIZED", "auth_sample"),
        ("refund.REFUNDED", "chg_sample"),
    ],
)
def test_an_event_names_the_payment_and_leaves_its_state_to_be_asked_for(name: str, subject: str) -> None:
    payload = json.loads((EVENTS / f"{name}.json").read_bytes())
    (told,) = Tap().parse_events(payload, {})
    assert (told.subject, told.payment, told.payment_id) == (subject, None, OURS)
    assert told.occurred_at
    assert Tap().identify_event(payload, {}).event_id == f"{payload['id']}:{payload['status']}"
