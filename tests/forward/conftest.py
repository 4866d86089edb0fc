"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from integrations.models import Connection
    from webhooks.models import WebhookDestination, WebhookEndpoint, WebhookEvent

    from .receiver import Receiver

Destinations = Callable[..., Any]


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def connection(db: None) -> Connection:
    from tests.factories import ConnectionFactory

    return ConnectionFactory(credentials={"api_key": "sk_test_sample_not_a_key"})


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    from tests.webhooks.stripe_sender import SECRET
    from webhooks.endpoints import create_endpoint

    return create_endpoint(connection, webhook_secret=SECRET)[0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    from .receiver import Receiver

    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def destination(connection: Connection, receiver: Receiver) -> WebhookDestination:
    from webhooks.forward.destinations import create_destination

    return create_destination(connection.organization, url=receiver.url)[0]


@pytest.fixture
def arrive(endpoint: WebhookEndpoint) -> Callable[..., WebhookEvent]:
    """Has an event of Stripe's arrive, and processed."""
    from .arrivals import arrive

    return lambda *args, **fields: arrive(endpoint, *args, **fields)
