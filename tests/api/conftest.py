"""Models are imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from integrations.models import Connection, Organization
    from tests.operations.stripe_wire import StripeWire

    from .client import ApiClient


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def _redis_is_asked_again() -> None:
    """A test in which Redis was away leaves no rest to the next."""
    from integrations.api.throttling import CallerThrottle

    CallerThrottle._resting_until = 0.0


@pytest.fixture
def organization(db: None) -> Organization:
    from tests.factories import OrganizationFactory

    return OrganizationFactory(name="Ours", slug="ours")


@pytest.fixture
def other(db: None) -> Organization:
    from tests.factories import OrganizationFactory

    return OrganizationFactory(name="Theirs", slug="theirs")


@pytest.fixture
def api(organization: Organization) -> ApiClient:
    """Signed in with a token that has every scope."""
    from tests.factories import token_for

    from .client import ApiClient

    return ApiClient(token_for(organization))


@pytest.fixture
def wire() -> Iterator[StripeWire]:
    from tests.operations.stripe_wire import stripe_wire

    with stripe_wire() as wire:
        yield wire


@pytest.fixture
def connection(organization: Organization, wire: StripeWire) -> Connection:
    """An active connection of ours to Stripe's end of the wire."""
    from tests.operations.stripe_wire import connect

    return connect(organization, wire)
