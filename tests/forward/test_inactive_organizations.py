"""An organization that is switched off is sent nothing, and what is to be sent to it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Organization
from integrations.operations.connections import deactivate_connection
from monitoring.models import AuditLog
from tests.wire import WireAnswer
from webhooks.forward.deliveries import retry_deliveries
from webhooks.forward.drain import drain
from webhooks.forward.inactive import HELD_WHEN_LATE_BY
from webhooks.models import WebhookDelivery, WebhookDestination, WebhookEndpoint
from webhooks.tasks import sweep_deliveries

from .arrivals import endpoint_of, make_due, plant_deliveries
from .receiver import Receiver
from .test_queue import within, work

pytestmark = pytest.mark.django_db(transaction=True)


def switch(organization: Organization, *, on: bool) -> None:
    organization.is_active = on
    organization.save(update_fields=["is_active"])


def late_by(**time: float) -> None:
    WebhookDelivery.objects.update(next_attempt_at=timezone.now() - timedelta(**time))


def statuses() -> list[str]:
    return sorted(WebhookDelivery.objects.values_list("status", flat=True))


def test_nothing_is_sent_while_it_is_off_and_all_of_it_once_it_is_on(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    plant_deliveries(endpoint, destination, 3)
    switch(endpoint.organization, on=False)
    assert sweep_deliveries() == 0
    late_by(days=3)
    assert sweep_deliveries() == 0
    assert receiver.requests == []
    switch(endpoint.organization, on=True)
    assert sweep_deliveries() == 3
    assert statuses() == ["delivered"] * 3


def test_another_organization_s_are_sent(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    from webhooks.forward.destinations import create_destination

    switch(endpoint.organization, on=False)
    plant_deliveries(endpoint, destination, 1)
    other = endpoint_of(Organization.objects.create(name="Another", slug="another"))
    plant_deliveries(other, create_destination(other.organization, url=receiver.url)[0], 1)
    assert sweep_deliveries() == 1


def test_in_order_they_go_on_in_order(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    WebhookDestination.objects.update(is_ordered=True)
    planted = plant_deliveries(endpoint, destination, 4)
    switch(endpoint.organization, on=False)
    assert sweep_deliveries() == 0
    switch(endpoint.organization, on=True)
    assert sweep_deliveries() == 4
    assert receiver.ids == [str(one.pk) for one in planted]


def test_a_retry_keeps_its_place_in_the_schedule(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    receiver.answers = 500
    (delivery,) = plant_deliveries(endpoint, destination, 1)
    drain()
    make_due()
    switch(endpoint.organization, on=False)
    assert sweep_deliveries() == 0
    switch(endpoint.organization, on=True)
    assert sweep_deliveries() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == ("retrying", 2)


def test_a_worker_in_the_midst_of_it_stops(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    WebhookDestination.objects.update(max_concurrency=1)
    plant_deliveries(endpoint, destination, 30)
    receiver.answers = WireAnswer(204, delay_seconds=0.2)
    taken: list[int] = []
    worker = work(taken)
    within(10, lambda: receiver.requests)
    switch(endpoint.organization, on=False)
    worker.join(20)
    assert 1 <= len(receiver.requests) < 15
    assert statuses().count("pending") == 30 - len(receiver.requests)
    receiver.answers = 204
    switch(endpoint.organization, on=True)
    drain()
    assert statuses() == ["delivered"] * 30
    assert len(set(receiver.ids)) == len(receiver.ids) == 30


@pytest.mark.parametrize("status", ["pending", "retrying", "sending"])
def test_what_is_late_by_more_than_the_retries_last_rests_until_somebody_asks(
    status: str, endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    plant_deliveries(endpoint, destination, 2)
    switch(endpoint.organization, on=False)
    late_by(seconds=HELD_WHEN_LATE_BY.total_seconds() + 1)
    WebhookDelivery.objects.update(status=status)
    sweep_deliveries()
    assert statuses() == ["held"] * 2
    entry = AuditLog.objects.get(action="webhook_deliveries.held")
    assert (entry.organization_id, entry.changes) == (endpoint.organization_id, {"count": 2})
    switch(endpoint.organization, on=True)
    assert sweep_deliveries() == 0
    assert retry_deliveries(endpoint.organization, WebhookDelivery.objects.all()) == 2
    assert drain() == 2


def test_what_is_late_for_another_reason_is_sent(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    """Workers that were away for a week, say."""
    plant_deliveries(endpoint, destination, 1)
    late_by(days=7)
    assert sweep_deliveries() == 1


def test_what_came_by_a_connection_is_sent_though_the_connection_is_off(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver, arrive: Any
) -> None:
    arrive()
    deactivate_connection(endpoint.connection)
    assert sweep_deliveries() == 1
    arrive(amount=2500)
    assert sweep_deliveries() == 1
