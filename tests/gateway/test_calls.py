from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionNotReady,
    InvalidRequest,
    InvalidResponse,
    RateLimited,
    Rejected,
    Unavailable,
)
from integrations.gateway import BoundClient, FinishedCall, client_for
from integrations.models import Connection
from integrations.request_id import Origin, originating
from integrations.signals import api_call_finished
from monitoring.models import CallLog
from tests.factories import ConnectionFactory, CredentialFactory
from tests.wire import WireAnswer, WireServer

from .conftest import API_KEY

Clients = Callable[..., BoundClient]


def test_a_call_carries_the_connections_credentials_and_the_providers_headers(
    client: BoundClient, wire: WireServer
) -> None:
    answer = client.get("/v1/balance", params={"expand[]": "pending"})
    (request,) = wire.requests
    assert answer.json() == {"ok": True}
    assert (request.method, request.path, request.query) == ("GET", "/v1/balance", {"expand[]": "pending"})
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["stripe-version"]
    assert request.headers["user-agent"] == "Hub/1"
    assert request.headers["host"] == f"127.0.0.1:{wire.port}"


def test_the_newest_credential_is_used_and_an_expired_one_is_not(client: BoundClient, wire: WireServer) -> None:
    from django.utils import timezone

    CredentialFactory(connection=client.connection, value="sk_test_newer_not_a_key")
    CredentialFactory(connection=client.connection, value="sk_test_late_not_a_key", expires_at=timezone.now())
    CredentialFactory(connection=client.connection, value="sk_test_off_not_a_key", is_active=False)
    client.get("/v1/balance")
    assert wire.requests[0].headers["authorization"] == "Bearer sk_test_newer_not_a_key"


def test_a_connection_without_its_credential_makes_no_call(db: None, wire: WireServer) -> None:
    connection = ConnectionFactory(configuration={"base_url": wire.url})
    with pytest.raises(ConfigurationError, match="api_key"):
        client_for(connection, operation="test").get("/v1/balance")
    assert wire.requests == []


@pytest.mark.parametrize("status", [status for status in Connection.Status if status != Connection.Status.ACTIVE])
def test_only_an_active_connection_is_called_unless_it_is_being_tested(
    client: BoundClient, wire: WireServer, status: str
) -> None:
    client.connection.status = status
    with pytest.raises(ConnectionNotReady):
        client_for(client.connection, operation="test")
    client_for(client.connection, operation="test", any_status=True).get("/v1/balance")
    assert len(wire.requests) == 1


def test_a_switched_off_provider_or_organization_is_never_called(client: BoundClient) -> None:
    client.connection.provider.is_active = False
    with pytest.raises(ConnectionNotReady):
        client_for(client.connection, operation="test", any_status=True)
    client.connection.provider.is_active = True
    client.connection.organization.is_active = False
    with pytest.raises(ConnectionNotReady):
        client_for(client.connection, operation="test", any_status=True)


def test_production_ignores_a_base_url_of_the_configuration(
    client_to: Clients, wire: WireServer, finished: list[FinishedCall], settings: Any
) -> None:
    client_to(wire.url, environment="staging").get("/v1/balance")
    assert len(wire.requests) == 1
    live = client_to(wire.url, environment="production", slug="sandbox")
    settings.PUBLIC_URL, settings.SANDBOX = "http://127.0.0.1:1", True
    CredentialFactory(connection=live.connection, credential_key="secret_key")
    with pytest.raises(Unavailable):
        live.post("/payments")
    assert len(wire.requests) == 1
    assert finished[-1].endpoint.startswith("http://127.0.0.1:1/sandbox/")


