"""The door as its callers meet it: many at once, over real connections, with parts of us missing."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from django.conf import settings
from django.db import connection as database
from pytest_django.live_server_helper import LiveServer

from integrations.providers.signatures import InboundRequest
from tests.served import ROOT, free_port
from webhooks.endpoints import update_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent

from .outside import HMAC, connect
from .outside import SECRET as OUTSIDE_SECRET
from .stripe_sender import event, signature

pytestmark = pytest.mark.django_db(transaction=True)


def send(url: str, body: bytes, header: str = "") -> requests.Response:
    headers = {"Stripe-Signature": header or signature(body), "Content-Type": "application/json"}
    return requests.post(url, data=body, headers=headers, timeout=30)


def address(url: str, endpoint: WebhookEndpoint) -> str:
    return url + urlsplit(endpoint.webhook_url).path


@contextmanager
def served(*, output: IO[bytes] | int = subprocess.DEVNULL, **environment: str) -> Iterator[str]:
    """This application by its real server, on the test's own database and Redis but for what `environment` says."""
    port = free_port()
    given = urlsplit(os.environ["DATABASE_URL"])
    own = f"postgresql://{given.netloc}/{database.settings_dict['NAME']}?{given.query}"
    variables = {**os.environ, "DATABASE_URL": own, "REDIS_URL": settings.REDIS_URL, **environment}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws"]
    command += ["--workers", "1", "--blocking-threads", "8", "config.wsgi:application"]
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(f"{url}/healthz", timeout=1)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


def test_sixteen_deliveries_of_one_event_at_once_are_one_row(
    endpoint: WebhookEndpoint, live_server: LiveServer
) -> None:
    body = event()
    url = live_server.url + urlsplit(endpoint.webhook_url).path
    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(lambda _: send(url, body).status_code, range(16)))
    assert answers == [200] * 16
    assert WebhookEvent.objects.count() == 1


def test_many_events_at_once_are_all_stored(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    bodies = [event() for _ in range(64)]
    url = live_server.url + urlsplit(endpoint.webhook_url).path
    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(lambda body: send(url, body).status_code, bodies))
    assert answers == [200] * 64
    assert sorted(bytes(one.raw_body or b"") for one in WebhookEvent.objects.all()) == sorted(bodies)


