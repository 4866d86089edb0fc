"""A client that is not the bottleneck: prepared requests over kept-alive connections, in a process of its own.

    python -m tests.bench.load PORT CONNECTIONS < prepared requests, each after its length in a line

prints {"seconds", "ok", "p50_ms", "p99_ms"}.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_load(port: int, requests: Sequence[bytes], *, connections: int = 32) -> dict[str, float]:
    """Send all requests as fast as they are answered; returns what the client process measured."""
    command = [sys.executable, "-m", "tests.bench.load", str(port), str(connections)]
    sent = b"".join(b"%d\n%s" % (len(request), request) for request in requests)
    done = subprocess.run(command, cwd=ROOT, input=sent, capture_output=True, timeout=120, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _send_all(port: int, requests: deque[bytes], times: list[float]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    accepted = 0
    while requests:
        request = requests.popleft()
        started = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - started)
        accepted += head.startswith(b"HTTP/1.1 200")
    writer.close()
    return accepted


async def _main(port: int, connections: int) -> None:
    requests: deque[bytes] = deque()
    while line := sys.stdin.buffer.readline():
        requests.append(sys.stdin.buffer.read(int(line)))
    times: list[float] = []
    started = time.perf_counter()
    accepted = await asyncio.gather(*(_send_all(port, requests, times) for _ in range(connections)))
    seconds = time.perf_counter() - started
    times.sort()
    measured = {
        "seconds": seconds,
        "ok": sum(accepted),
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
