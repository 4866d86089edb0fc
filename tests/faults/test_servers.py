"""PostgreSQL and Redis of a running Hub are killed, emptied and started again: nobody has to do anything else."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import requests

from tests.served import ServedHub
from tests.wire import WireAnswer, WireRequest, WireServer

pytestmark = pytest.mark.xdist_group("embedded")
NEW = {"provider": "stripe", "connection_name": "Shop", "environment": "development"}


class Shop:
    """A program that calls its provider through a served Hub, and counts."""

    def __init__(self, hub: ServedHub, data_dir: Path, provider: WireServer) -> None:
        self.hub, self.data_dir, self.provider = hub, data_dir, provider
        token = hub.manage("create_api_token", "--organization", "demo", "--name", "tests")
        self.headers = {"Authorization": f"Bearer {token}"}
        fields = {"configuration": {"base_url": provider.url}, "credentials": {"api_key": "sk_test_sample_not_a_key"}}
        self.connection = self.api("POST", "connections/", json={**NEW, **fields}).json()["id"]
        assert self.api("POST", f"connections/{self.connection}/activate/").json()["status"] == "active"

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, f"{self.hub.url}/api/v1/{path}", headers=self.headers, timeout=40, **options)

    def call(self, path: str = "v1/balance") -> requests.Response:
        return self.api("GET", f"connections/{self.connection}/proxy/{path}")

    def logged(self, path: str) -> int:
        rows = self.api("GET", "logs/", params={"operation": "proxy", "page_size": 100}).json()["results"]
        return sum(row["endpoint"].endswith(path) for row in rows)

    def until_well(self, seconds: float = 30) -> float:
        """How long it takes until a call goes well again."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            with suppress(requests.ConnectionError):
                if self.call().status_code == 200:
                    return time.monotonic() - started
            time.sleep(0.2)
        raise AssertionError(f"It does not recover:\n{self.hub.output.read_text()[-3000:]}")

    def postgresql(self) -> psutil.Process:
        return psutil.Process(int((self.data_dir / "postgresql" / "postmaster.pid").read_text().split()[0]))

    def web_worker(self) -> psutil.Process:
        living = [one for one in self.hub.descendants() if one.status() != psutil.STATUS_ZOMBIE]
        granian = [process for process in living if "granian" in process.cmdline()]
        (worker,) = [process for process in granian if process.parent() in granian]
        return worker

    def redis(self) -> psutil.Process:
        with self.redis_client() as client:
            return psutil.Process(client.info("server")["process_id"])

    def redis_client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.data_dir / "redis" / "redis.sock"))

    def start_what_is_missing(self) -> None:
        self.hub.manage("check")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data_dir = tmp_path_factory.mktemp("faults")
    for parent in (data_dir, *data_dir.parents[:2]):
        parent.chmod(0o755)

    def answer(request: WireRequest) -> WireAnswer:
        return WireAnswer(200, {"object": "balance"}, delay_seconds=4 if request.path.endswith("slow") else 0)

    with WireServer(answer) as provider, ServedHub(data_dir, HUB_EGRESS_ALLOW="127.0.0.1") as hub:
        yield Shop(hub, data_dir, provider)


def end(process: psutil.Process, number: signal.Signals) -> None:
    process.send_signal(number)
    psutil.wait_procs([process], timeout=20)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def in_thread(call: Callable[[], requests.Response]) -> Callable[[], requests.Response]:
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    return future.result


def test_postgresql_is_restarted(shop: Shop) -> None:
    assert shop.call().status_code == 200
    end(shop.postgresql(), signal.SIGINT)
    refused = shop.call()
    assert (refused.status_code, refused.headers["Hub-Error"]) == (503, "unavailable")
    assert set(refused.json()) == {"error"}
    assert "Traceback" not in refused.text
    assert requests.get(f"{shop.hub.url}/readyz", timeout=10).status_code == 503
    assert requests.get(f"{shop.hub.url}/healthz", timeout=10).status_code == 200
    shop.start_what_is_missing()
    assert shop.until_well() < 20


def test_a_call_that_was_under_way_while_postgresql_restarted_is_answered_and_logged(shop: Shop) -> None:
    shop.until_well()
    slow = in_thread(lambda: shop.call("v1/slow"))
    time.sleep(1)
    end(shop.postgresql(), signal.SIGINT)
    shop.start_what_is_missing()
    answered = slow()
    assert (answered.status_code, answered.json()) == (200, {"object": "balance"})
    shop.until_well()
    deadline = time.monotonic() + 20
    while shop.logged("/v1/slow") == 0 and time.monotonic() < deadline:
        time.sleep(0.3)
    assert shop.logged("/v1/slow") == 1


def test_a_process_is_killed_between_the_call_and_its_log_row_and_another_takes_its_place(shop: Shop) -> None:
    shop.until_well()
    before = len(shop.provider.requests)
    slow = in_thread(lambda: shop.call("v1/killed/slow"))
    while len(shop.provider.requests) == before:
        time.sleep(0.05)
    end(shop.web_worker(), signal.SIGKILL)
    with pytest.raises(requests.ConnectionError):
        slow()
    assert shop.until_well() < 20
    assert shop.logged("/v1/killed/slow") == 0
    assert shop.call("v1/killed").status_code == 200
    assert shop.logged("/v1/killed") == 1


def test_redis_is_killed_and_comes_back(shop: Shop) -> None:
    shop.until_well()
    end(shop.redis(), signal.SIGKILL)
    before = len(shop.provider.requests)
    started = time.monotonic()
    assert [shop.call("v1/without").status_code for _ in range(3)] == [200] * 3
    assert time.monotonic() - started < 10
    assert shop.logged("/v1/without") == 3
    assert len(shop.provider.requests) == before + 3
    shop.start_what_is_missing()
    assert shop.until_well() < 10


def test_redis_is_emptied(shop: Shop) -> None:
    shop.until_well()
    with shop.redis_client() as client:
        client.flushall()
    assert [shop.call("v1/emptied").status_code for _ in range(3)] == [200] * 3
    assert shop.logged("/v1/emptied") == 3