def test_an_endpoint_deleted_behind_our_back_is_not_found(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    url = live_server.url + urlsplit(endpoint.webhook_url).path
    assert send(url, event()).status_code == 200
    with database.cursor() as cursor:  # without signals, as when another process deletes it
        cursor.execute("DELETE FROM webhook_events")
        cursor.execute("DELETE FROM webhook_endpoints")
    assert send(url, event()).status_code == 404


def test_a_body_sent_in_chunks_is_verified_whole(endpoint: WebhookEndpoint) -> None:
    body = event()
    with served() as url:
        target = urlsplit(url)
        link = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
        link.request(
            "POST",
            urlsplit(endpoint.webhook_url).path,
            iter([body[:100], body[100:]]),
            {"Stripe-Signature": signature(body), "Content-Type": "application/json"},
            encode_chunked=True,
        )
        assert link.getresponse().status == 200
        link.close()
    assert bytes(WebhookEvent.objects.get().raw_body or b"") == body


def test_ten_megabytes_are_refused(endpoint: WebhookEndpoint) -> None:
    """As soon as their length is announced: nothing of the body has to be sent."""
    with served() as url:
        target = urlsplit(url)
        link = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
        link.putrequest("POST", urlsplit(endpoint.webhook_url).path)
        link.putheader("Content-Length", "10000000")
        link.endheaders()
        assert link.getresponse().status == 413
        link.close()
    assert not WebhookEvent.objects.exists()


def test_a_body_without_end_is_not_read_on(endpoint: WebhookEndpoint) -> None:
    """It announces no length, so it is read up to the limit, and the sender is hung up on."""
    sent = 0
    with served() as url, socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as link:
        path = urlsplit(endpoint.webhook_url).path
        link.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        with suppress(OSError):
            while sent < 64 * 1_048_576:
                link.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                sent += 65_536
        assert sent < 16 * 1_048_576
    assert not WebhookEvent.objects.exists()


def test_a_token_in_an_address_reaches_no_log(outside_providers: None, tmp_path: Path) -> None:
    canary = "canary-not-a-secret"
    by_query, by_path = connect("outside_query", canary), connect("outside_path", canary)
    log = (tmp_path / "log").open("w+b")
    with log, served(output=log, PYTHONPATH=str(tmp_path)) as url:
        body = b'{"id": "1", "kind": "told"}'
        queries, ends = ("", "x"), ("/", "x/", "x", "/x/", "/../", "%0a/")
        for path in [f"?token={canary}{end}" for end in queries] + [f"{canary}{end}" for end in ends]:
            answers = [requests.post(address(url, one) + path, data=body, timeout=10) for one in (by_query, by_path)]
            assert {answer.status_code for answer in answers} <= {200, 401, 404}
        challenge = f"{address(url, by_query)}?hub.mode=x&hub.verify_token={canary}"
        assert requests.get(challenge, timeout=10).status_code == 401
        log.seek(0)
        written = log.read()
    assert canary.encode() not in written
    assert WebhookEvent.objects.count() == 2
    for event_ in WebhookEvent.objects.all():
        assert canary not in f"{event_.headers}{event_.signature}{event_.payload}"


def test_while_no_task_can_be_sent_a_confirmation_is_put_off(outside_providers: None, tmp_path: Path) -> None:
    body = b'{"kind": "confirm", "confirm_at": "http://127.0.0.1:9/"}'
    endpoint = connect("outside_confirming")
    bare = InboundRequest(body, {"content-type": "application/json"}, time.time())
    headers = HMAC.sign_request(bare, OUTSIDE_SECRET, event_id="1", timestamp=0).headers
    with served(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", PYTHONPATH=str(tmp_path)) as url:
        answer = requests.post(address(url, endpoint), data=body, headers=dict(headers), timeout=15)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_in_production_a_proxy_says_who_calls_and_that_it_was_encrypted(endpoint: WebhookEndpoint) -> None:
    """What was not is sent to https, as everywhere."""
    production = {
        "HUB_ENVIRONMENT": "production", "HUB_SECRET_KEY": settings.SECRET_KEY, "HUB_SANDBOX": "0",
        "HUB_MASTER_KEYS_FILE": str(settings.MASTER_KEYS_FILE), "HUB_ALLOWED_HOSTS": "127.0.0.1",
    }  # fmt: skip
    body = event()
    headers = {"Stripe-Signature": signature(body)}
    update_endpoint(endpoint, allowed_networks=["192.0.2.0/24"])
    with served(HUB_TRUSTED_PROXIES="127.0.0.0/8", **production) as url:
        target = address(url, endpoint)
        plain = requests.post(target, data=body, headers=headers, timeout=10, allow_redirects=False)
        assert (plain.status_code, plain.headers["Location"][:8]) == (301, "https://")
        headers["X-Forwarded-Proto"] = "https"
        assert requests.post(target, data=body, headers=headers, timeout=10).status_code == 403
        headers["X-Forwarded-For"] = "192.0.2.9"
        safe = requests.post(target, data=body, headers=headers, timeout=10)
    assert (safe.status_code, safe.headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert len(safe.headers["X-Request-Id"]) == 36


def test_events_are_let_in_while_redis_is_away(endpoint: WebhookEndpoint) -> None:
    with served(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as url:
        for _ in range(5):
            started = time.monotonic()
            assert send(url + urlsplit(endpoint.webhook_url).path, event()).status_code == 200
            assert time.monotonic() - started < 4
    assert WebhookEvent.objects.count() == 5


def test_a_database_that_cannot_be_reached_makes_the_provider_try_again(endpoint: WebhookEndpoint) -> None:
    dead = f"postgresql://nobody@127.0.0.1:{free_port()}/hub"
    with served(DATABASE_URL=dead) as url:
        answer = send(url + urlsplit(endpoint.webhook_url).path, event())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "cannot_store")
    assert int(answer.headers["Retry-After"]) > 0


def test_events_are_not_acknowledged_while_the_database_is_away(endpoint: WebhookEndpoint) -> None:
    lost = [event() for _ in range(6)]
    with served() as url, ThreadPoolExecutor(6) as senders:
        address = url + urlsplit(endpoint.webhook_url).path
        assert send(address, event()).status_code == 200
        with database_closed():
            started = time.monotonic()
            answers = senders.map(lambda body: send(address, body).status_code, lost)
            assert list(answers) == [503] * 6
            assert time.monotonic() - started < 20, "they find it out together, not one after the other"
        # The pool looks for the database again after a second, then two, four: the provider tries again as well.
        deadline = time.monotonic() + 30
        for body in lost:
            while (status := send(address, body).status_code) != 200 and time.monotonic() < deadline:
                assert status == 503
                time.sleep(0.2)
            assert status == 200
    assert WebhookEvent.objects.count() == 7


@contextmanager
def database_closed() -> Iterator[None]:
    """PostgreSQL ends every session in this database and lets nobody in."""
    name = database.settings_dict["NAME"]
    database.close()
    database.close_pool()
    given = database.get_connection_params()
    address = {"dbname": "postgres", "user": given["user"], "host": given["host"], "port": given.get("port")}
    with psycopg.connect(**address, autocommit=True) as session:
        session.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            session.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
