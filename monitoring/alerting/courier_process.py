"""The process in which Apprise runs: `python -m monitoring.alerting.courier_process`. See `courier`.

Apprise opens its own sockets, follows what an address says, and writes tokens into its log. So it has a process with no
environment and no database, where an audit hook (PEP 578) sees every socket before it is connected, with the numeric
address that the name has just resolved to: rebinding and redirects change nothing. In it no program is started, no file
is written, none is read but Python's own, and its log ends here.

One request a line on standard input, one answer a line on standard output: JSON.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from django.conf import settings

from integrations.egress import check_address
from integrations.errors import EgressRefused, IntegrationError, InvalidRequest, Rejected, TimedOut, Unavailable

MOST_SECONDS = 40  # should whoever started us be gone

_PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "pty.spawn")
_OTHER_WAYS_OUT = ("socket.bind", "socket.sendto", "socket.sendmsg", "ctypes.dlopen")
_READABLE = tuple(
    f"{Path(place).resolve()}/"
    for place in (sys.prefix, sys.base_prefix, Path(os.__file__).parent, "/usr/share/zoneinfo", "/etc/ssl")
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_HTTP_STATUS = re.compile(r"error=(\d{3})\b")
_SMTP_STATUS = re.compile(r"\((\d{3}), b|: (\d{3}) b")


class _Guard:
    """What is refused from the first request on, for a thread may go on when its message is sent; of a request the
    first refusal is kept, for Apprise swallows what is raised."""

    def __init__(self) -> None:
        self.refusal: EgressRefused | None = None

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self._check_connection(*args)
        elif event in _PROGRAMS or event in _OTHER_WAYS_OUT:
            self._refuse(EgressRefused("Only HTTP and SMTP can be used."))
        elif event == "open":
            _check_file(*args)

    def _check_connection(self, sock: socket.socket, address: Any) -> None:
        try:
            if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
                raise EgressRefused("Only HTTP and SMTP can be used.")
            check_address(str(address[0]))
        except EgressRefused as error:
            self._refuse(error)

    def _refuse(self, error: EgressRefused) -> None:
        self.refusal = self.refusal or error
        raise error


def _check_file(path: Any, mode: Any, flags: Any) -> None:
    if not isinstance(path, str | bytes | os.PathLike):
        return  # one that is open already
    place = os.path.realpath(os.fsdecode(path))
    writes = isinstance(flags, int) and flags & _WRITES
    if place != os.devnull and (writes or not place.startswith(_READABLE)):
        raise PermissionError(f"{mode} is not permitted here")


class _Log(logging.Handler):
    """Apprise says what went wrong in its log alone. Of it nothing but a status goes any further."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < 200:
            self.lines.append(record.getMessage()[:2000])

    def failure(self) -> IntegrationError:
        told = "\n".join(self.lines)
        if found := _HTTP_STATUS.search(told):
            return Rejected("The service answered {status}.", status=found[1])
        if found := _SMTP_STATUS.search(told):
            return Rejected("The mail server answered {status}.", status=found[1] or found[2])
        if "timed out" in told.lower():
            return TimedOut("The service did not answer in time.")
        if "certificate" in told.lower():
            return Unavailable("The service's certificate could not be verified.")
        return Unavailable("The service could not be reached, or did not take the message.")


def serve(requests: Any, answers: Any) -> None:
    guard = _Guard()
    log = _Log()
    settings.configure(**json.loads(next(requests)))
    from .addresses import read_address

    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [log], False
    logger.setLevel(logging.DEBUG)
    sys.addaudithook(guard)
    for line in requests:
        signal.alarm(MOST_SECONDS)
        guard.refusal, log.lines = None, []
        answer = _answered(json.loads(line), guard, log, read_address)
        signal.alarm(0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answered(request: dict[str, Any], guard: _Guard, log: _Log, read_address: Any) -> dict[str, Any]:
    try:
        address = read_address(request["url"])
        if "body" in request:
            _send(address.plugin, request, guard, log)
    except IntegrationError as error:
        field = error.field if isinstance(error, InvalidRequest) else ""
        return {"code": error.code, "template": error.template, "values": error.values, "field": field}
    except Exception as error:  # noqa: BLE001 - its message may quote the address
        return {"code": "", "template": type(error).__name__, "values": {}, "field": ""}
    return {"service": str(address.service.slug), "shown": address.shown}


def _send(plugin: Any, request: dict[str, Any], guard: _Guard, log: _Log) -> None:
    import apprise

    messenger = apprise.Apprise(asset=plugin.asset)
    messenger.add(plugin)
    is_sent = messenger.notify(
        title=request["title"],
        body=request["body"],
        notify_type=apprise.NotifyType(request["type"]),
        body_format=apprise.NotifyFormat.TEXT,
    )
    if guard.refusal is not None:
        raise guard.refusal
    if not is_sent:
        raise log.failure()


if __name__ == "__main__":
    answers_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(iter(sys.stdin.readline, ""), answers_to)
