"""What it costs to find a payment's connection does not depend on how many there are to choose from."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection, Organization, Payment, PaymentRoute, PaymentSettings
from integrations.operations import track_record
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.operations.routing_trial import try_route

from .stripe_wire import StripeWire, connect

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa", country="AE")
_CHOOSING = 2  # the rules and the track record, which one connection alone does without


@pytest.fixture
def connections(organization: Organization, wire: StripeWire) -> list[Connection]:
    return [connect(organization, wire, connection_name=f"till {number}") for number in range(20)]


def _queries(organization: Organization) -> int:
    track_record.forget()
    with CaptureQueriesContext(database) as queries:
        payment = create_payment(organization, ORDER)
    assert payment.status == Payment.Status.CAPTURED
    return len(queries)


def test_twenty_connections_cost_no_more_than_two(organization: Organization, connections: list[Connection]) -> None:
    for connection in connections[::2]:
        PaymentSettings.objects.create(organization=organization, connection=connection, provider_name="Stripe")
        PaymentRoute.objects.create(organization=organization, connection=connection, name="rule", currency="AED")
    _queries(organization)  # what is read once a process
    of_twenty = _queries(organization)
    Connection.objects.exclude(pk__in=[one.pk for one in connections[:2]]).update(status=Connection.Status.INACTIVE)
    of_two = _queries(organization)
    Connection.objects.exclude(pk=connections[0].pk).update(status=Connection.Status.INACTIVE)
    of_one = _queries(organization)
    assert of_twenty == of_two == of_one + _CHOOSING


def test_laying_routing_open_costs_no_more_either(organization: Organization, connections: list[Connection]) -> None:
    def queries() -> int:
        track_record.forget()
        with CaptureQueriesContext(database) as found:
            try_route(organization, ORDER)
        return len(found)

    of_twenty = queries()
    Connection.objects.exclude(pk=connections[0].pk).delete()
    assert of_twenty == queries() <= 4
