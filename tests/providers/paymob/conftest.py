"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from tests.providers.wire_client import WireClient

    from .wire import Account


@pytest.fixture
def account() -> Account:
    from .wire import Account

    return Account()


@pytest.fixture
def server(account: Account) -> Iterator[WireServer]:
    with WireServer(account.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.paymob import Paymob
    from tests.providers.wire_client import WireClient

    from .wire import CONFIGURATION, CREDENTIALS

    return WireClient(Paymob(), server.url, CREDENTIALS, configuration=CONFIGURATION)
