"""What staff must see to of payments and webhook destinations opens an alert, once, until it is seen to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Organization, Payment, PaymentDispute
from monitoring.models import Alert
from monitoring.tasks import watch_destinations, watch_payments
from tests.api.client import ApiClient
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory, PaymentFactory, token_for
from webhooks.forward.destinations import delete_destination, disable_destination, enable_destination
from webhooks.forward.standing import look_at_failures, switch_off_gone
from webhooks.models import WebhookDestination

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organization() -> Organization:
    made: Organization = OrganizationFactory()
    return made


@pytest.fixture
def payment(organization: Organization) -> Payment:
    made: Payment = PaymentFactory(connection=ConnectionFactory(organization=organization), reference="ORD-1")
    return made


def open_alerts() -> list[str]:
    return [alert.told for alert in Alert.objects.unresolved()]


def differ(payment: Payment, difference: str) -> None:
    Payment.objects.filter(pk=payment.pk).update(difference=difference)


def test_payments_that_differ_are_one_alert_a_connection_until_none_does(payment: Payment) -> None:
    other = PaymentFactory(connection=payment.connection)
    assert watch_payments() == (0, 0)
    differ(payment, "captured")
    assert (watch_payments(), watch_payments()) == ((1, 0), (0, 0))
    differ(other, "missing")
    assert watch_payments() == (0, 0)
    assert open_alerts() == ["The gateway's books differ from these. Payments to look at: 2."]
    assert Alert.objects.get().connection_id == payment.connection_id
    differ(payment, "")
    watch_payments()
    assert open_alerts() == ["The gateway's books differ from these. Payments to look at: 1."]
    differ(other, "")
    assert (watch_payments(), open_alerts()) == ((0, 1), [])


def dispute(payment: Payment, hours: float, **fields: Any) -> PaymentDispute:
    return PaymentDispute.objects.create(
        organization=payment.organization, payment=payment, provider_reference="dp_1",
        respond_by=timezone.now() + timedelta(hours=hours), **fields,
    )  # fmt: skip


def test_a_dispute_is_an_alert_when_its_answer_is_due_soon_and_until_it_is_closed(payment: Payment) -> None:
    found = dispute(payment, 73)
    assert watch_payments() == (0, 0)
    PaymentDispute.objects.update(respond_by=timezone.now() + timedelta(hours=71))
    assert (watch_payments(), watch_payments()) == ((1, 0), (0, 0))
    found.refresh_from_db()
    assert found.respond_by is not None
    by = f"{timezone.localtime(found.respond_by):%d/%m/%Y %H:%M}"
    assert open_alerts() == [f"The dispute dp_1 of payment ORD-1 is to be answered at the gateway by {by}."]
    PaymentDispute.objects.update(status="won")
    assert (watch_payments(), open_alerts()) == ((0, 1), [])


@pytest.mark.parametrize("fields", [{"hours": -1}, {"hours": 1, "status": "lost"}], ids=str)
def test_what_can_no_longer_be_answered_alarms_nobody(payment: Payment, fields: dict[str, Any]) -> None:
    dispute(payment, **fields)
    assert watch_payments() == (0, 0)


def test_an_organization_that_has_left_is_not_watched(payment: Payment, organization: Organization) -> None:
    differ(payment, "captured")
    dispute(payment, 1)
    organization.is_active = False
    organization.save()
    assert watch_payments() == (0, 0)


@pytest.fixture
def destination(organization: Organization) -> WebhookDestination:
    long_ago = timezone.now() - timedelta(days=3)
    return WebhookDestination.objects.create(
        organization=organization, url="https://shop.example.com/hooks?key=sample", signing_secret="whsec_sample",
        failing_since=long_ago,
    )  # fmt: skip


def fails(destination: WebhookDestination) -> None:
    assert destination.failing_since is not None
    look_at_failures(destination.pk, destination.failing_since)


def gone(destination: WebhookDestination) -> None:
    switch_off_gone(destination.pk)


def recover(destination: WebhookDestination) -> None:
    """As the queue writes down what was delivered."""
    WebhookDestination.objects.filter(pk=destination.pk).update(failing_since=None, warned_at=None)


@pytest.mark.parametrize(
    ("happens", "told", "end"),
    [
        (fails, "has failed for days", recover),
        (fails, "has failed for days", disable_destination),
        (fails, "has failed for days", delete_destination),
        (gone, "its receiver is gone", enable_destination),
        (gone, "its receiver is gone", delete_destination),
    ],
)
def test_a_failing_destination_is_an_alert_at_once_and_until_it_is_seen_to(
    destination: WebhookDestination, happens: Any, told: str, end: Any
) -> None:
    happens(destination)
    (alert,) = open_alerts()
    assert told in alert
    assert "shop.example.com" in alert
    assert "sample" not in alert, "the address may hold a secret"
    assert watch_destinations() == (0, 0)
    end(destination)
    assert (watch_destinations(), open_alerts()) == ((0, 1), [])


def test_one_that_is_switched_off_after_its_warning_is_the_same_alert_in_new_words(
    destination: WebhookDestination,
) -> None:
    fails(destination)
    long_ago = timezone.now() - timedelta(days=6)
    WebhookDestination.objects.update(failing_since=long_ago, warned_at=long_ago)
    look_at_failures(destination.pk, long_ago)
    (alert,) = open_alerts()
    assert "was switched off" in alert
    assert Alert.objects.count() == 1


def test_what_was_missed_is_opened_on_the_next_round(destination: WebhookDestination) -> None:
    WebhookDestination.objects.update(warned_at=timezone.now())
    assert watch_destinations() == (1, 0)
    assert Alert.objects.get().connection_id is None


def test_staff_and_programs_see_alerts_that_concern_no_connection(
    client: Client, destination: WebhookDestination, organization: Organization
) -> None:
    fails(destination)
    client.force_login(MembershipFactory(organization=organization, role="viewer").user)
    assert "has failed for days" in client.get("/admin/monitoring/alert/").content.decode()
    assert client.get(f"/admin/monitoring/alert/{Alert.objects.get().pk}/change/").status_code == 200
    (row,) = ApiClient(token_for(organization)).get("alerts/", {"is_open": "true"}).json()["results"]
    assert (row["kind"], row["connection"]) == ("webhook_failing", None)
