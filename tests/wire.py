"""A provider's end of the wire: a real HTTP server on loopback that a test fills with strict answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class WireRequest:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    raw_query: str = ""

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body)))

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class WireAnswer:
    status: int = 200
    body: bytes | dict[str, Any] | list[Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class WireServer:
    """Serves `answer(request)` on a free loopback port and keeps what it was sent in `requests`.

    with WireServer(lambda request: WireAnswer(200, {"ok": True})) as server:
        requests.get(server.url + "/v1/balance")
    """

    def __init__(self, answer: Callable[[WireRequest], WireAnswer]) -> None:
        self.answer = answer
        self.requests: list[WireRequest] = []
        self.connections = 0
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        with suppress(OSError):  # a test ended it already
            self._server.socket.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection
        self._thread.join(1)  # where a shutdown wakes nobody, as on macOS, it ends with the process
        self._server.server_close()

    def _serve(self) -> None:
        """Not `serve_forever`: that one looks now and then whether it should stop, and each test would wait for it."""
        while not self._stopping.is_set():
            self._server.handle_request()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                wire.connections += 1
                super().setup()

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                self._respond()

            def _respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                parts = urlsplit(self.path)
                request = WireRequest(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                    parts.query,
                )
                wire.requests.append(request)
                answer = wire.answer(request)
                if answer.delay_seconds:
                    wire._stopping.wait(answer.delay_seconds)
                self._write(answer)

            def _write(self, answer: WireAnswer) -> None:
                headers = {"Content-Type": "application/json", **answer.headers}
                if "Content-Length" not in headers:
                    headers["Content-Length"] = str(len(answer.content))
                try:
                    self.send_response(answer.status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(answer.content)
                    self.wfile.flush()
                except OSError:
                    self.close_connection = True  # the client gave up waiting, as some tests mean it to

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        return Handler
