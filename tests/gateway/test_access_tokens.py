from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integrations import access_tokens
from integrations.errors import AuthenticationFailed, ConfigurationError, IntegrationError, Unavailable
from integrations.gateway import BoundClient, FinishedCall, client_for
from integrations.providers.auth import Auth, Basic, HeaderKey, TokenExchange, Unauthenticated
from integrations.providers.base import Provider
from tests.factories import ConnectionFactory, CredentialFactory
from tests.wire import WireAnswer, WireRequest, WireServer

KEY = "sk_test_sample_not_a_key"
OAUTH = TokenExchange("/token", by=Basic("api_key"), fixed={"grant_type": "client_credentials"})


@pytest.fixture(autouse=True)
def _no_token_is_known() -> Iterator[None]:
    access_tokens._kept.clear()
    yield
    access_tokens._kept.clear()


class TokenWire:
    """A provider that gives a token for the key, one after the other, and does what the newest is shown for."""

    def __init__(self, *, lifetime: Any = 300) -> None:
        self.lifetime = lifetime
        self.numbers = itertools.count(1)
        self.valid: set[str] = set()
        self.token_answer: WireAnswer | None = None
        self.asked = 0

    def __call__(self, request: WireRequest) -> WireAnswer:
        if request.path != "/token":
            shown = request.headers.get("authorization", "").removeprefix("Bearer ")
            return WireAnswer(200, {"ok": True}) if shown in self.valid else WireAnswer(401, {"message": "no"})
        self.asked += 1
        if self.token_answer is not None:
            return self.token_answer
        proof = base64.b64encode(f"{KEY}:".encode()).decode()
        if request.headers.get("authorization") != f"Basic {proof}" or request.form != OAUTH.fixed:
            return WireAnswer(400, {"error": "invalid_client"})
        token = f"sample-token-{next(self.numbers)}"
        self.valid = {token}
        return WireAnswer(200, {"access_token": token, "expires_in": self.lifetime})


@pytest.fixture
def far_end(wire: WireServer) -> TokenWire:
    answer = TokenWire()
    wire.answer = answer
    return answer


def with_auth(client: BoundClient, auth: Auth) -> BoundClient:
    kind: type[Provider] = type(client._provider)
    client._provider = type("Exchanging", (kind,), {"auth": auth, "idempotency_header": ""})()
    return client


@pytest.fixture
def exchanging(client: BoundClient, far_end: TokenWire) -> BoundClient:
    return with_auth(client, OAUTH)


def test_the_token_is_fetched_once_and_shown_with_every_call(exchanging: BoundClient, far_end: TokenWire) -> None:
    assert exchanging.get("/v1/balance").ok
    assert exchanging.post("/v1/refunds", form={"amount": "1"}).ok
    assert far_end.asked == 1


def test_neither_the_token_nor_the_key_is_written_down(
    exchanging: BoundClient, far_end: TokenWire, finished: list[FinishedCall]
) -> None:
    exchanging.get("/v1/balance")
    assert [(call.operation, call.endpoint.rpartition("/")[2]) for call in finished] == [
        ("access_token", "token"),
        ("test", "balance"),
    ]
    for call in finished:
        assert "sample-token" not in repr(call)
        assert KEY not in repr(call)


def test_one_that_is_about_to_end_is_not_used(exchanging: BoundClient, far_end: TokenWire) -> None:
    far_end.lifetime = 0.2
    exchanging.get("/v1/balance")
    time.sleep(0.2)
    exchanging.get("/v1/balance")
    assert far_end.asked == 2


def test_one_that_was_ended_early_is_replaced_and_the_call_made_again(
    exchanging: BoundClient, far_end: TokenWire, wire: WireServer
) -> None:
    exchanging.get("/v1/balance")
    far_end.valid.clear()
    assert exchanging.post("/v1/refunds", form={"amount": "1"}).ok
    paths = [request.path for request in wire.requests]
    assert paths == ["/token", "/v1/balance", "/v1/refunds", "/token", "/v1/refunds"]


def test_a_provider_that_takes_no_token_is_asked_no_third_time(
    exchanging: BoundClient, far_end: TokenWire, wire: WireServer
) -> None:
    far_end.token_answer = WireAnswer(200, {"access_token": "never-valid", "expires_in": 300})
    with pytest.raises(AuthenticationFailed):
        exchanging.get("/v1/balance")
    assert [request.path for request in wire.requests] == ["/token", "/v1/balance"] * 2


