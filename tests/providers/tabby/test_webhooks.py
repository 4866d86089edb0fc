"""Tabby's webhooks: registered with a token, proven by it, telling no state."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integrations.errors import SignatureRefused
from integrations.providers.signatures import InboundRequest
from tests.providers.tabby.wire import TabbyWire
from tests.providers.wire_client import WireClient
from tests.wire import WireAnswer, WireRequest, WireServer

from .calls import OURS, TABBY

EVENTS = Path(__file__).parent / "events"


def test_the_token_in_the_header_proves_tabby_and_nothing_else_does() -> None:
    """The pair that was registered, as Tabby's documentation has it: there is no digest to check."""
    body = (EVENTS / "payment.authorized.json").read_bytes()
    genuine = InboundRequest(body, {"x-webhook-token": "sample-not-a-secret-token"}, 0)

    TABBY.signature.verify(genuine, ["sample-not-a-secret-token"])
    for headers in ({}, {"x-webhook-token": ""}, {"x-webhook-token": "another"}, {"authorization": "Bearer x"}):
        with pytest.raises(SignatureRefused):
            TABBY.signature.verify(replace(genuine, headers=headers), ["sample-not-a-secret-token"])


def test_a_webhook_never_tells_the_payment_s_state_by_itself() -> None:
    for path in sorted(EVENTS.glob("payment.*.json")):
        (event,) = TABBY.parse_events(json.loads(path.read_bytes()), {})
        assert event.payment is None
        assert event.payment_id in (OURS, "")


@pytest.mark.parametrize("kind", sorted(TABBY.event_types))
def test_a_sample_is_read_as_what_it_is_a_sample_of(kind: str) -> None:
    payload = TABBY.sample_event(kind, event_id="evt_test_1", now=datetime.now(UTC))
    identity = TABBY.identify_event(json.loads(json.dumps(payload)), {})
    assert (identity.event_type, identity.subject) == (kind, "evt_test_1")
    assert "evt_test_1" in identity.event_id


def test_a_webhook_is_registered_once_and_given_each_new_token(client: WireClient, wire: TabbyWire) -> None:
    address = "https://hub.example/webhooks/1/"
    for token in ("sample-token-of-before", "sample-token-of-now"):
        TABBY.register_webhook(client, address, token)

    (hook,) = wire.hooks["webhooks"]
    assert (hook["url"], hook["header"]) == (address, {"title": "X-Webhook-Token", "value": "sample-token-of-now"})
    assert not wire.hooks["dispute-webhooks"], "disputes have no test mode"


def test_live_keys_hear_of_disputes_too(client: WireClient, wire: TabbyWire) -> None:
    live = replace(client, credentials={"secret_key": "sk_sample_not_a_key"})
    for token in ("sample-token-of-before", "sample-token-of-now"):
        TABBY.register_webhook(live, "https://hub.example/webhooks/1/", token)

    (hook,) = wire.hooks["dispute-webhooks"]
    assert hook["header"]["value"] == "sample-token-of-now"


def test_an_account_without_dispute_webhooks_has_the_others_all_the_same(client: WireClient, wire: TabbyWire) -> None:
    def without(request: WireRequest) -> WireAnswer:
        missing = "dispute-webhooks" in request.path
        return WireAnswer(404, {"error": "404 page not found"}) if missing else wire.answer(request)

    with WireServer(without) as other:
        live = replace(client, base_url=other.url, credentials={"secret_key": "sk_sample_not_a_key"})
        TABBY.register_webhook(live, "https://hub.example/webhooks/1/", "sample-token-of-now")
    assert len(wire.hooks["webhooks"]) == 1
