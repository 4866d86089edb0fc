"""What the webhooks of every provider must be: a payload in `events/` is read as it is declared, what is damaged is
unreadable at worst, and a signature is accepted from nobody else.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    SignatureRefused,
    UnreadablePayload,
)
from integrations.providers.base import Provider
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.signatures import InboundRequest, Signature
from tests.providers.conformance import (
    HERE,
    PAYLOADS,
    each_payload,
    each_signer,
    provider_of,
    wire_of,
)


@each_signer
def test_every_declared_event_has_a_payload(slug: str) -> None:
    provider = provider_of(slug)
    have = {path.stem.partition("__")[0] for owner, path in PAYLOADS if owner == slug}

    assert set(provider.event_types) <= have
    assert set(provider.recommended_events) <= set(provider.event_types)
    assert (HERE / slug / "SOURCE.md").exists()


@each_payload
def test_a_payload_is_read_as_declared(slug: str, path: Path) -> None:
    provider, payload = provider_of(slug), json.loads(path.read_bytes(), parse_float=Decimal)
    declared = EventType(provider.event_types.get(path.stem.partition("__")[0], EventType.UNKNOWN))

    identity = provider.identify_event(payload, {})
    assert identity.event_id
    assert identity.event_type == path.stem.partition("__")[0]
    events = provider.parse_events(payload, {})
    assert [event.type for event in events] == [declared]
    if declared is not EventType.UNKNOWN:  # what the door keeps is what is applied
        assert [(event.subject, event.occurred_at) for event in events] == [(identity.subject, identity.occurred_at)]
    for event in events:
        check_event(provider, event)


def check_event(provider: Provider, event: NormalizedEvent) -> None:
    if event.type is EventType.UNKNOWN:
        assert (event.subject, event.payment) == ("", None)
        return
    if event.payment:
        assert event.payment.provider_reference == event.subject
        assert event.payment.currency in provider.currencies
    assert event.occurred_at is None or event.occurred_at.tzinfo


@each_signer
def test_event_ids_differ(slug: str) -> None:
    payloads = [json.loads(path.read_bytes()) for owner, path in PAYLOADS if owner == slug]
    identities = {provider_of(slug).identify_event(payload, {}).event_id for payload in payloads}

    assert len(identities) == len(payloads)


@each_signer
def test_each_type_of_event_can_be_tried_and_is_no_genuine_one(slug: str) -> None:
    provider, now = provider_of(slug), datetime.now(UTC)
    assert provider.event_types
    for event_type, meaning in provider.event_types.items():
        payload = provider.sample_event(event_type, event_id="evt_test_1", now=now)
        named = {"event_id": "evt_test_1", "event_type": event_type}
        headers = {name: template.format(**named) for name, template in provider.webhook_headers.items()}
        identity = provider.identify_event(payload, headers)
        assert identity.event_type == event_type
        # What it shared with a genuine one, a test could keep out.
        assert "evt_test_1" in identity.event_id or not identity.event_id
        assert meaning in {event.type for event in provider.parse_events(payload, headers)}


@each_payload
@pytest.mark.parametrize("damage", [None, {}, [], "text", 7, {"object": {"object": "payment_intent"}}], ids=str)
def test_a_damaged_payload_is_unreadable_at_worst(slug: str, path: Path, damage: Any) -> None:
    provider, payload = provider_of(slug), json.loads(path.read_bytes())
    payload[getattr(wire_of(slug), "EVENT_OBJECT", "data")] = damage
    try:
        events = provider.parse_events(payload, {})
    except UnreadablePayload:
        return
    assert all(event.payment is None for event in events)


@each_signer
@pytest.mark.parametrize("payload", [{}, {"id": 7, "type": "x"}, {"id": "", "type": "x"}, {"id": "x"}, {"type": "x"}])
def test_a_payload_that_names_no_event_is_unreadable(slug: str, payload: dict[str, Any]) -> None:
    with pytest.raises(UnreadablePayload):
        provider_of(slug).identify_event(payload, {})


@pytest.fixture
def scheme(slug: str) -> Signature:
    signature: Signature = provider_of(slug).signature
    return signature


BODY = b'{"id": "evt_sample", "type": "sample"}'


def signed(scheme: Signature, secret: str, *, at: float, body: bytes = BODY) -> InboundRequest:
    """A genuine webhook, signed at `at` and received now."""
    if not scheme.can_sign:
        pytest.skip("only the provider has the key: its own test plays it with another")
    bare = InboundRequest(body, {}, time.time(), url="https://hub.example/webhooks/1/")
    return scheme.sign_request(bare, secret, event_id="evt_sample", timestamp=int(at))


def fresh_secret(scheme: Signature) -> str:
    if not scheme.can_sign:
        pytest.skip("the provider issues the secret")
    return scheme.generate_secret()


@each_signer
def test_the_genuine_is_accepted_during_a_rotation_too(slug: str, scheme: Signature) -> None:
    old, new = fresh_secret(scheme), fresh_secret(scheme)
    assert old != new

    for secret in (old, new):
        scheme.verify(signed(scheme, secret, at=time.time()), [new, old])


@each_signer
def test_a_fresh_secret_has_the_form_that_the_connection_wants(slug: str, scheme: Signature) -> None:
    for field in provider_of(slug).credentials:
        if field.credential_type == "webhook_secret":
            assert re.fullmatch(field.pattern, fresh_secret(scheme))


@each_signer
def test_the_wrongly_keyed_and_the_unsigned_are_refused(slug: str, scheme: Signature) -> None:
    secret, other = fresh_secret(scheme), fresh_secret(scheme)
    request = signed(scheme, secret, at=time.time())

    for keys in ([other], [""], []):
        with pytest.raises(SignatureRefused):
            scheme.verify(request, keys)
    for name in request.headers:
        without = {key: value for key, value in request.headers.items() if key != name}
        with pytest.raises(SignatureRefused):
            scheme.verify(replace(request, headers=without), [secret])


@each_signer
def test_the_altered_the_stale_and_the_premature_are_refused(slug: str, scheme: Signature) -> None:
    if scheme.trust != "signed":
        pytest.skip("the scheme proves the sender alone")
    secret = fresh_secret(scheme)
    genuine = signed(scheme, secret, at=time.time())

    refused = [replace(genuine, body=genuine.body + b" ")]
    if (tolerance := getattr(scheme, "tolerance_seconds", None)) is not None and is_timed(scheme):
        refused += [signed(scheme, secret, at=time.time() + seconds) for seconds in (tolerance + 2, -tolerance - 2)]
    for request in refused:
        with pytest.raises(SignatureRefused):
            scheme.verify(request, [secret])


def is_timed(scheme: Signature) -> bool:
    """Whether the signature says when it was made."""
    return "{timestamp}" in getattr(scheme, "signed", "{timestamp}")
