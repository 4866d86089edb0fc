"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire import WireAnswer, WireRequest, WireServer

if TYPE_CHECKING:
    from integrations.gateway import BoundClient, FinishedCall

API_KEY = "sk_test_sample_not_a_key"


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


@pytest.fixture
def wire() -> Iterator[WireServer]:
    """A provider that says yes; a test gives it other `answer`s."""

    def accept(request: WireRequest) -> WireAnswer:
        return WireAnswer(200, {"ok": True})

    with WireServer(accept) as server:
        yield server


@pytest.fixture
def client_to(db: None) -> Callable[..., BoundClient]:
    """Makes a client for a new Stripe connection whose provider answers at a URL."""
    from integrations.gateway import client_for
    from tests.factories import ConnectionFactory

    def make(url: str, *, timeout_seconds: float = 30.0, **fields: Any) -> BoundClient:
        connection = ConnectionFactory(configuration={"base_url": url}, credentials={"api_key": API_KEY}, **fields)
        return client_for(connection, operation="test", timeout_seconds=timeout_seconds)

    return make


@pytest.fixture
def client(client_to: Callable[..., BoundClient], wire: WireServer) -> BoundClient:
    return client_to(wire.url)


@pytest.fixture
def finished() -> Iterator[list[FinishedCall]]:
    """What `api_call_finished` told, an entry an attempt."""
    from integrations.signals import api_call_finished

    calls: list[FinishedCall] = []

    def keep(sender: object, call: FinishedCall, **kwargs: object) -> None:
        calls.append(call)

    api_call_finished.connect(keep)
    yield calls
    api_call_finished.disconnect(keep)