@pytest.mark.parametrize("answer", [
    WireAnswer(503), WireAnswer(200, {"expires_in": 3}), WireAnswer(200, b"<html>"), WireAnswer(302),
    WireAnswer(200, {"access_token": 7}), WireAnswer(200, {"access_token": ""}),
    WireAnswer(200, {"access_token": "x", "expires_in": -1}),
], ids=str)  # fmt: skip
def test_without_a_token_the_call_is_never_made_and_that_is_said(
    exchanging: BoundClient, far_end: TokenWire, wire: WireServer, answer: WireAnswer
) -> None:
    """A payment may so be taken by another gateway."""
    far_end.token_answer = answer
    with pytest.raises(Unavailable) as raised:
        exchanging.post("/v1/payment_intents", form={"amount": "1"})
    assert not raised.value.may_have_taken_effect
    assert {request.path for request in wire.requests} == {"/token"}


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_refused_key_is_told_as_one(exchanging: BoundClient, far_end: TokenWire, status: int) -> None:
    far_end.token_answer = WireAnswer(status, {"error": "invalid_client"})
    with pytest.raises(AuthenticationFailed):
        exchanging.get("/v1/balance")


def test_a_lifetime_that_is_not_told_is_the_declared_one(exchanging: BoundClient, far_end: TokenWire) -> None:
    far_end.lifetime = None
    exchanging.get("/v1/balance")
    exchanging.get("/v1/balance")
    assert far_end.asked == 1


def test_another_key_gets_a_token_of_its_own(client_to: Callable[..., BoundClient], wire: WireServer) -> None:
    wire.answer = answer = TokenWire()
    first = with_auth(client_to(wire.url), OAUTH)
    first.get("/v1/balance")
    first.connection.credentials.all().delete()
    CredentialFactory(connection=first.connection, value="sk_test_another_not_a_key")
    with pytest.raises(AuthenticationFailed):
        with_auth(client_for(first.connection, operation="test"), OAUTH).get("/v1/balance")
    assert answer.asked == 2


def test_the_body_holds_what_the_configuration_and_the_credentials_give(wire: WireServer, db: None) -> None:
    sent: list[Any] = []

    def answer(request: WireRequest) -> WireAnswer:
        if request.path == "/auth/tokens":
            sent.append((request.json(), request.headers["accept"], request.headers.get("authorization")))
            return WireAnswer(201, {"token": "sample-token"})
        return WireAnswer(200 if request.headers["authorization"] == "Bearer sample-token" else 401, {})

    wire.answer = answer
    exchange = TokenExchange(
        "/auth/tokens",
        by=Unauthenticated(),
        is_json=True,
        configured={"realmName": "realm", "other": "unset"},
        credentials_sent={"api_key": "api_key"},
        sent_headers={"Accept": "application/vnd.sample.v1+json"},
        token_field="token",
    )
    configuration = {"base_url": wire.url, "realm": "ni"}
    connection = ConnectionFactory(configuration=configuration, credentials={"api_key": KEY})
    client = client_for(connection, operation="test")
    assert client.get("/v1/balance", auth=exchange).ok
    assert sent == [({"realmName": "ni", "api_key": KEY}, "application/vnd.sample.v1+json", None)]


def test_another_way_to_authenticate_replaces_the_usual_one(client: BoundClient, wire: WireServer) -> None:
    client.get("/v1/balance", auth=HeaderKey("X-Key", "api_key"))
    (request,) = wire.requests
    assert request.headers["x-key"] == KEY
    assert "authorization" not in request.headers


def test_a_connection_without_the_credential_is_told(wire: WireServer, db: None) -> None:
    connection = ConnectionFactory(configuration={"base_url": wire.url})
    client = with_auth(client_for(connection, operation="test"), OAUTH)
    with pytest.raises(ConfigurationError, match="api_key"):
        client.get("/v1/balance")
    assert wire.requests == []


def test_whoever_waited_for_a_token_hears_of_its_failure_too() -> None:
    def fail() -> Any:
        raise Unavailable("no")

    with pytest.raises(IntegrationError):
        access_tokens.current(("a",), fail)
    assert access_tokens._kept == {}
