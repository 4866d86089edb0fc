"""The world beyond a proxy: whichever host is asked for through it, this answers in its place, with TLS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.wire import WireAnswer, WireRequest

Answer = Callable[[str, WireRequest], WireAnswer]


class BeyondProxy:
    """Serves `answer(host_and_port, request)` to whoever has it for a proxy and trusts `certificate`.

    with BeyondProxy(self_signed(folder, "api.example.com"), answer) as world:
        requests.post("https://api.example.com/", proxies={"https": world.url}, verify=certificate)
    """

    def __init__(self, certificate: Path, answer: Answer) -> None:
        self.answer = answer
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            place = ""

            def do_CONNECT(self) -> None:
                self.place = self.path
                self.send_response(200)
                self.end_headers()
                self.connection = world._context.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", buffering=0)
                self.close_connection = False  # http.client asks by HTTP/1.0, and goes on

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers["content-length"]))
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                answer = world.answer(self.place, WireRequest("POST", parts.path, query, headers, body, parts.query))
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(answer.content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: object) -> None:
                """What was asked for is the test's to judge."""

        return Handler
