"""Providers that do not give up: every event is sent until it is answered 200 or refused for what it is.

    python -m tests.faults.webhook_sender PORT CONNECTIONS SECONDS < prepared requests, each after its length in a line

prints {"answers": [the last status of each request, in order], "tries": …}. 0: never answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence

from tests.served import ROOT

_SETTLED = frozenset({200, 400, 401, 404, 413})
_PAUSE_SECONDS = 0.2


def start_sending(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> subprocess.Popen[bytes]:
    """In a process of its own, so that it is neither slowed by the test nor slows it."""
    command = [sys.executable, "-m", "tests.faults.webhook_sender", str(port), str(connections), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"".join(b"%d\n%s" % (len(request), request) for request in requests))
    process.stdin.close()
    process.stdin = None  # `communicate` must not flush it
    return process


class _Sender:
    def __init__(self, port: int, requests: Sequence[bytes], until: float) -> None:
        self.port = port
        self.requests = requests
        self.until = until
        self.waiting = deque(range(len(requests)))
        self.answers = [0] * len(requests)
        self.tries = 0

    async def work(self) -> None:
        reader = writer = None
        while self.waiting and time.monotonic() < self.until:
            number = self.waiting.popleft()
            self.tries += 1
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                assert reader is not None
                status = await asyncio.wait_for(_exchange(reader, writer, self.requests[number]), 20)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                status = 0
                if writer is not None:
                    writer.close()
                    writer = None
            self.answers[number] = status
            if status not in _SETTLED:
                self.waiting.append(number)
                await asyncio.sleep(_PAUSE_SECONDS)
        if writer is not None:
            with contextlib.suppress(OSError):
                writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def _main(port: int, connections: int, seconds: float) -> None:
    requests: list[bytes] = []
    while line := sys.stdin.buffer.readline():
        requests.append(sys.stdin.buffer.read(int(line)))
    sender = _Sender(port, requests, time.monotonic() + seconds)
    await asyncio.gather(*(sender.work() for _ in range(connections)))
    sys.stdout.write(json.dumps({"answers": sender.answers, "tries": sender.tries}))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
