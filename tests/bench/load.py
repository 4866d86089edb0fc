"""A client that is not the bottleneck: prepared requests over kept-alive connections, in a process of its own.

    python -m tests.bench.load PORT CONNECTIONS [RATE] < prepared requests, each after its length in a line

prints {"seconds", "ok", "p50_ms", "p99_ms"}. With a rate (a second) each request has its time, from which its answer is
measured, however late it could be sent; without, each is sent as soon as a connection is free.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_load(
    port: int, requests: Sequence[bytes], *, connections: int = 32, rate: float = 0, timeout: float = 120
) -> dict[str, float]:
    """Send all requests as fast as they are answered; returns what the client process measured."""
    command = [sys.executable, "-m", "tests.bench.load", str(port), str(connections), str(rate)]
    sent = b"".join(b"%d\n%s" % (len(request), request) for request in requests)
    done = subprocess.run(command, cwd=ROOT, input=sent, capture_output=True, timeout=timeout, check=True)
    if done.stderr:
        print(done.stderr.decode(), file=sys.stderr)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class _Load:
    requests: deque[bytes]
    rate: float
    times: list[float] = field(default_factory=list)
    taken: int = 0
    started: float = field(default_factory=time.perf_counter)
    refusal: str = ""  # the first

    async def next(self) -> tuple[bytes, float]:
        """A request and when it is due, then or later."""
        request, number = self.requests.popleft(), self.taken
        self.taken += 1
        if not self.rate:
            return request, time.perf_counter()
        due = self.started + number / self.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return request, due


async def _send_all(port: int, load: _Load) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    accepted = 0
    while load.requests:
        request, started = await load.next()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        load.times.append(time.perf_counter() - started)
        is_accepted = head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))
        accepted += is_accepted
        if not is_accepted and not load.refusal:
            status = head.split(b"\r\n")[0].decode()
            load.refusal = f"{status} {body[:500].decode(errors='replace')}"
    writer.close()
    return accepted


async def _main(port: int, connections: int, rate: float) -> None:
    requests: deque[bytes] = deque()
    while line := sys.stdin.buffer.readline():
        requests.append(sys.stdin.buffer.read(int(line)))
    load = _Load(requests, rate)
    accepted = await asyncio.gather(*(_send_all(port, load) for _ in range(connections)))
    seconds = time.perf_counter() - load.started
    times = sorted(load.times)
    measured = {
        "seconds": seconds,
        "ok": sum(accepted),
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
    }
    if load.refusal:
        print(load.refusal, file=sys.stderr)
    print(json.dumps(measured))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0))
