from __future__ import annotations

import base64
import json
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from urllib.parse import quote_plus

import pytest

from integrations.errors import IntegrationError, InvalidRequest
from integrations.gateway import BoundClient, FinishedCall
from integrations.redaction import MASK, MAX_BODY_CHARACTERS, Redactor
from monitoring.models import CallLog
from tests.factories import CredentialFactory
from tests.wire import WireAnswer, WireServer

from .raw_wire import raw_wire

SECRET = "canary/8d1+f0 &key"  # with characters that URLs, forms and JSON each write in their own way
IN_A_PATH = "canary-9e2c7"
CARD = "4242424242424242"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-API-Key", "apikey", "Stripe-Signature",
        "X-Auth-Token", "X-Client-Secret", "X-Key", "Key", "X-Amz-Security-Token",
    ],
)  # fmt: skip
def test_a_secret_header_is_masked(name: str) -> None:
    assert Redactor().headers({name: "abc"}) == {name: MASK}


@pytest.mark.parametrize("name", ["Idempotency-Key", "Content-Type", "Request-Id", "Date", "X-RateLimit-Remaining"])
def test_an_ordinary_header_is_kept(name: str) -> None:
    assert Redactor().headers({name: "abc"}) == {name: "abc"}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"client_secret": "abc", "id": "pi_1"}, {"client_secret": MASK, "id": "pi_1"}),
        ({"a": [{"access_token": "abc"}]}, {"a": [{"access_token": MASK}]}),
        ({"tokens": ["abc", "def"]}, {"tokens": [MASK, MASK]}),
        ({"password": 1234, "pin": 0}, {"password": MASK, "pin": MASK}),
        ({"api_key": None, "has_token": True, "secret": ""}, {"api_key": None, "has_token": True, "secret": ""}),
        ({"card": {"number": "12", "cvc": "1", "last4": "42"}}, {"card": {"number": MASK, "cvc": MASK, "last4": "42"}}),
        ({"cardNumber": "1234", "CVV2": "1", "pan": "12"}, {"cardNumber": MASK, "CVV2": MASK, "pan": MASK}),
        (
            [{"header": {"title": "X-Token", "value": "abc"}, "value": "x"}],
            [{"header": {"title": "X-Token", "value": MASK}, "value": "x"}],
        ),
        ({"note": f"card {CARD}!"}, {"note": f"card {MASK}!"}),
        ({"inner": '{"password":"abc"}'}, {"inner": '{"password":"[redacted]"}'}),
        ({"shipping": "fast", "company": "Pan", "expand": "x"}, {"shipping": "fast", "company": "Pan", "expand": "x"}),
        ({"publishable_key": "abc", "sort_key": "x"}, {"publishable_key": "abc", "sort_key": "x"}),
    ],
)  # fmt: skip
def test_json_is_shown_without_secrets(body: object, shown: object) -> None:
    assert json.loads(Redactor().body(json.dumps(body).encode(), "application/json; charset=utf-8")) == shown


@pytest.mark.parametrize(
    ("body", "kind", "shown"),
    [
        (b"amount=100&card[number]=1234&client_secret=abc", "application/x-www-form-urlencoded",
         f"amount=100&card[number]={MASK}&client_secret={MASK}"),
        (b"n=4242+4242+4242+4242+12%2F27", "application/x-www-form-urlencoded", f"n={MASK}+12/27"),
        (b'{"password": "two words", "id": 1', "application/json", f'{{"password": "{MASK}", "id": 1'),
        (b"access_token=abc&id=1", "text/plain", f"access_token={MASK}&id=1"),
        (b"<password>abc</password>", "image/png", "<24 bytes of image/png>"),
        (b"\xff\xfe", "text/plain", "<2 bytes of text/plain>"),
        (b"\xff\xfe", "", "<2 bytes of unknown type>"),
        ("مرحبا".encode(), "text/plain", "مرحبا"),
        (b"a\x00b", "text/plain", "ab"),
        (b'{"a":"\\ud800"}', "application/json", '{"a":"?"}'),
        (b"", "application/json", ""),
    ],
)  # fmt: skip
def test_other_bodies_are_shown_without_secrets(body: bytes, kind: str, shown: str) -> None:
    assert Redactor().body(body, kind) == shown


@pytest.mark.parametrize(
    "card",
    [
        CARD,
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "378282246310005",
        "3782 822463 10005",
        "4222222222222",
        "6759649826438453003",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "card {} ok", "{} 12/27", "{} 123", "order 12345 {}", "n={};", '"{}"', "({})"]
)
def test_a_card_number_is_masked_anywhere(card: str, around: str) -> None:
    assert Redactor().text(around.format(card)) == around.format(MASK)


@pytest.mark.parametrize(
    "text",
    ["4242424242424241", "2026-11-21 04:47:44", "+971 50 123 4567", "ch_4242424242424242",
     "1.4242424242424242", "0" * 16],
)  # fmt: skip
def test_other_numbers_are_kept(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "token",
    ["sk_live_abc123", "rk_test_abc", "whsec_abc+/=", "pi_1_secret_2", "hub_" + "a" * 32, "eyJhbGciOi.eyJzdWIi.c2ln"],
)
def test_tokens_are_known_by_their_form(token: str) -> None:
    assert Redactor().text(f"Invalid key {token}, sorry") == f"Invalid key {MASK}, sorry"
    assert Redactor().text("it said Bearer abcdefgh123") == f"it said Bearer {MASK}"


