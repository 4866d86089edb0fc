"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from integrations.models import Connection
    from webhooks.models import WebhookEndpoint, WebhookEvent


@pytest.fixture
def connection(db: None) -> Connection:
    from tests.factories import ConnectionFactory

    return ConnectionFactory(credentials={"api_key": "sk_test_sample_not_a_key"})


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    """Of a Stripe connection, with `stripe_sender.SECRET`."""
    from webhooks.endpoints import create_endpoint

    from .stripe_sender import SECRET

    return create_endpoint(connection, webhook_secret=SECRET)[0]


@pytest.fixture
def staff(connection: Connection) -> Client:
    from tests.clients import signed_in

    return signed_in(connection.organization, "staff")


@pytest.fixture
def administrator(connection: Connection) -> Client:
    from tests.clients import signed_in

    return signed_in(connection.organization, "admin")


@pytest.fixture
def viewer(connection: Connection) -> Client:
    from tests.clients import signed_in

    return signed_in(connection.organization, "viewer")


@pytest.fixture
def received(endpoint: WebhookEndpoint) -> WebhookEvent:
    from .event_pages import store

    return store(endpoint, "evt_ours", raw_body=b'{"id": "evt_ours", "note": "<b>bold</b> \\u0645"}')


@pytest.fixture
def theirs(db: None) -> WebhookEvent:
    """An event of another organization."""
    from tests.factories import ConnectionFactory
    from webhooks.endpoints import create_endpoint

    from .event_pages import store
    from .stripe_sender import SECRET

    endpoint, _ = create_endpoint(ConnectionFactory(connection_name="Theirs"), webhook_secret=SECRET)
    return store(endpoint, "evt_theirs")


@pytest.fixture
def outside_providers(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The providers of `outside.py`, as if another package had brought them."""
    from integrations.providers.registry import providers

    from .outside import install

    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    providers.cache_clear()
    yield
    monkeypatch.undo()
    providers.cache_clear()
