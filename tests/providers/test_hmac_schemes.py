"""Keyed hashes in a header, against official packages and what providers publish."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import slack_sdk.signature
import stripe
from standardwebhooks.webhooks import Webhook as StandardReceiver
from svix.webhooks import Webhook as SvixReceiver

from integrations.errors import NotSupported, SignatureRefused
from integrations.providers.events import Trust
from integrations.providers.signatures import (
    AnyOf,
    Encoding,
    HeaderHMAC,
    InboundRequest,
    StandardWebhooks,
    TimestampedHMAC,
)

AT = 1_795_000_000
BODY = b'{"id": "evt_sample", "note": "\xd8\xaf\xd8\xb1\xd9\x87\xd9\x85"}'
SECRET = "sample_not_a_secret"

META = HeaderHMAC("x-hub-signature-256", prefix="sha256=")
X = HeaderHMAC("x-twitter-webhooks-signature", prefix="sha256=", encoding=Encoding.BASE64)
LINKEDIN = HeaderHMAC("x-li-signature", signed="hmacsha256={body}")
QUICKBOOKS = HeaderHMAC("intuit-signature", encoding=Encoding.BASE64)
TALABAT = HeaderHMAC("x-signature-sha256")
GUSTO = HeaderHMAC("x-gusto-signature")
DELIVEROO = HeaderHMAC("x-deliveroo-hmac-sha256", signed="{x-deliveroo-sequence-guid} {body}")
SLACK = HeaderHMAC(
    "x-slack-signature", signed="v0:{timestamp}:{body}", prefix="v0=", timestamp_header="x-slack-request-timestamp"
)
HUBSPOT = HeaderHMAC(
    "x-hubspot-signature-v3",
    signed="{method}{url}{body}{timestamp}",
    encoding=Encoding.BASE64,
    timestamp_header="x-hubspot-request-timestamp",
    timestamps_per_second=1000,
    decoded_in_url=":/?@!$'()*,;",
)
TIKTOK = TimestampedHMAC("tiktok-signature", signature_key="s", secret_prefix="")
MAILCHIMP = TimestampedHMAC("x-mailchimp-signature")
FEDEX = AnyOf((HeaderHMAC("fdx-signature", encoding=Encoding.BASE64), HeaderHMAC("fdx-signature")))

# Body, secret and signature as published: GitHub's documentation; the tests of python-quickbooks and of Intuit's Java
# SDK; the documentation of the Elixir package whatsapp_sdk (Meta). The others were computed with openssl.
PUBLISHED = [
    pytest.param(
        META,
        b"Hello, World!",
        "It's a Secret to Everybody",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        id="github",
    ),
    pytest.param(
        META,
        b"test",
        "secret",
        {"x-hub-signature-256": "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914"},
        id="meta",
    ),
    pytest.param(
        QUICKBOOKS,
        b'{"stuff":"5"}',
        "verify_me",
        {"intuit-signature": "nfPLN16u3vMvv08ghDs+dOkLuirEVDy5wAeG/lmM2OA="},
        id="quickbooks",
    ),
    pytest.param(
        QUICKBOOKS,
        b'{"eventNotifications":[{"realmId":"1185883450","dataChangeEvent":{"entities":[{"name":"Customer","id":"1",'
        b'"operation":"Create","lastUpdated":"2015-10-05T14:42:19-0700"}]}}]}',
        "b5771f19b12ddb4bcdb9f08bdc50bc63878a",
        {"intuit-signature": "JC2GUwciPmRBwEO7WvrRmKqu9tGOKL8FFallocTFi8Q="},
        id="quickbooks-intuit-sdk",
    ),
    pytest.param(
        TALABAT,
        b'{"order_id":"x"}',
        "supersecret",
        {"x-signature-sha256": "2166df3ed41fc1e442dba65d31a0d221f6f6a13cb41805bf520ff6b1c3bc16fe"},
        id="talabat",
    ),
    pytest.param(
        DELIVEROO,
        b'{"event":"order.new"}',
        "test-secret",
        {
            "x-deliveroo-sequence-guid": "3b1f0e5c-0000-4000-8000-000000000001",
            "x-deliveroo-hmac-sha256": "3f1b21cce5e1894d6719773bb5225b56e3139bbf53003e8e801b03bdfe0ef341",
        },
        id="deliveroo",
    ),
    pytest.param(
        GUSTO,
        b'{"uuid":"u1"}',
        "gusto-verification-token",
        {"x-gusto-signature": "6b9033a4661f73f48bfe45b27a62a90d83c076b6474eb58762ad747c579a468a"},
        id="gusto",
    ),
    pytest.param(
        FEDEX,
        b'{"output":{}}',
        "fedex-security-token",
        {"fdx-signature": "9BMgXQI1Cyv/WBzCGd09bxJtgVn4OSugwEWL7qAmhyA="},
        id="fedex-base64",
    ),
    pytest.param(
        FEDEX,
        b'{"output":{}}',
        "fedex-security-token",
        {"fdx-signature": "f413205d02350b2bff581cc219dd3d6f126d8159f8392ba0c0458beea0268720"},
        id="fedex-hex",
    ),
    pytest.param(
        LINKEDIN,
        b"{}",
        "secret",
        {"x-li-signature": "1c5458bf920f34a81d7d7596a70358e4c10f66b2ec2838a3fbea646fb7fcb15d"},
        id="linkedin",
    ),
]


@pytest.mark.parametrize(("scheme", "body", "secret", "headers"), PUBLISHED)
def test_what_is_published_is_accepted(scheme: HeaderHMAC, body: bytes, secret: str, headers: dict[str, str]) -> None:
    request = InboundRequest(body, headers, AT)

    scheme.verify(request, ["another", secret])
    with pytest.raises(SignatureRefused):
        scheme.verify(replace(request, body=body + b" "), [secret])
    if isinstance(scheme, HeaderHMAC):
        carried = {name: value for name, value in headers.items() if name != scheme.header}
        signed = scheme.sign_request(InboundRequest(body, carried, AT), secret, event_id="", timestamp=AT)
        assert signed.headers == headers


def test_slack_s_official_package_and_ours_agree() -> None:
    official = slack_sdk.signature.SignatureVerifier(SECRET, clock=type("Clock", (), {"now": lambda self: AT})())
    signature = official.generate_signature(timestamp=str(AT), body=BODY)
    headers = {"x-slack-signature": str(signature), "x-slack-request-timestamp": str(AT)}

    SLACK.verify(InboundRequest(BODY, headers, AT), [SECRET])
    assert official.is_valid_request(BODY, dict(SLACK.sign(BODY, SECRET, event_id="", timestamp=AT)))


def test_a_slack_signature_without_its_version_is_refused() -> None:
    headers = dict(SLACK.sign(BODY, SECRET, event_id="", timestamp=AT))
    headers["x-slack-signature"] = headers["x-slack-signature"].replace("v0=", "v1=")
    with pytest.raises(SignatureRefused):
        SLACK.verify(InboundRequest(BODY, headers, AT), [SECRET])


# The tests of HubSpot's official packages: hubspot-api-client 12.0.0, @hubspot/api-client.
HUBSPOT_REQUEST = InboundRequest(
    b"{'example_field':'example_value'}",
    {
        "x-hubspot-signature-v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        "x-hubspot-request-timestamp": "1693657560000",
    },
    1_693_657_560,
    url="https://www.example.com/webhook_uri",
)
HUBSPOT_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"


def test_hubspot_signs_the_method_the_address_and_milliseconds() -> None:
    HUBSPOT.verify(HUBSPOT_REQUEST, [HUBSPOT_SECRET])
    for altered in (
        replace(HUBSPOT_REQUEST, method="PUT"),
        replace(HUBSPOT_REQUEST, url="https://www.example.com/webhook_uri?a=1"),
        replace(HUBSPOT_REQUEST, url=""),
        replace(HUBSPOT_REQUEST, received_at=1_693_657_560 + 301),
        replace(HUBSPOT_REQUEST, received_at=1_693_657_560 - 301),
    ):
        with pytest.raises(SignatureRefused):
            HUBSPOT.verify(altered, [HUBSPOT_SECRET])


def test_hubspot_writes_out_some_percent_codes_of_the_address() -> None:
    written = replace(HUBSPOT_REQUEST, url="https://www.example.com/webhook_uri?at=10:30&of=a/b&x=%20%2B")
    signed = HUBSPOT.sign_request(written, HUBSPOT_SECRET, event_id="", timestamp=1_693_657_560)

    called = replace(signed, url="https://www.example.com/webhook_uri?at=10%3A30&of=a%2fb&x=%20%2B")
    HUBSPOT.verify(called, [HUBSPOT_SECRET])
    with pytest.raises(SignatureRefused):
        HUBSPOT.verify(replace(called, url=called.url.replace("%20", " ")), [HUBSPOT_SECRET])


def test_what_covers_the_address_cannot_be_signed_without_it() -> None:
    with pytest.raises(NotSupported):
        HUBSPOT.sign(BODY, SECRET, event_id="", timestamp=AT)


@pytest.mark.parametrize("scheme", [MAILCHIMP, TIKTOK], ids=["mailchimp", "tiktok"])
def test_others_with_stripe_s_form_agree_with_stripe_s_package(scheme: TimestampedHMAC) -> None:
    official: str = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, timestamp=AT)
    header = official.replace("v1=", f"{scheme.signature_key}=")

    scheme.verify(InboundRequest(BODY, {scheme.header: header}, AT), [SECRET])
    assert scheme.sign(BODY, SECRET, event_id="", timestamp=AT) == {scheme.header: header}


def test_tiktok_and_mailchimp_accept_what_was_computed_elsewhere() -> None:
    digest = "7151550f9bebe052d14d518d957d02727224ec1912baffb80d34739a3b149820"
    header = {"tiktok-signature": f"t=1633174587,s={digest}"}
    TIKTOK.verify(InboundRequest(b'{"a":1}', header, 1_633_174_587), ["secret"])

    form = (
        b"type=subscribe&fired_at=2026-01-02+03%3A04%3A05&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054"
        b"&data%5Bemail%5D=a%40example.com"
    )
    digest = "a8c78bed601bc96f5dd60b78d785815eda3a52879c6838f020df28de79c1138a"
    header = {"x-mailchimp-signature": f"t=1767322800,v1={digest}"}
    MAILCHIMP.verify(InboundRequest(form, header, 1_767_322_800), ["test_signing_secret"])


def test_standard_receivers_take_what_we_sign_and_we_take_what_they_sign() -> None:
    scheme, now = StandardWebhooks(), datetime.now(UTC)
    secret, at = scheme.generate_secret(), int(datetime.now(UTC).timestamp())
    ours = dict(scheme.sign(BODY, secret, event_id="msg_1", timestamp=at))
    StandardReceiver(secret).verify(BODY.decode(), ours)
    SvixReceiver(secret).verify(BODY, ours)

    theirs = SvixReceiver(secret).sign("msg_1", now, BODY.decode())
    svix = StandardWebhooks("svix-signature", "svix-id", "svix-timestamp")
    headers = {"svix-id": "msg_1", "svix-timestamp": str(int(now.timestamp())), "svix-signature": theirs}
    svix.verify(InboundRequest(BODY, headers, at), [scheme.generate_secret(), secret])
    scheme.verify(InboundRequest(BODY, ours, at), [f"v1,{secret}"])


def test_several_signatures_may_stand_in_one_header() -> None:
    listed = HeaderHMAC("x-signature", prefix="v1=", separator=",")
    signature = listed.sign(BODY, SECRET, event_id="", timestamp=AT)["x-signature"]

    listed.verify(InboundRequest(BODY, {"x-signature": f"v0=00, v1=00, {signature}"}, AT), [SECRET])
    for header in (signature.replace("v1=", "v0="), signature.removeprefix("v1="), f"{signature};v1=00", "v1="):
        with pytest.raises(SignatureRefused):
            listed.verify(InboundRequest(BODY, {"x-signature": header}, AT), [SECRET])


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_a_signature_of_another_algorithm_is_refused(algorithm: str) -> None:
    schemes = {name: HeaderHMAC("x-signature", algorithm=name) for name in ("sha1", "sha256", "sha384", "sha512")}  # type: ignore[arg-type]
    request = InboundRequest(BODY, schemes[algorithm].sign(BODY, SECRET, event_id="", timestamp=AT), AT)

    for name, scheme in schemes.items():
        if name == algorithm:
            scheme.verify(request, [SECRET])
        else:
            with pytest.raises(SignatureRefused):
                scheme.verify(request, [SECRET])


@pytest.mark.parametrize("guid", ["", "a b", "guid\n", "é", "g" * 300, "\ud800"])
def test_an_id_that_could_move_the_border_to_the_body_is_refused(guid: str) -> None:
    """`a b` and `c` are signed as `a` and `b c` are."""

    text = guid.encode("utf-8", "surrogatepass") + b" " + BODY
    signature = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    headers = {"x-deliveroo-sequence-guid": guid, "x-deliveroo-hmac-sha256": signature}
    with pytest.raises(SignatureRefused):
        DELIVEROO.verify(InboundRequest(BODY, headers, AT), [SECRET])


def test_what_leaves_the_body_out_cannot_be_called_signed() -> None:
    with pytest.raises(ValueError, match="body"):
        HeaderHMAC("x-signature", signed="{timestamp}", timestamp_header="x-time")
    assert HeaderHMAC("x-signature", signed="{timestamp}", trust=Trust.HINT).trust == Trust.HINT


def test_either_of_two_ways_is_trusted_as_the_weaker() -> None:
    weaker = HeaderHMAC("x-other", trust=Trust.SHARED_SECRET)
    either = AnyOf((META, weaker))

    assert either.trust == Trust.SHARED_SECRET
    assert either.header == META.header
    either.verify(InboundRequest(BODY, weaker.sign(BODY, SECRET, event_id="", timestamp=AT), AT), [SECRET])
    META.verify(InboundRequest(BODY, either.sign(BODY, SECRET, event_id="", timestamp=AT), AT), [SECRET])
    with pytest.raises(SignatureRefused):
        either.verify(InboundRequest(BODY, {}, AT), [SECRET])
