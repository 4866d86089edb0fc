"""The other end: an organization's own program, which verifies with the official package of Standard Webhooks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from standardwebhooks import Webhook

from tests.wire import WireAnswer, WireRequest, WireServer


@dataclass
class Receiver:
    """`with Receiver() as receiver: …` answers as `answers` says: a status, an answer, or a function of the request."""

    answers: int | WireAnswer | Callable[[WireRequest], int | WireAnswer] = 204
    at_once: int = 0
    most_at_once: int = 0
    times: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = WireServer(self._answer)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.__exit__(*exc_info)

    @property
    def url(self) -> str:
        return f"{self._server.url}/hooks"

    @property
    def requests(self) -> list[WireRequest]:
        return self._server.requests

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    def verified(self, secret: str, index: int = -1) -> Any:
        """The message as a program reads it. Raises what the official package does."""
        request = self.requests[index]
        return Webhook(secret).verify(request.body, dict(request.headers))

    def told(self) -> list[Any]:
        return [json.loads(request.body) for request in self.requests]

    def _answer(self, request: WireRequest) -> WireAnswer:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.times.append(time.monotonic())
        answer = self.answers(request) if callable(self.answers) else self.answers
        answer = WireAnswer(answer) if isinstance(answer, int) else answer
        if answer.delay_seconds:
            self._server._stopping.wait(answer.delay_seconds)
        with self._lock:
            self.at_once -= 1
        return WireAnswer(answer.status, answer.body, answer.headers)