def test_a_secret_is_found_however_it_is_written() -> None:
    redactor = Redactor([SECRET, 'quo"te'])
    in_base64, in_xml = base64.b64encode(SECRET.encode()).decode(), "canary/8d1+f0 &amp;key"
    written = [SECRET, quote_plus(SECRET), in_base64, in_xml, json.dumps('quo"te')]
    assert MASK in redactor.text(" ".join(written))
    assert all(way not in redactor.text(" ".join(written)) for way in [*written, SECRET.split()[0]])


def test_the_query_of_a_url_is_shown_without_secrets() -> None:
    shown = Redactor(["known-secret"]).url(f"https://a.example/v1/known-secret?api_key=abc&page=2&card={CARD}")
    assert shown == f"https://a.example/v1/{MASK}?api_key={MASK}&page=2&card={MASK}"


def test_a_long_body_is_cut_and_says_so() -> None:
    shown = Redactor().body(b'"' + b"x" * 5_000_000 + b'"', "application/json")
    assert len(shown) < MAX_BODY_CHARACTERS + 50
    assert shown.endswith("… [5000002 bytes in all]")
    assert Redactor().body("ع".encode() * 100_000, "text/plain").startswith("ععع")


@pytest.fixture
def planted(client: BoundClient) -> BoundClient:
    """A client whose connection has a secret that is sought afterwards wherever anything was written."""
    CredentialFactory(connection=client.connection, credential_key="canary", value=SECRET)
    CredentialFactory(connection=client.connection, credential_key="path", value=IN_A_PATH)
    return client


def assert_nowhere(finished: list[FinishedCall], caplog: pytest.LogCaptureFixture) -> None:
    rows = list(CallLog.objects.values())
    assert finished
    assert len(rows) == len(finished)
    hidden = ["canary", CARD, "sk_test_sample", base64.b64encode(SECRET.encode()).decode()]
    for written in [str([asdict(call) for call in finished]), str(rows), caplog.text]:
        assert [value for value in hidden if value in written] == []


def test_a_secret_is_written_nowhere(
    planted: BoundClient, wire: WireServer, finished: list[FinishedCall], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "factory")  # it tells what it is given
    caplog.set_level(logging.DEBUG)
    echoed = {"error": {"code": "bad", "message": f"What is {SECRET} for card {CARD}?", "sent": [SECRET, {"x": CARD}]}}
    wire.answer = lambda request: WireAnswer(400, echoed, {"X-Echo": SECRET, "Set-Cookie": SECRET})
    with pytest.raises(IntegrationError) as raised:
        planted.request(
            "POST",
            f"/v1/customers/{IN_A_PATH}",
            params={"q": SECRET, "token": "x", "card": CARD},
            json={"note": SECRET, "card": {"number": CARD}, "deep": [{"client_secret": "abc"}]},
            headers={"Prefer": SECRET},
        )
    logging.getLogger("test").error("failed", exc_info=raised.value)
    assert SECRET not in str(raised.value) + repr(raised.value)
    assert_nowhere(finished, caplog)
    assert finished[0].error_code == "rejected_by_provider"


def test_a_secret_in_a_form_is_written_nowhere(
    planted: BoundClient, wire: WireServer, finished: list[FinishedCall], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "factory")  # it tells what it is given
    caplog.set_level(logging.DEBUG)
    wire.answer = lambda request: WireAnswer(200, request.body, {"Content-Type": "text/html"})
    planted.post("/v1/tokens", form={"note": SECRET, "card[number]": CARD, "card[cvc]": "9876"})
    assert_nowhere(finished, caplog)
    for call in finished:  # not its ids and times, which may hold any digits
        assert "9876" not in call.request_body + call.response_body + call.endpoint


@pytest.fixture(params=["nobody there", "hangs up", "speaks no HTTP"])
def broken_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "nobody there":
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        return
    answer = b"" if request.param == "hangs up" else b"nonsense\r\n\r\n"
    with raw_wire(lambda peer: peer.sendall(answer)) as url:
        yield url


def test_the_trace_of_a_broken_connection_quotes_no_url(
    client_to: Callable[..., BoundClient],
    broken_url: str,
    finished: list[FinishedCall],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "factory")  # it tells what it is given
    caplog.set_level(logging.DEBUG)
    client = client_to(broken_url)
    CredentialFactory(connection=client.connection, credential_key="canary", value=SECRET)
    with pytest.raises(IntegrationError) as raised:
        client.request("POST", "/v1/x", params={"q": SECRET})
    logging.getLogger("test").error("failed", exc_info=raised.value)
    assert_nowhere(finished, caplog)


def test_a_credential_that_fits_no_header_is_not_quoted(
    client_to: Callable[..., BoundClient], wire: WireServer
) -> None:
    client = client_to(wire.url)
    CredentialFactory(connection=client.connection, value="canary\nbroken")
    with pytest.raises(InvalidRequest) as raised:
        client.get("/v1/balance")
    assert "canary" not in "".join(traceback.format_exception(raised.value))


def test_a_client_does_not_show_what_it_holds(planted: BoundClient) -> None:
    assert "canary" not in repr(planted)
    assert planted.credential("canary") == SECRET
