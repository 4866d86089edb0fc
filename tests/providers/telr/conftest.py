"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from tests.providers.wire_client import WireClient

    from .wire import TelrGateway


@pytest.fixture
def telr() -> TelrGateway:
    from .wire import TelrGateway

    return TelrGateway()


@pytest.fixture
def server(telr: TelrGateway) -> Iterator[WireServer]:
    with WireServer(telr.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.telr import Telr
    from tests.providers.wire_client import WireClient

    from .wire import CREDENTIALS

    return WireClient(Telr(), server.url, CREDENTIALS)
