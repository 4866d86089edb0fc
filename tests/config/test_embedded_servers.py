"""Processes of one data folder share its servers: the first starts them, the last one out stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured

from config import embedded

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("embedded")

ATTACH = """
import os, sys
from pathlib import Path
from config.embedded import ensure_servers
ensure_servers(Path(sys.argv[1]), durable=False)
import psycopg, redis
from urllib.parse import urlsplit, parse_qs
host = parse_qs(urlsplit(os.environ["DATABASE_URL"]).query)["host"][0]
with psycopg.connect(host=host, user="postgres", dbname="hub") as session:
    session.execute("SELECT 1")
redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
print("attached", flush=True)
sys.stdin.read()
"""


class Attached:
    def __init__(self, data_dir: Path, *, wait: bool = True) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ATTACH, str(data_dir)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if wait:
            self._wait()

    def _wait(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "attached\n"

    def leave(self) -> None:
        self.process.communicate(timeout=60)

    def die(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)


def server_processes(data_dir: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] in ("postgres", "redis-server")
        and str(data_dir) in " ".join(process.info["cmdline"] or [])
    ]


def servers(data_dir: Path) -> set[str]:
    """The names of the server processes that work in this folder."""
    return {process.info["name"] for process in server_processes(data_dir)}


def wait_until_gone(data_dir: Path) -> None:
    deadline = time.monotonic() + 60
    while servers(data_dir) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert servers(data_dir) == set()


@pytest.fixture
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    for parent in (folder, *folder.parents[:3]):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(0o755)
    yield folder
    for process in server_processes(folder):
        process.kill()


def test_the_last_one_out_stops_the_servers(data_dir: Path) -> None:
    first = Attached(data_dir)
    second = Attached(data_dir)
    first.leave()
    assert servers(data_dir) == {"postgres", "redis-server"}
    second.leave()
    wait_until_gone(data_dir)


def test_a_killed_process_does_not_count_for_ever(data_dir: Path) -> None:
    killed = Attached(data_dir)
    killed.die()
    assert servers(data_dir) == {"postgres", "redis-server"}
    Attached(data_dir).leave()
    wait_until_gone(data_dir)


def test_servers_that_another_has_started_again_are_stopped_too(data_dir: Path) -> None:
    first = Attached(data_dir)
    postmaster = psutil.Process(int((data_dir / "postgresql" / "postmaster.pid").read_text().split()[0]))
    postmaster.send_signal(signal.SIGINT)
    psutil.wait_procs([postmaster], timeout=20)
    Attached(data_dir).leave()
    assert servers(data_dir) == {"postgres", "redis-server"}
    first.leave()
    wait_until_gone(data_dir)


def test_a_start_that_was_killed_halfway_is_begun_anew(data_dir: Path) -> None:
    halfway = Attached(data_dir, wait=False)
    unfinished = data_dir / "postgresql.unfinished"
    deadline = time.monotonic() + 60
    while not (unfinished / "PG_VERSION").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    for process in [psutil.Process(halfway.process.pid), *psutil.Process(halfway.process.pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    halfway.process.wait(timeout=60)
    assert not (data_dir / "postgresql").exists()
    Attached(data_dir).leave()
    wait_until_gone(data_dir)
    assert not unfinished.exists()


def test_a_socket_too_long_for_the_data_folder_lies_in_a_folder_of_our_own(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    socket = embedded._redis_socket(deep)
    try:
        assert len(os.fsencode(socket)) < 100
        assert embedded._redis_socket(deep) == socket
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    finally:
        socket.parent.rmdir()


def test_a_folder_that_others_may_enter_or_have_laid_there_gets_no_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    short = embedded._redis_socket(deep).parent
    try:
        short.chmod(0o777)
        with pytest.raises(ImproperlyConfigured, match="we alone may enter"):
            embedded._redis_socket(deep)
        short.rmdir()
        (tmp_path / "theirs").mkdir(mode=0o700)
        short.symlink_to(tmp_path / "theirs")
        with pytest.raises(ImproperlyConfigured, match="we alone may enter"):
            embedded._redis_socket(deep)
    finally:
        short.unlink() if short.is_symlink() else short.rmdir()
