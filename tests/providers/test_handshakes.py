"""How an address is shown to be ours, and that nobody can make us sign or say what they like."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import SignatureRefused
from integrations.providers.signatures import (
    Challenge,
    Handshake,
    HeaderHMAC,
    InboundRequest,
    LinkedInChallenge,
    MetaVerification,
    MicrosoftValidation,
    SlackChallenge,
    SNSConfirmation,
    XChallenge,
)

from .signers import AT, TOPIC, sns_request

URL = "https://hub.example/webhooks/1/"
META, X, LINKEDIN, MICROSOFT, SNS = (
    MetaVerification(),
    XChallenge(),
    LinkedInChallenge(),
    MicrosoftValidation(),
    SNSConfirmation(),
)
SLACK_SIGNATURE = HeaderHMAC(
    "x-slack-signature", signed="v0:{timestamp}:{body}", prefix="v0=", timestamp_header="x-slack-request-timestamp"
)
SLACK = SlackChallenge(SLACK_SIGNATURE)
ALL: list[Handshake] = [META, X, LINKEDIN, MICROSOFT, SNS, SLACK]
MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x>',
    "a&b",
    "'",
    "\r\nSet-Cookie: a=b",
    "\ud800",
    "مرحبا",
    "a" * 2000,
]


def get(**query: str) -> InboundRequest:
    return InboundRequest(b"", {}, AT, method="GET", url=f"{URL}?{urlencode(query, errors='surrogatepass')}")


def post(body: bytes = b"", query: str = "") -> InboundRequest:
    return InboundRequest(body, {}, AT, url=f"{URL}?{query}")


def meta(token: str, challenge: str = "1158201444", mode: str = "subscribe") -> InboundRequest:
    return get(**{"hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge})


def assert_plain(challenge: Challenge | None, body: bytes) -> None:
    assert challenge is not None
    assert (challenge.body, challenge.content_type, challenge.status) == (body, "text/plain", 200)
    assert challenge.headers["X-Content-Type-Options"] == "nosniff"
    assert challenge.visit == ""


def test_meta_is_given_its_challenge_for_either_secret_s_token() -> None:
    for secret in ("newer", "older"):
        assert_plain(META.answer(meta(secret), ["newer", "older"]), b"1158201444")
        assert_plain(META.answer(meta(META.verify_token(secret)), ["newer", "older"]), b"1158201444")


@pytest.mark.parametrize(
    "request_",
    [meta("wrong"), meta(""), meta("secret", mode="unsubscribe"), *(meta("secret", text) for text in [*MARKUP, ""])],
)
def test_meta_is_refused_otherwise(request_: InboundRequest) -> None:
    with pytest.raises(SignatureRefused):
        META.answer(request_, ["secret", ""])


def test_the_token_for_meta_says_nothing_of_the_secret() -> None:
    assert len({META.verify_token(secret) for secret in ("a", "b", "a")}) == 2
    assert "secret" not in META.verify_token("secret")


def test_x_s_challenge_is_answered_with_its_hmac() -> None:
    """Computed with openssl; X publishes no sample."""
    answer = X.answer(get(crc_token="challenge_string"), ["consumer_secret", "older"])

    assert answer is not None
    assert answer.content_type == "application/json"
    assert json.loads(answer.body) == {"response_token": "sha256=v1WdiCVwy17uGTMWveHGlqQXN/qW1bQraNXXByRO2YA="}


def test_linkedin_s_challenge_is_answered_with_its_hmac() -> None:
    """Computed with openssl; LinkedIn publishes no sample."""
    answer = LINKEDIN.answer(get(challengeCode="challenge"), ["secret"])

    assert answer is not None
    assert json.loads(answer.body) == {
        "challengeCode": "challenge",
        "challengeResponse": "a1e505e96c6aa1ece082bb9efb06c80f12913d217a7ac2b08b347630787d1da0",
    }
    code = "890e4665-4dfe-4ab1-b689-ed553bceeed0"
    uuid = LINKEDIN.answer(get(challengeCode=code), ["secret"])
    assert uuid is not None
    expected = hmac.new(b"secret", code.encode(), hashlib.sha256).hexdigest()
    assert json.loads(uuid.body)["challengeResponse"] == expected


@pytest.mark.parametrize(
    "text",
    ['{"data": {"event_uuid": "1"}}', "hmacsha256={}", 'hmacsha256={"type": "x"}', "[]", "a=b&c=d", '"x"', *MARKUP],
)
def test_nobody_can_have_an_event_signed_as_a_challenge(text: str) -> None:
    for handshake, request in ((X, get(crc_token=text)), (LINKEDIN, get(challengeCode=text))):
        with pytest.raises(SignatureRefused):
            handshake.answer(request, ["secret"])


def test_nothing_is_signed_without_a_secret() -> None:
    for handshake, request in ((X, get(crc_token="a")), (LINKEDIN, get(challengeCode="a"))):
        with pytest.raises(SignatureRefused):
            handshake.answer(request, [""])


@pytest.mark.parametrize(
    "token",
    [
        "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e-096a-494c-aaf1",
        "7QBNjZGVmYWNlLTEyMzQ_-.~",
    ],
)
def test_microsoft_is_given_its_token_decoded(token: str) -> None:
    for query in (urlencode({"validationToken": token}), f"validationToken={quote(token)}"):
        assert_plain(MICROSOFT.answer(post(query=query), []), token.encode())


@pytest.mark.parametrize("text", MARKUP)
def test_microsoft_s_token_is_never_markup(text: str) -> None:
    with pytest.raises(SignatureRefused):
        MICROSOFT.answer(post(query=urlencode({"validationToken": text}, errors="surrogatepass")), [])


def slack(body: bytes, secret: str = "secret") -> InboundRequest:
    return InboundRequest(body, SLACK_SIGNATURE.sign(body, secret, event_id="", timestamp=AT), AT, url=URL)


def test_slack_s_challenge_is_given_back_when_it_is_signed() -> None:
    expected = b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    body = b'{"type": "url_verification", "token": "x", "challenge": "' + expected + b'"}'

    assert_plain(SLACK.answer(slack(body), ["other", "secret"]), expected)
    for forged in (
        slack(body, "wrong"),
        post(body),
        slack(body.replace(b"3eZ", b"<b>")),
        slack(body[:-2] + b'", "challenge": [7]}'),
    ):
        with pytest.raises(SignatureRefused):
            SLACK.answer(forged, ["secret"])
    assert SLACK.answer(slack(b'{"type": "event_callback", "text": "url_verification"}'), ["secret"]) is None


def aws(name: str) -> tuple[InboundRequest, str]:
    folder = Path(__file__).parent / "aws_sns"
    body = (folder / f"{name}.json").read_bytes()
    message = json.loads(body)
    at = datetime.fromisoformat(message["Timestamp"]).timestamp()
    certificate = (folder / "certificate.pem").read_bytes()
    return InboundRequest(body, {}, at, fetch=lambda address: certificate), message["TopicArn"]


def test_a_subscription_that_aws_signed_is_confirmed_by_a_visit() -> None:
    request, topic = aws("subscription_confirmation")
    answer = SNS.answer(request, [topic])

    assert answer is not None
    assert answer.visit == json.loads(request.body)["SubscribeURL"]
    assert answer.visit.startswith("https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&")
    with pytest.raises(SignatureRefused):
        SNS.answer(request, [TOPIC])


def test_an_unsubscription_is_not_undone() -> None:
    request, topic = aws("unsubscribe_confirmation")
    assert_plain(SNS.answer(request, [topic]), b"")


def test_a_notification_is_no_challenge() -> None:
    request, topic = aws("notification_version_2")
    assert SNS.answer(request, [topic]) is None
    assert SNS.answer(sns_request({"Message": "SubscriptionConfirmation"}, TOPIC), [TOPIC]) is None


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com@evil.example/?Action=ConfirmSubscription&Token=1",
        "https://evil.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&TopicArn=x",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1#x",
        "http://169.254.169.254/",
        "",
    ],
)
def test_only_sns_is_visited_even_for_a_signed_message(address: str) -> None:
    message = {"Type": "SubscriptionConfirmation", "Message": "m", "Token": "t", "SubscribeURL": address}
    with pytest.raises(SignatureRefused):
        SNS.answer(sns_request(message, TOPIC), [TOPIC])


@pytest.mark.parametrize("handshake", ALL, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    "request_",
    [get(), get(a="1"), post(b'{"type": "event"}'), post(b"[]"), post(b""), post(b"\xff"), post(query="a=1")],
)
def test_what_is_no_challenge_is_left_to_be_an_event(handshake: Handshake, request_: InboundRequest) -> None:
    assert handshake.answer(request_, ["secret"]) is None


names = st.sampled_from(
    ["hub.mode", "hub.verify_token", "hub.challenge", "crc_token", "challengeCode", "validationToken"]
)
texts = st.text(max_size=60) | st.sampled_from(["subscribe", "secret", "url_verification", "%", "%FF", *MARKUP])
bodies = st.binary(max_size=60) | st.builds(
    lambda kind, value: json.dumps({"type": kind, "Type": kind, "challenge": value}).encode(),
    st.sampled_from(["url_verification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]),
    texts,
)


@given(query=st.dictionaries(names, texts, max_size=4), raw=texts, body=bodies, method=st.sampled_from(["GET", "POST"]))
def test_whatever_is_asked_the_answer_is_short_and_plain(
    query: dict[str, str], raw: str, body: bytes, method: str
) -> None:
    encoded = urlencode(query, errors="surrogatepass")
    for url in (f"{URL}?{encoded}", f"{URL}?{raw}", raw):
        request = InboundRequest(body, {}, AT, method=method, url=url)
        for handshake in ALL:
            try:
                challenge = handshake.answer(request, ["secret"])
            except SignatureRefused:
                continue
            if challenge is not None:
                assert len(challenge.body) <= 1024
                assert not set(b"<>&'\r\n") & set(challenge.body)
                assert challenge.visit == ""