@pytest.mark.parametrize(
    "path",
    [
        "../admin",
        "/v1/../../admin",
        "/v1/..",
        "/v1/./x",
        "//evil.example/v1",
        "/v1//x",
        "https://evil.example/",
        "/v1/%2e%2e/admin",
        "/v1/%252e%252e/admin",
        "/v1/..%2fadmin",
        "/v1/a%2Fb",
        "/v1/a%252fb",
        "/v1/..;x/admin",
        "/v1\\..\\admin",
        "/v1/%5c..",
        "/v1/balance?x=1",
        "/v1/balance#x",
        "/v1/x\r\nHost: evil.example",
        "/v1/x%0d%0aHost:%20evil",
        "/v1/\x00",
        "/v1/%00",
    ],
)
def test_a_path_cannot_leave_the_providers_address(client: BoundClient, wire: WireServer, path: str) -> None:
    with pytest.raises(InvalidRequest):
        client.get(path)
    assert wire.requests == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("v1/balance", "/v1/balance"),
        ("/v1/customers/cus_1:archive", "/v1/customers/cus_1:archive"),
        ("/v1/files/a..b.pdf", "/v1/files/a..b.pdf"),
        ("/v1/@me", "/v1/@me"),
        ("/v1/a b", "/v1/a%20b"),
        ("/v1/a%20b", "/v1/a%20b"),
        ("/v1/دفع", "/v1/%D8%AF%D9%81%D8%B9"),
    ],
)
def test_an_ordinary_path_goes_through(client: BoundClient, wire: WireServer, path: str, sent: str) -> None:
    client.get(path)
    assert wire.requests[0].path == sent


def test_a_base_url_with_a_query_is_refused(client_to: Clients, wire: WireServer) -> None:
    with pytest.raises(ConfigurationError):
        client_to(wire.url + "/?next=").get("/v1/balance")
    assert wire.requests == []


def test_a_header_that_cannot_be_sent_is_refused_without_quoting_it(client: BoundClient, wire: WireServer) -> None:
    for value in ("line\r\nbreak", "عربي"):
        with pytest.raises(InvalidRequest) as refused:
            client.exchange("GET", "/v1/balance", headers={"Prefer": value})
        assert refused.value.__suppress_context__
        assert value not in str(refused.value)
    assert wire.requests == []


def test_a_caller_cannot_replace_the_credentials(client: BoundClient, wire: WireServer) -> None:
    client.exchange("GET", "/v1/balance", headers={"authorization": "Bearer other", "STRIPE-VERSION": "1999-01-01"})
    assert wire.requests[0].headers["authorization"] == f"Bearer {API_KEY}"
    assert wire.requests[0].headers["stripe-version"] != "1999-01-01"


def test_calls_share_one_kept_alive_connection(client: BoundClient, wire: WireServer) -> None:
    for _ in range(10):
        client.get("/v1/balance")
    assert (len(wire.requests), wire.connections) == (10, 1)


@pytest.mark.django_db(transaction=True)
def test_threads_share_connections_without_mixing_answers(wire: WireServer) -> None:
    wire.answer = lambda request: WireAnswer(200, {"path": request.path})
    connection = ConnectionFactory(configuration={"base_url": wire.url}, credentials={"api_key": API_KEY})

    def call(number: int) -> str:
        try:
            return str(client_for(connection, operation="test").get(f"/v1/{number}").json()["path"])
        finally:
            database.close()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, range(40))) == [f"/v1/{number}" for number in range(40)]
    assert wire.connections <= 4


def test_no_cookie_and_no_redirect_is_followed(client: BoundClient, wire: WireServer) -> None:
    with WireServer(lambda request: WireAnswer(200, {"stolen": True})) as elsewhere:
        location = {"Location": f"{elsewhere.url}/v1/balance", "Set-Cookie": "session=1"}
        wire.answer = lambda request: WireAnswer(302, b"", location)
        assert client.exchange("GET", "/v1/balance").status == 302
        with pytest.raises(InvalidResponse):
            client.get("/v1/balance")
        assert elsewhere.requests == []
    assert "cookie" not in wire.requests[1].headers


