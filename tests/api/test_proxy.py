"""A call to a provider with a connection's credentials: the provider's answer, or a failure of ours that says so."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from integrations.circuit import pause
from integrations.errors import InvalidResponse, Unavailable
from integrations.models import Connection, Organization
from integrations.providers.payment.stripe import Stripe
from integrations.redaction import MASK
from tests.factories import ConnectionFactory
from tests.gateway.raw_wire import raw_wire
from tests.wire import WireAnswer, WireServer

from .client import ApiClient, error_of

KEY = "sk_test_sample_not_a_key"


@pytest.fixture
def provider() -> Iterator[WireServer]:
    with WireServer(lambda request: WireAnswer(200, {"ok": True})) as server:
        yield server


@pytest.fixture
def at(provider: WireServer, organization: Organization) -> str:
    """The proxy's address below a connection to `provider`."""
    connection = ConnectionFactory(
        organization=organization, configuration={"base_url": provider.url}, credentials={"api_key": KEY}
    )
    return f"connections/{connection.pk}/proxy"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_any_method_is_passed_on_with_the_connections_credentials(
    method: str, at: str, api: ApiClient, provider: WireServer
) -> None:
    response = api.send(method, f"{at}/v1/customers/cus_1")
    assert (response.status_code, response.json()) == (200, {"ok": True})
    (sent,) = provider.requests
    assert (sent.method, sent.path, sent.headers["authorization"]) == (method, "/v1/customers/cus_1", f"Bearer {KEY}")


def test_a_head_is_answered_without_a_body(at: str, api: ApiClient, provider: WireServer) -> None:
    response = api.send("HEAD", f"{at}/v1/customers")
    assert (response.status_code, response.content) == (200, b"")
    assert provider.requests[0].method == "HEAD"


def test_the_query_arrives_whole(at: str, api: ApiClient, provider: WireServer) -> None:
    response = api.get(f"{at}/v1/charges?expand[]=customer&expand[]=invoice&q=a%26b&empty=&format=csv&page_size=999")
    assert response.status_code == 200
    assert parse_qsl(provider.requests[0].raw_query, keep_blank_values=True) == [
        ("expand[]", "customer"), ("expand[]", "invoice"), ("q", "a&b"), ("empty", ""), ("format", "csv"),
        ("page_size", "999"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"amount": 1.10, "amount": [NaN]}'),
        ("application/x-www-form-urlencoded", b"amount=100&metadata[a]=b"),
        ("application/octet-stream", bytes(range(256))),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nfile\r\n--x--"),
        ("application/xml", b"<a/>"),
    ],
)
def test_a_body_arrives_byte_for_byte(
    content_type: str, body: bytes, at: str, api: ApiClient, provider: WireServer
) -> None:
    assert api.send("POST", f"{at}/v1/files", body, content_type=content_type).status_code == 200
    assert (provider.requests[0].body, provider.requests[0].headers["content-type"]) == (body, content_type)


def test_headers_are_passed_on_but_for_secrets_and_what_is_for_one_hop(
    at: str, api: ApiClient, provider: WireServer
) -> None:
    api.get(
        f"{at}/v1/balance", Cookie="sessionid=secret", X_Forwarded_For="10.0.0.1", X_Api_Key="mine", TE="trailers",
        Proxy_Authorization="Basic x", Connection="upgrade, X-Hop", X_Hop="1", Accept="application/pdf",
        If_None_Match='"a"', Stripe_Account="acct_1", Stripe_Version="2000-01-01", X_Access_Token="mine",
    )  # fmt: skip
    sent = provider.requests[0].headers
    assert (sent["accept"], sent["if-none-match"], sent["stripe-account"]) == ("application/pdf", '"a"', "acct_1")
    assert sent["stripe-version"] == Stripe.api_version, "we speak one version"
    assert not {"cookie", "x-forwarded-for", "x-api-key", "proxy-authorization", "te", "x-hop"} & set(sent)
    assert "x-access-token" not in sent
    assert "hub_" not in json.dumps(dict(sent))
    assert sent["host"].startswith("127.0.0.1")


