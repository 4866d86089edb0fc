"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from integrations.models import Connection
    from webhooks.models import WebhookEndpoint


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