def test_proxies_and_netrc_of_the_environment_are_ignored(
    client: BoundClient, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    client.get("/v1/balance")
    assert len(wire.requests) == 1


def test_no_provider_is_called_inside_a_transaction(client: BoundClient, wire: WireServer) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a database transaction"):
        client.get("/v1/balance")
    assert wire.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, InvalidResponse),
        (400, Rejected),
        (401, AuthenticationFailed),
        (402, Rejected),
        (403, AuthenticationFailed),
        (404, Rejected),
        (408, Unavailable),
        (409, Rejected),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_an_answer_that_is_not_2xx_means_one_of_our_errors(
    client: BoundClient, wire: WireServer, status: int, error: type[Exception]
) -> None:
    wire.answer = lambda request: WireAnswer(status, {"error": {"code": "odd", "message": "No."}})
    with pytest.raises(error) as raised:
        client.post("/v1/payment_intents")
    assert type(raised.value) is error
    assert client.exchange("POST", "/v1/payment_intents").status == status


def test_a_refusal_keeps_the_providers_words(client: BoundClient, wire: WireServer) -> None:
    body = {"error": {"code": "card_declined", "message": "Your card was declined.", "type": "card_error"}}
    wire.answer = lambda request: WireAnswer(402, body)
    with pytest.raises(Rejected, match="Your card was declined") as raised:
        client.post("/v1/payment_intents")
    assert (raised.value.provider_code, raised.value.provider_status) == ("card_declined", 402)
    assert raised.value.body == body


def test_each_call_is_told_with_its_origin_and_written_down(
    client: BoundClient, wire: WireServer, finished: list[FinishedCall]
) -> None:
    origin = Origin(request_id="request-1234", user_id=uuid.uuid4(), ip_address="192.0.2.7")
    with originating(origin):
        client.post("/v1/refunds", form={"amount": "1250"})
    (call,) = finished
    assert (call.log_type, call.method, call.response_status, call.attempt) == ("api_response", "POST", 200, 1)
    assert (call.organization_id, call.connection_id) == (client.connection.organization_id, client.connection.pk)
    assert (call.request_id, call.user_id, call.ip_address) == ("request-1234", origin.user_id, "192.0.2.7")
    assert call.endpoint == f"{wire.url}/v1/refunds"
    assert (call.request_body, call.response_body) == ("amount=1250", '{"ok":true}')
    assert (call.bytes_sent, call.bytes_received, call.cost_aed) == (11, 12, Decimal(0))
    assert call.response_time_ms is not None
    assert "request-1234" not in str(wire.requests[0].headers)
    row = CallLog.objects.get(connection_id=client.connection.pk)
    assert (row.operation, row.response_status, row.request_id) == ("test", 200, "request-1234")


def test_a_failing_log_does_not_fail_the_call(client: BoundClient, caplog: pytest.LogCaptureFixture) -> None:
    def fail(sender: object, **kwargs: object) -> None:
        raise ValueError("no room")

    api_call_finished.connect(fail)
    try:
        assert client.get("/v1/balance").ok
    finally:
        api_call_finished.disconnect(fail)
    assert "no room" in caplog.text


@pytest.mark.parametrize(
    ("provider_price", "own_price", "cost"),
    [(None, None, "0"), ("0.05", None, "0.05"), ("0.05", "0.0125", "0.0125"), ("0.05", "0", "0")],
)
def test_an_answered_call_costs_the_connections_price_else_the_providers(
    client: BoundClient, wire: WireServer, finished: list[FinishedCall],
    provider_price: str | None, own_price: str | None, cost: str,
) -> None:  # fmt: skip
    connection = client.connection
    connection.provider.price_per_call_aed = Decimal(provider_price) if provider_price else None
    connection.price_per_call_aed = Decimal(own_price) if own_price else None
    wire.answer = lambda request: WireAnswer(503 if len(wire.requests) == 1 else 200, b"{}", {"Retry-After": "0"})
    client.get("/v1/balance")
    assert [call.cost_aed for call in finished] == [Decimal(cost)] * 2, "the provider has answered twice"
    rows = CallLog.objects.filter(connection_id=connection.pk)
    assert [row.cost_aed for row in rows] == [Decimal(cost)] * 2


def test_a_call_that_is_not_answered_costs_nothing(client_to: Clients, finished: list[FinishedCall]) -> None:
    client = client_to("http://127.0.0.1:9", price_per_call_aed=Decimal("0.05"))
    with pytest.raises(Unavailable):
        client.get("/v1/balance")
    assert {call.cost_aed for call in finished} == {Decimal(0)}