def test_what_says_how_a_body_is_packed_and_which_part_is_wanted_is_passed_on(
    at: str, api: ApiClient, provider: WireServer
) -> None:
    provider.answer = lambda request: WireAnswer(206, b"part", {"Content-Range": "bytes 0-3/9", "RateLimit": "r=9"})
    body = gzip.compress(b'{"a": 1}')
    response = api.send("POST", f"{at}/v1/files", body, Content_Encoding="gzip", Range="bytes=0-3")
    sent = provider.requests[0]
    assert (sent.body, sent.headers["content-encoding"], sent.headers["range"]) == (body, "gzip", "bytes=0-3")
    assert (response.status_code, response["Content-Range"], response["RateLimit"]) == (206, "bytes 0-3/9", "r=9")


def test_the_idempotency_key_is_passed_on(at: str, api: ApiClient, provider: WireServer) -> None:
    api.post(f"{at}/v1/refunds", {"a": 1}, Idempotency_Key="refund-7")
    assert provider.requests[0].headers["idempotency-key"] == "refund-7"


@pytest.mark.parametrize("status", [201, 204, 302, 304, 400, 401, 402, 403, 404, 409, 422])
def test_the_providers_status_body_and_safe_headers_come_back(
    status: int, at: str, api: ApiClient, provider: WireServer
) -> None:
    body = b"" if status in (204, 304) else b"said"
    headers = {
        "Content-Type": "text/plain", "Request-Id": "req_1", "ETag": '"v1"', "Set-Cookie": "a=b", "Server": "nginx",
        "Hub-Error": "forged", "Location": "https://example.com/", "Strict-Transport-Security": "max-age=1",
    }  # fmt: skip
    provider.answer = lambda request: WireAnswer(status, body, headers)
    response = api.get(f"{at}/v1/balance")
    assert (response.status_code, response.content) == (status, body)
    assert (response["Request-Id"], response["ETag"], response["Content-Type"]) == ("req_1", '"v1"', "text/plain")
    assert not {"Set-Cookie", "Server", "Hub-Error", "Strict-Transport-Security"} & set(response.headers)


def test_a_providers_page_cannot_run_under_our_name(at: str, api: ApiClient, provider: WireServer) -> None:
    provider.answer = lambda request: WireAnswer(200, b"<script>", {"Content-Type": "text/html"})
    response = api.get(f"{at}/page", Accept="text/html")
    assert response["Content-Security-Policy"] == "sandbox"
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "../admin", "..", "v1/..", "v1/../x", "v1/./x", "v1/%2e%2e/x", "v1/%2E%2E/x", "v1/.%2e/x", "v1/%252e%252e/x",
        "v1/%25252e%25252e/x", "v1//x", "//x", "v1/%2f%2fx", "v1%2f..%2fx", "v1%2fx", "v1/%5c..%5cx", "v1/..\\x",
        "a%3fb", "a%23b", "a%00b", "a%0d%0aHost:%20x", "a%0aX-Injected:%201", "a%250d%250ab", "https://169.254.169.254/latest",
        "https:%2f%2f169.254.169.254/latest", "%68ttps://example.com/", "http:/example.com", "@169.254.169.254/",
        "v1/%c0%ae%c0%ae/x", "v1/;/../x",
    ],
)  # fmt: skip
def test_a_path_cannot_leave_the_providers_address(path: str, at: str, api: ApiClient, provider: WireServer) -> None:
    """Refused, or a path below the provider's own address all the same: never another one."""
    response = api.get(f"{at}/{path}")
    if response.status_code == 200:
        (sent,) = provider.requests
        assert sent.headers["host"] == provider.url.removeprefix("http://")
        assert sent.path.startswith("/")
        assert not {"..", "", "."} & set(unquote(sent.path[1:]).removesuffix("/").split("/"))
        assert not set("\r\n\\") & set(unquote(sent.path))
        assert "x-injected" not in sent.headers
    else:
        answered = response.status_code, error_of(response).get("field")
        assert answered in {(400, "path"), (404, None)}
        assert provider.requests == []


def test_the_root_can_be_called_too(at: str, api: ApiClient, provider: WireServer) -> None:
    assert api.get(f"{at}/").status_code == 200
    assert provider.requests[0].path == "/"


