"""One thread does what many want at once; the others wait for what it finds, or for its error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Key, Future[Value]] = {}

    def do(self, key: Key, work: Callable[[Key], Value]) -> Value:
        """`work(key)`, or what another thread that is at it already gets. Raises what the work raised."""
        mine: Future[Value] = Future()
        with self._lock:
            flight = self._flights.setdefault(key, mine)
        if flight is not mine:
            return flight.result()
        try:
            mine.set_result(work(key))
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            self._end(key, mine)
        return mine.result()

    def forget(self, key: Key) -> None:
        """Who comes from now on wants what is so from now on, not what an earlier flight brings."""
        with self._lock:
            self._flights.pop(key, None)

    def _end(self, key: Key, flight: Future[Value]) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
