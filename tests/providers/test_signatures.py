"""The schemes against answers that none of us made, and against garbage."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import stripe
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.errors import ConfigurationError, SignatureRefused
from integrations.providers.signatures import InboundRequest, SharedToken, StandardWebhooks, TimestampedHMAC

STRIPE = TimestampedHMAC()
STANDARD = StandardWebhooks()
TOKEN = SharedToken("x-token")
BODY = b'{"id": "evt_sample"}'
SECRET = "whsec_sample_not_a_secret"
PAYLOADS = sorted((Path(__file__).parent / "stripe" / "events").glob("*.json"))


def stripe_request(header: str, *, body: bytes = BODY, at: float = 1_795_000_000) -> InboundRequest:
    return InboundRequest(body, {"stripe-signature": header}, at)


def official(body: bytes, secret: str, timestamp: int) -> str:
    """The header as the official package makes it."""
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp=timestamp)
    return header


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_what_the_official_package_signs_is_accepted_and_altered_refused(path: Path) -> None:
    body, now = path.read_bytes(), int(time.time())
    header = official(body, SECRET, now)

    STRIPE.verify(stripe_request(header, body=body, at=now), [SECRET])
    stripe.Webhook.construct_event(body, STRIPE.sign(body, SECRET, event_id="", timestamp=now)[STRIPE.header], SECRET)
    altered = json.dumps({**json.loads(body), "livemode": True}).encode()
    for request, secret in (
        (stripe_request(header, body=altered, at=now), SECRET),
        (stripe_request(header, body=body, at=now), "whsec_another_not_a_secret"),
        (stripe_request(header, body=body, at=now + 301), SECRET),
    ):
        with pytest.raises(SignatureRefused):
            STRIPE.verify(request, [secret])


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_stripe_signature_is_good_for_300_seconds_either_way(seconds: int) -> None:
    at = 1_795_000_000
    header = official(BODY, SECRET, at)

    STRIPE.verify(stripe_request(header, at=at + seconds), [SECRET])
    with pytest.raises(SignatureRefused):
        STRIPE.verify(stripe_request(header, at=at + seconds * 1.01), [SECRET])


def test_any_of_several_v1_signatures_may_match() -> None:
    header = official(BODY, SECRET, 1_795_000_000)

    STRIPE.verify(stripe_request(header.replace(",v1=", f",v1={'0' * 64},v1=")), ["whsec_newer", SECRET])


def test_a_signature_of_another_version_is_ignored() -> None:
    header = official(BODY, SECRET, 1_795_000_000)

    STRIPE.verify(stripe_request(header + ",v0=anything"), [SECRET])
    with pytest.raises(SignatureRefused):
        STRIPE.verify(stripe_request(header.replace("v1=", "v0=")), [SECRET])


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "v1=",
        "t=1795000000",
        "t=1795000000,v1=",
        "t=1795000000,t=1795000000,v1={signature}",
        "t=1795000000,t=1,v1={signature}",
        "t=,v1={signature}",
        "t=+1795000000,v1={signature}",
        "t=1_795_000_000,v1={signature}",
        "t=١٧٩٥٠٠٠٠٠٠,v1={signature}",
        "t=1795000000.0,v1={signature}",
        "t=1e400,v1={signature}",
        "t=" + "9" * 5000 + ",v1={signature}",
        "t=-1795000000,v1={signature}",
        "t=nan,v1={signature}",
        "v1={signature}",
        "T=1795000000,V1={signature}",
        "t=1795000000,v1=é{signature}",
        "t=1795000000;v1={signature}",
        "\ud800",
    ],
)
def test_a_garbled_stripe_header_is_refused(header: str) -> None:
    signature = official(BODY, SECRET, 1_795_000_000).partition("v1=")[2]
    with pytest.raises(SignatureRefused):
        STRIPE.verify(stripe_request(header.replace("{signature}", signature)), [SECRET])


garbage = st.text(max_size=200) | st.from_regex(r"(t=\d{1,30},?)*(v1=[0-9a-f]{0,70},?)*", fullmatch=True)


@given(header=garbage, body=st.binary(max_size=50))
@example(header="t=1795000000,v1=" + "\udc80" * 64, body=b"")
def test_no_header_breaks_the_schemes(header: str, body: bytes) -> None:
    headers = {"webhook-id": header, "webhook-timestamp": "1795000000", "webhook-signature": header, "x-token": header}
    request = InboundRequest(body, {**headers, "stripe-signature": header}, 1_795_000_000)
    for scheme in (STRIPE, STANDARD, TOKEN):
        with pytest.raises(SignatureRefused):
            scheme.verify(request, [STANDARD.generate_secret()])


@given(signature=garbage, event_id=st.sampled_from(["msg_1", "", "msg.1", "é"]), timestamp=garbage)
def test_no_set_of_standard_headers_breaks_the_scheme(signature: str, event_id: str, timestamp: str) -> None:
    headers = {"webhook-id": event_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
    with pytest.raises(SignatureRefused):
        STANDARD.verify(InboundRequest(BODY, headers, 1_795_000_000), [STANDARD.generate_secret(), "whsec_!", ""])


# The example that the specification publishes:
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
PUBLISHED_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLISHED_BODY = b'{"test": 2432232314}'
PUBLISHED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_published_standard_signature_is_accepted_and_made() -> None:
    STANDARD.verify(InboundRequest(PUBLISHED_BODY, PUBLISHED, 1_614_265_330), [PUBLISHED_SECRET])

    made = STANDARD.sign(PUBLISHED_BODY, PUBLISHED_SECRET, event_id=PUBLISHED["webhook-id"], timestamp=1_614_265_330)
    assert made == PUBLISHED


def test_one_of_several_standard_signatures_may_match() -> None:
    several = f"v1a,c2lnbmVk v1,{'A' * 43}= {PUBLISHED['webhook-signature']}"
    request = InboundRequest(PUBLISHED_BODY, {**PUBLISHED, "webhook-signature": several}, 1_614_265_330)

    STANDARD.verify(request, [STANDARD.generate_secret(), PUBLISHED_SECRET])


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", "msg_another"),
        ("webhook-timestamp", "1614265331"),
        ("webhook-signature", "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("webhook-signature", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("webhook-signature", "v1,"),
    ],
)
def test_a_changed_standard_header_is_refused(header: str, value: str) -> None:
    request = InboundRequest(PUBLISHED_BODY, {**PUBLISHED, header: value}, 1_614_265_330)
    with pytest.raises(SignatureRefused):
        STANDARD.verify(request, [PUBLISHED_SECRET])


def test_a_secret_that_is_no_base64_cannot_sign() -> None:
    with pytest.raises(ConfigurationError, match="whsec_"):
        STANDARD.sign(BODY, "whsec_!", event_id="msg_1", timestamp=1)


def test_an_empty_secret_lets_nobody_in() -> None:
    forged = TimestampedHMAC().sign(BODY, "", event_id="", timestamp=1_795_000_000)
    with pytest.raises(SignatureRefused):
        STRIPE.verify(InboundRequest(BODY, forged, 1_795_000_000), [""])


def test_a_shared_token_is_compared_whole() -> None:
    TOKEN.verify(InboundRequest(BODY, {"x-token": "sample"}, 0), ["other", "sample"])
    with pytest.raises(SignatureRefused):
        TOKEN.verify(InboundRequest(BODY, {"x-token": "samp"}, 0), ["sample", ""])
    assert TOKEN.trust == "shared_secret"