def test_a_failure_of_ours_is_told_from_the_providers(at: str, api: ApiClient, provider: WireServer) -> None:
    Connection.objects.update(status=Connection.Status.INACTIVE)
    response = api.get(f"{at}/v1/balance")
    assert (response.status_code, response["Hub-Error"]) == (409, "connection_not_ready")
    assert api.get("connections/not-an-id/proxy/v1/balance")["Hub-Error"] == "not_found"
    assert ApiClient().get(f"{at}/v1/balance")["Hub-Error"] == "not_authenticated"


def test_an_address_that_may_not_be_reached_is_refused_and_the_refusal_is_in_the_log(
    at: str, api: ApiClient, provider: WireServer, settings: Any
) -> None:
    settings.EGRESS_ALLOW = []
    response = api.get(f"{at}/v1/balance")
    assert (response.status_code, error_of(response)["code"]) == (403, "egress_refused")
    assert provider.connections == 0
    row = log_row(api)
    assert (row["log_type"], row["error_code"], row["response_status"]) == ("error", "egress_refused", None)
    assert row["endpoint"] == f"{provider.url}/v1/balance"


def test_a_body_over_ten_megabytes_is_not_passed_on(at: str, api: ApiClient, provider: WireServer) -> None:
    whole = b"x" * 10 * 1_048_576
    assert api.send("POST", f"{at}/v1/files", whole, content_type="application/octet-stream").status_code == 200
    assert provider.requests.pop().body == whole
    response = api.send("POST", f"{at}/v1/files", whole + b"x", content_type="application/octet-stream")
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")
    assert provider.requests == []


def test_the_call_is_found_in_the_log_without_secrets(at: str, api: ApiClient, provider: WireServer) -> None:
    response = api.post(f"{at}/v1/customers?api_key={KEY}", {"password": "hunter22"}, X_Request_Id="trace-me-4711")
    assert response.status_code == 200
    (row,) = api.get("logs/", {"operation": "proxy", "request_id": "trace-me-4711"}).json()["results"]
    assert (row["method"], row["response_status"]) == ("POST", 200)
    detail = api.get(f"logs/{row['id']}/")
    assert KEY.encode() not in detail.content
    assert b"hunter22" not in detail.content


# The end of a streamed answer closes the database's session, as a server does.
ended_by_the_server = pytest.mark.django_db(transaction=True)
BIG = bytes(range(256)) * 4 * 1024 * 3  # 3 MB


def received(response: Any) -> bytes:
    assert response.streaming
    return b"".join(response.streaming_content)


def log_row(api: ApiClient) -> dict[str, Any]:
    (row,) = api.get("logs/", {"operation": "proxy"}).json()["results"]
    return dict(api.get(f"logs/{row['id']}/").json())


@ended_by_the_server
def test_a_large_answer_is_streamed_and_logged_when_it_has_ended(at: str, api: ApiClient, provider: WireServer) -> None:
    provider.answer = lambda request: WireAnswer(200, BIG, {"Content-Type": "application/pdf", "Request-Id": "req_1"})
    response = api.send("GET", f"{at}/v1/files/1/contents")
    assert (response.status_code, response["Content-Type"], response["Request-Id"]) == (200, "application/pdf", "req_1")
    assert api.get("logs/", {"operation": "proxy"}).json()["results"] == []
    assert received(response) == BIG
    response.close()
    row = log_row(api)
    assert (row["response_status"], row["bytes_received"], row["error_code"]) == (200, len(BIG), "")


@ended_by_the_server
def test_a_caller_who_goes_away_leaves_a_log_row_and_no_connection(
    at: str, api: ApiClient, provider: WireServer
) -> None:
    provider.answer = lambda request: WireAnswer(200, BIG)
    response = api.send("GET", f"{at}/v1/files/1/contents")
    next(iter(response.streaming_content))
    response.close()
    assert 0 < log_row(api)["bytes_received"] < len(BIG)
    provider.answer = lambda request: WireAnswer(200, b"next")
    assert api.get(f"{at}/v1/balance").content == b"next"


@ended_by_the_server
def test_one_who_never_reads_leaves_a_log_row_too(at: str, api: ApiClient, provider: WireServer) -> None:
    provider.answer = lambda request: WireAnswer(200, BIG)
    api.send("GET", f"{at}/v1/files/1/contents").close()
    assert log_row(api)["response_status"] == 200


