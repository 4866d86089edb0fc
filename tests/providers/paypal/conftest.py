"""What the gateway's client needs is imported within the fixtures: pytest loads this file before Django is set up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire import WireServer

if TYPE_CHECKING:
    from integrations.models import Connection, Organization, Payment
    from tests.providers.wire_client import WireClient

    from .far_end import Create, Far
    from .wire import PayPalWire


@pytest.fixture
def wire() -> PayPalWire:
    from .wire import PayPalWire

    return PayPalWire()


@pytest.fixture
def server(wire: PayPalWire) -> Iterator[WireServer]:
    with WireServer(wire.answer) as server:
        yield server


@pytest.fixture
def client(server: WireServer) -> WireClient:
    from integrations.providers.payment.paypal import PayPal
    from tests.providers.wire_client import WireClient

    from .wire import CREDENTIALS

    return WireClient(PayPal(), server.url, CREDENTIALS)


@pytest.fixture
def far(settings: Any) -> Iterator[Far]:
    from .far_end import Far
    from .wire import PayPalWire

    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    wire = PayPalWire()
    with WireServer(wire.answer) as server:
        yield Far(wire, server)


@pytest.fixture
def organization() -> Organization:
    from tests.factories import OrganizationFactory

    organization: Organization = OrganizationFactory()
    return organization


@pytest.fixture
def connection(organization: Organization, far: Far) -> Connection:
    from tests.factories import ConnectionFactory

    from .wire import CREDENTIALS

    configuration = {"base_url": far.server.url}
    connection: Connection = ConnectionFactory(
        organization=organization, slug="paypal", configuration=configuration, credentials=CREDENTIALS
    )
    return connection


@pytest.fixture
def create(organization: Organization, connection: Connection) -> Create:
    from integrations.operations.payments import PaymentOrder, create_payment

    def create(**fields: Any) -> Payment:
        given = {"amount": "12.50", "currency": "USD", "reference": "order-1", "connection_id": connection.pk, **fields}
        return create_payment(organization, PaymentOrder(**given))

    return create


@pytest.fixture
def agreed(create: Create, far: Far) -> Payment:
    """Its payer has agreed; nobody here has looked yet."""
    payment = create()
    far.books.approve(payment.provider_reference)
    return payment
