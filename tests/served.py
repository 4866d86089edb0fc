"""The whole of Hub, served by `manage.py up` in a process of its own, on a port and a data folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import psutil
import requests

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "a passphrase for tests"
_OURS = ("DATABASE_URL", "REDIS_URL", "HUB_EMBEDDED", "DJANGO_SETTINGS_MODULE", "HUB_PUBLIC_URL")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServedHub:
    """`with ServedHub(folder) as hub: requests.get(hub.url + "/healthz")`"""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        self.environment = {
            **inherited,
            "HUB_DATA_DIR": str(data_dir),
            "HUB_PORT": str(self.port),
            "HUB_ADMIN_PASSWORD": PASSWORD,
            "HUB_WEB_WORKERS": "1",
            "HUB_WORKER_CONCURRENCY": "1",
            **environment,
        }
        self.output = data_dir / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self._wait_until_ready()

    def stop(self, number: int = signal.SIGTERM, timeout_seconds: float = 30) -> int:
        """Ends it as a person would; returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout_seconds)

    def manage(self, *arguments: str) -> str:
        """The standard output of a management command on the same data folder."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def descendants(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if requests.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        self.stop()
        raise AssertionError(f"Hub did not start:\n{self.output.read_text()}")