@ended_by_the_server
def test_a_large_answer_that_breaks_off_does_not_look_whole(api: ApiClient, organization: Organization) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 1_000_000
    with raw_wire(lambda peer: peer.sendall(half)) as url:
        connection = ConnectionFactory(
            organization=organization, configuration={"base_url": url}, credentials={"api_key": KEY}
        )
        response = api.send("GET", f"connections/{connection.pk}/proxy/v1/files/1/contents")
        assert response.status_code == 200
        with pytest.raises(Unavailable):
            received(response)
    response.close()
    row = log_row(api)
    assert (row["error_code"], row["bytes_received"]) == ("provider_unavailable", 1_000_000)


@ended_by_the_server
def test_an_answer_without_end_is_cut_at_its_bound(api: ApiClient, organization: Organization) -> None:
    def flood(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.sendall(b"x" * 65_536)

    with raw_wire(flood) as url:
        connection = ConnectionFactory(
            organization=organization, configuration={"base_url": url}, credentials={"api_key": KEY}
        )
        response = api.send("GET", f"connections/{connection.pk}/proxy/v1/files/1/contents")
        with pytest.raises(InvalidResponse, match="larger"):
            received(response)
    response.close()
    assert 9 * 1_048_576 < log_row(api)["bytes_received"] <= 10 * 1_048_576


def test_one_that_announces_more_than_the_bound_is_refused_at_once(api: ApiClient, organization: Organization) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    with raw_wire(lambda peer: peer.sendall(head)) as url:
        connection = ConnectionFactory(
            organization=organization, configuration={"base_url": url}, credentials={"api_key": KEY}
        )
        response = api.get(f"connections/{connection.pk}/proxy/v1/files/1/contents")
    assert (response.status_code, response["Hub-Error"]) == (502, "invalid_response")


@ended_by_the_server
def test_a_large_failure_is_repeated_and_comes_back_whole(at: str, api: ApiClient, provider: WireServer) -> None:
    provider.answer = lambda request: WireAnswer(503, BIG, {"Retry-After": "0"})
    response = api.send("GET", f"{at}/v1/balance")
    assert (response.status_code, received(response)) == (503, BIG)
    response.close()
    rows = api.get("logs/", {"operation": "proxy"}).json()["results"]
    assert sorted(row["attempt"] for row in rows) == [1, 2, 3]


def test_a_caller_who_prefers_to_wait_is_let_through_when_there_is_room(
    at: str, api: ApiClient, provider: WireServer
) -> None:
    connection = Connection.objects.get(pk=at.split("/")[1])
    pause(connection, 1.5)
    refused = api.get(f"{at}/v1/balance")
    assert (refused.status_code, refused["Hub-Error"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) >= 1
    started = time.monotonic()
    assert api.get(f"{at}/v1/balance", Prefer="wait=1, respond-async").status_code in {200, 429}
    assert api.get(f"{at}/v1/balance", Prefer="respond-async, wait=5").status_code == 200
    assert time.monotonic() - started < 4


def test_nobody_waits_for_longer_than_they_said(at: str, api: ApiClient) -> None:
    pause(Connection.objects.get(pk=at.split("/")[1]), 60)
    started = time.monotonic()
    for preference in ("wait=2", "wait=99999", "wait=-1", "wait=x", "wait=", "waits=9"):
        assert api.get(f"{at}/v1/balance", Prefer=preference).status_code == 429
    assert time.monotonic() - started < 2


@ended_by_the_server
@pytest.mark.parametrize("before", [0, 262_100, 262_137, 262_144, 300_000, 1_000_000])
def test_a_key_that_a_large_answer_repeats_is_masked_wherever_it_stands(
    before: int, at: str, api: ApiClient, provider: WireServer
) -> None:
    body = b"a" * before + KEY.encode() + b"b" * 600_000 + KEY.encode()
    provider.answer = lambda request: WireAnswer(200, body, {"Location": f"https://example.com/?key={KEY}"})
    response = api.send("GET", f"{at}/v1/echo")
    shown = received(response)
    response.close()
    assert KEY not in response["Location"]
    assert shown.replace(MASK.encode(), KEY.encode()) == body
    assert KEY.encode() not in shown
