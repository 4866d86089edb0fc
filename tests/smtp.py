"""A mail server's end of the wire: a real SMTP server on loopback that keeps what it was sent."""

from __future__ import annotations

import socketserver
import threading
from typing import Self


class SmtpServer:
    """Takes every message, or answers `refuses` (such as "550 no such user") to its sender.

    with SmtpServer() as server:
        smtplib.SMTP("127.0.0.1", server.port).sendmail(…)
    """

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.messages: list[str] = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        smtp = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 mail.example.com")
                for line in self.rfile:
                    command = line.decode().strip().upper()
                    if command.startswith("MAIL") and smtp.refuses:
                        self._say(smtp.refuses)
                    elif command.startswith("EHLO"):
                        self._say("250-mail.example.com")
                        self._say("250 AUTH PLAIN")
                    elif command.startswith("AUTH"):
                        self._say("235 welcome")
                    elif command == "DATA":
                        self._say("354 go on")
                        smtp.messages.append(self._message())
                        self._say("250 taken")
                    elif command == "QUIT":
                        self._say("221 bye")
                        return
                    else:
                        self._say("250 mail.example.com")

            def _message(self) -> str:
                lines: list[str] = []
                for line in self.rfile:
                    if line.rstrip(b"\r\n") == b".":
                        break
                    lines.append(line.decode())
                return "".join(lines)

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        return Handler
