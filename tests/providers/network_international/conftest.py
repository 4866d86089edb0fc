"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from tests.providers.wire_client import WireClient

    from .wire import NGenius


@pytest.fixture
def ngenius() -> NGenius:
    from .wire import NGenius

    return NGenius()


@pytest.fixture
def server(ngenius: NGenius) -> Iterator[WireServer]:
    with WireServer(ngenius.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.network_international import NetworkInternational
    from tests.providers.wire_client import WireClient

    from .wire import CREDENTIALS

    return WireClient(NetworkInternational(), server.url, CREDENTIALS, configuration={"sale_action": "SALE"})
