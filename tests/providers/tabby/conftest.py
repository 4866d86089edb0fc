"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from tests.providers.wire_client import WireClient

    from .wire import TabbyWire


@pytest.fixture
def wire() -> TabbyWire:
    from .wire import TabbyWire

    return TabbyWire()


@pytest.fixture
def server(wire: TabbyWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.tabby import Tabby
    from tests.providers.wire_client import WireClient

    from .wire import CONFIGURATION, CREDENTIALS

    return WireClient(Tabby(), server.url, CREDENTIALS, configuration=CONFIGURATION)
