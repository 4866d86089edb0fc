"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from tests.providers.wire_client import WireClient

    from .wire import TapWire


@pytest.fixture
def wire() -> TapWire:
    from .wire import seeded

    return seeded()


@pytest.fixture
def server(wire: TapWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.tap import Tap
    from tests.providers.wire_client import WireClient

    from .wire import CREDENTIALS

    return WireClient(Tap(), server.url, CREDENTIALS)
