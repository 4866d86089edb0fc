"""`manage.py up`: everything starts together and ends together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.served import PASSWORD, ROOT, ServedHub

pytestmark = pytest.mark.xdist_group("embedded")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("up")
    for parent in (folder, *folder.parents[:2]):
        if parent.stat().st_uid == os.getuid():
            parent.chmod(0o755)
    return folder


@pytest.fixture
def hub(data_dir: Path) -> Iterator[ServedHub]:
    with ServedHub(data_dir) as hub:
        yield hub


def parts(hub: ServedHub) -> dict[str, psutil.Process]:
    """The top process of web, worker and beat."""
    found = {}
    for process in hub.descendants():
        words = process.cmdline()
        for name, word in (("web", "granian"), ("worker", "worker"), ("beat", "beat")):
            if word in words and name not in found:
                found[name] = process
    return found


def wait_for_parts(hub: ServedHub) -> None:
    """Beat begins when the web server answers."""
    for _ in range(600):
        if set(parts(hub)) == {"web", "worker", "beat"}:
            return
        time.sleep(0.1)
    pytest.fail(f"only {sorted(parts(hub))} came up")


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=60)
    return not alive


def servers_of(data_dir: Path) -> list[str]:
    return [
        process.info["name"]
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] in ("postgres", "redis-server")
        and str(data_dir) in " ".join(process.info["cmdline"] or [])
    ]


def test_ctrl_c_stops_everything(hub: ServedHub, data_dir: Path) -> None:
    wait_for_parts(hub)
    screen = hub.output.read_text()
    assert f"{hub.url}/integrations/" in screen
    assert "admin" in screen
    assert PASSWORD not in screen
    descendants = hub.descendants()
    assert hub.stop(signal.SIGINT) == 0
    assert gone(descendants)
    assert servers_of(data_dir) == []


def test_where_json_is_asked_for_every_line_is_an_object(data_dir: Path) -> None:
    with ServedHub(data_dir, HUB_LOG_FORMAT="json", HUB_LOG_REQUESTS="1") as hub:
        wait_for_parts(hub)
        requests.get(
            f"{hub.url}/integrations/?canary0yellow", headers={"X-Request-Id": "request-4711"}, timeout=10,
            allow_redirects=False,
        )  # fmt: skip
        hub.stop()
    entries = [json.loads(line) for line in hub.output.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)
    assert {"system", "_granian", "hub.requests"} <= {entry["logger"] for entry in entries}
    assert [entry["status"] for entry in entries if entry.get("request_id") == "request-4711"] == [302]
    assert "canary0yellow" not in hub.output.read_text()


@pytest.mark.parametrize("name", ["web", "beat"])
def test_a_part_that_dies_ends_the_whole(name: str, hub: ServedHub) -> None:
    wait_for_parts(hub)
    descendants = hub.descendants()
    top = parts(hub)[name]
    for process in [top, *top.children(recursive=True)]:
        process.kill()
    assert hub.process is not None
    assert hub.process.wait(60) != 0
    assert gone(descendants)
    assert f"{name} stopped" in hub.output.read_text()


def test_a_port_that_is_taken_is_one_clear_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        hub = ServedHub(data_dir, HUB_PORT=str(taken.getsockname()[1]))
        result = subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=hub.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert result.returncode == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert "HUB_PORT" in result.stderr


def test_readyz_says_what_is_missing_and_sigterm_stops_the_rest(hub: ServedHub, data_dir: Path) -> None:
    assert requests.get(f"{hub.url}/healthz", timeout=5).json() == {"status": "ok"}
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "redis-server" and str(data_dir) in " ".join(process.info["cmdline"] or []):
            process.kill()
    answer = requests.get(f"{hub.url}/readyz", timeout=10)
    for _ in range(300):
        if answer.status_code == 503:
            break
        time.sleep(0.1)
        answer = requests.get(f"{hub.url}/readyz", timeout=10)
    assert answer.status_code == 503
    assert answer.json()["checks"]["postgresql"] == "ok"
    assert "no answer" in answer.json()["checks"]["redis"]
    assert requests.get(f"{hub.url}/healthz", timeout=5).status_code == 200
    descendants = hub.descendants()
    assert hub.stop(signal.SIGTERM) == 0
    assert gone(descendants)
    assert servers_of(data_dir) == []
