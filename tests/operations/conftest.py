"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from integrations.models import Organization

    from .stripe_wire import StripeWire


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def organization(transactional_db: None) -> Organization:
    from tests.factories import OrganizationFactory

    return OrganizationFactory()


@pytest.fixture
def wire() -> Iterator[StripeWire]:
    from .stripe_wire import stripe_wire

    with stripe_wire() as wire:
        yield wire
