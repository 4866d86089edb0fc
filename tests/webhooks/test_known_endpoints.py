from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.single_flight import SingleFlight
from tests.factories import ConnectionFactory
from webhooks import known_endpoints
from webhooks.endpoints import create_endpoint


def at_once(threads: int, work: Callable[[], object]) -> list[object]:
    """What `work` gives to so many threads that begin together."""
    start = threading.Barrier(threads)

    def begin(_: int) -> object:
        start.wait(5)
        try:
            return work()
        except LookupError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def test_many_threads_that_want_the_same_do_it_once() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    done: list[str] = []
    others = threading.Event()

    def work(key: str) -> int:
        done.append(key)
        others.wait(0.3)
        return 7

    assert at_once(16, lambda: flights.do("a", work)) == [7] * 16
    assert done == ["a"]


def test_all_hear_of_the_one_error_and_the_next_tries_anew() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    tries: list[str] = []

    def fail(key: str) -> int:
        tries.append(key)
        threading.Event().wait(0.3)
        raise LookupError(key)

    assert [str(error) for error in at_once(8, lambda: flights.do("a", fail))] == ["a"] * 8
    assert tries == ["a"]
    assert flights.do("a", len) == 1


def test_who_comes_after_a_change_does_not_get_what_was_read_before_it() -> None:
    flights: SingleFlight[str, str] = SingleFlight()
    is_reading, may_end = threading.Event(), threading.Event()

    def slow(key: str) -> str:
        is_reading.set()
        may_end.wait(5)
        return "old"

    with ThreadPoolExecutor(1) as pool:
        earlier = pool.submit(flights.do, "a", slow)
        assert is_reading.wait(5)
        flights.forget("a")
        assert flights.do("a", lambda key: "new") == "new"
        may_end.set()
        assert earlier.result(5) == "old"
    assert flights.do("a", lambda key: "newer") == "newer"


@pytest.mark.django_db
def test_an_endpoint_that_is_known_costs_no_query_and_one_that_is_not_there_none_the_second_time() -> None:
    (endpoint, _), absent = create_endpoint(ConnectionFactory()), uuid4()
    known_endpoints.find_endpoint(endpoint.pk)
    assert known_endpoints.find_endpoint(absent) is None
    with CaptureQueriesContext(connection) as queries:
        found = known_endpoints.find_endpoint(endpoint.pk)
        assert known_endpoints.find_endpoint(absent) is None
    assert found is not None
    assert found.pk == endpoint.pk
    assert not queries.captured_queries
