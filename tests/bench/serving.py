"""Servers in processes of their own: a WSGI application in Granian, as `manage.py up` serves ours, and far ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.bench.load import ROOT
from tests.served import free_port


@contextmanager
def serving(application: str, threads: int, *, workers: int, floor: bool = False, **environ: str) -> Iterator[int]:
    port = free_port()
    environment = {**os.environ, **environ} | ({"HUB_BENCH_FLOOR": "1"} if floor else {})
    if floor:
        environment.pop("DJANGO_SETTINGS_MODULE")
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws", "--no-log"]
    command += ["--workers", str(workers), "--blocking-threads", str(threads), application]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def far_end(module: str, *, method: str = "GET", path: str = "/") -> Iterator[str]:
    """The address of `python -m module PORT`, once it answers there."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, str(port)], cwd=ROOT)
    try:
        _wait_for(port, method, path)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, method: str = "GET", path: str = "/") -> None:
    for _ in range(200):
        try:
            requests.request(method, f"http://127.0.0.1:{port}{path}", timeout=1, allow_redirects=False)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The server did not start.")
