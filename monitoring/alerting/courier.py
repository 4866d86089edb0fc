"""The way to Apprise: a process of its own, which can be ended whatever it waits for, and is told secrets by a pipe."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings

from integrations.errors import EgressRefused, IntegrationError, InvalidRequest, Rejected, TimedOut, Unavailable
from integrations.secrecy import Secret, leaves_no_frames

SECONDS = 30.0  # for one message, whatever its service does
_START_SECONDS = 30.0
_PASSED_ON = ("EGRESS_ALLOW", "PUBLIC_URL", "SANDBOX")
_ERRORS = {error.code: error for error in (EgressRefused, InvalidRequest, Rejected, TimedOut, Unavailable)}


@dataclass(frozen=True)
class Seen:
    """What may be shown of an address."""

    service: str
    shown: str


@dataclass(frozen=True)
class Message:
    """Plain text. `type` is Apprise's: info, success, warning or failure."""

    title: str
    body: str
    type: str = "warning"


class Courier:
    """Hands messages over, one after the other; its process starts with the first, and anew when it was ended.

    with Courier() as courier:
        courier.send(channel.url.reveal(), message)
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end()

    @leaves_no_frames
    def inspect(self, url: str) -> Seen:
        """Raises InvalidRequest for what is no address of a known service, EgressRefused for where nothing may go."""
        answer = self._ask({"url": Secret(url)})
        return Seen(answer["service"], answer["shown"])

    @leaves_no_frames
    def send(self, url: str, message: Message) -> None:
        """Raises EgressRefused, Rejected, TimedOut and Unavailable; none of them quotes the address."""
        self._ask({"url": Secret(url), "title": message.title, "body": message.body, "type": message.type})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process, seconds = self._process, SECONDS
        if process is None or process.poll() is not None:
            process, seconds = self._start(), SECONDS + _START_SECONDS
        try:
            _write(process, request)
            answer: dict[str, Any] = json.loads(_line(process, time.monotonic() + seconds))
        except (OSError, ValueError):
            self._end()
            raise Unavailable("The message could not be handed over.", may_have_taken_effect=True) from None
        except TimedOut:
            self._end()
            raise
        if "code" in answer:
            raise _error(answer)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        """Without our environment: it holds secrets, and proxies that would be connected to in a host's place."""
        self._end()
        process = subprocess.Popen(
            [sys.executable, "-m", "monitoring.alerting.courier_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"},
        )
        self._process = process
        _write(process, {name: getattr(settings, name) for name in _PASSED_ON})
        return process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _write(process: subprocess.Popen[bytes], line: dict[str, Any]) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()


def _line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """A line of its answers, the newline not with it. Raises TimedOut."""
    if process.stdout is None:
        raise ValueError("it has no output")
    pipe, answer = process.stdout.fileno(), b""
    while not answer.endswith(b"\n"):
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimedOut("The service did not answer in time.", may_have_taken_effect=True)
        piece = os.read(pipe, 65_536)
        if not piece:
            raise ValueError("it has ended")
        answer += piece
    return answer


def _error(answer: dict[str, Any]) -> IntegrationError:
    if answer["code"] not in _ERRORS:
        return Unavailable("The message could not be handed over ({kind}).", kind=answer["template"])
    error = _ERRORS[answer["code"]](answer["template"], **answer["values"])
    if isinstance(error, InvalidRequest):
        error.field = answer["field"]
    return error
