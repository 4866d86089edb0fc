"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from tests.providers.wire_client import WireClient

    from .wire import Profile


@pytest.fixture
def profile() -> Profile:
    from .wire import Profile

    return Profile()


@pytest.fixture
def server(profile: Profile) -> Iterator[WireServer]:
    with WireServer(profile.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.paytabs import PayTabs
    from tests.providers.wire_client import WireClient

    from .wire import CONFIGURATION, CREDENTIALS

    return WireClient(PayTabs(), server.url, CREDENTIALS, configuration=CONFIGURATION)
