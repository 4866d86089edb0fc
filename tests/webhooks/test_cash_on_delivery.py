"""What couriers tell of shipments settles the cash that was due for them, as the event is completed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from integrations.models import Organization, Payment
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.operations.offline import again, bank, cash, courier, standing, transfer
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.rehearsal import rehearse
from webhooks.replay import replay_event

from .outside import SECRET, deliver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("outside_providers")]
S, D = Payment.Status, Payment.Difference


@pytest.fixture
def organization(outside_providers: None) -> Organization:
    return OrganizationFactory()


@pytest.fixture
def payment(organization: Organization) -> Payment:
    courier(organization)
    return cash(organization)


def address(organization: Organization, slug: str = "outside_courier") -> WebhookEndpoint:
    return create_endpoint(ConnectionFactory(organization=organization, slug=slug), webhook_secret=SECRET)[0]


@pytest.fixture
def endpoint(organization: Organization) -> WebhookEndpoint:
    return address(organization)


def tell(endpoint: WebhookEndpoint, kind: str = "delivered", **told: Any) -> WebhookEvent:
    usual = {"id": f"evt-{time.monotonic_ns()}", "kind": kind, "thing": "AWB-1", "at": time.time()}
    usual |= {"reference": "order-1", "cod_amount": "100.00", "cod_currency": "AED"}
    body = {name: value for name, value in {**usual, **told}.items() if value is not None}
    assert deliver(endpoint, json.dumps(body).encode()).status_code == 200
    drain()
    return endpoint.events.latest("received_at")


def test_a_delivery_settles_what_was_due_for_it(payment: Payment, endpoint: WebhookEndpoint) -> None:
    event = tell(endpoint)
    assert (event.processing_status, event.normalized_type) == ("completed", "shipping.delivered")
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert payment.operations.get(kind="capture").provider_reference == "AWB-1"
    assert AuditLog.objects.get(action="payment.confirmed").actor == "webhook inbox"


def test_told_twice_and_replayed_it_is_settled_once(payment: Payment, endpoint: WebhookEndpoint) -> None:
    tell(endpoint)
    event = tell(endpoint)
    replay_event(event)
    drain()
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert payment.operations.filter(kind="capture").count() == 1


def test_a_dry_run_tells_what_a_delivery_would_settle(payment: Payment, endpoint: WebhookEndpoint) -> None:
    event = tell(endpoint)
    Payment.objects.filter(pk=payment.pk).update(status=S.PENDING, amount_captured=0)
    (step,) = rehearse(event).steps
    assert step.payment
    assert step.becomes
    assert (step.payment, step.payment.status, step.becomes.status) == (payment, S.PENDING, S.CAPTURED)
    assert standing(payment) == (S.PENDING, "0.00", "")


def test_many_told_together_are_settled_together(organization: Organization, endpoint: WebhookEndpoint) -> None:
    courier(organization)
    payments = [cash(organization, reference=f"order-{number}") for number in range(5)]
    for number, payment in enumerate(payments):
        body = {"id": f"e{number}", "kind": "delivered", "thing": f"AWB-{number}", "reference": payment.reference}
        deliver(endpoint, json.dumps({**body, "cod_amount": "100.00", "cod_currency": "AED"}).encode())
    drain()
    assert {again(payment).status for payment in payments} == {S.CAPTURED}


def test_the_money_is_told_of_as_a_card_s_is_beside_the_delivery(payment: Payment, endpoint: WebhookEndpoint) -> None:
    replay_event(tell(endpoint))
    drain()
    own = WebhookEvent.objects.exclude(webhook_endpoint=endpoint).get()
    assert (own.event_type, own.normalized_type, own.processing_status) == (*["payment.succeeded"] * 2, "completed")
    assert own.subject == payment.provider_reference


def test_a_returned_parcel_cancels_it(payment: Payment, endpoint: WebhookEndpoint) -> None:
    tell(endpoint, "returned", cod_amount=None, cod_currency=None)
    assert standing(payment) == (S.CANCELLED, "0.00", "")


def test_a_parcel_that_comes_back_later_was_paid_for_all_the_same(payment: Payment, endpoint: WebhookEndpoint) -> None:
    tell(endpoint)
    event = tell(endpoint, "returned")
    assert event.processing_status == "completed"
    assert standing(payment) == (S.CAPTURED, "100.00", "")


def test_less_than_was_due_is_marked(payment: Payment, endpoint: WebhookEndpoint) -> None:
    tell(endpoint, cod_amount="80.00")
    assert standing(payment) == (S.CAPTURED, "80.00", D.UNDERPAID)


def test_another_currency_is_marked_once_and_takes_nothing(payment: Payment, endpoint: WebhookEndpoint) -> None:
    for _ in range(2):
        assert tell(endpoint, cod_currency="USD").processing_status == "completed"
    assert standing(payment) == (S.PENDING, "0.00", D.AMOUNT)
    assert payment.operations.filter(error_code="currency").count() == 1


@pytest.mark.parametrize(
    "told",
    [
        {"reference": "somebody-else-s"},
        {"reference": None},
        {"reference": ""},
        {"cod_amount": None},
        {"cod_amount": "0"},
        {"kind": "picked_up"},
    ],
)
def test_what_says_nothing_of_cash_changes_nothing(
    payment: Payment, endpoint: WebhookEndpoint, told: dict[str, Any]
) -> None:
    assert tell(endpoint, **told).processing_status == "completed"
    assert standing(payment) == (S.PENDING, "0.00", "")


@pytest.mark.parametrize("amount", ["a lot", "-1", "1e3"])
def test_a_sum_that_is_none_rests_where_it_is_seen(payment: Payment, endpoint: WebhookEndpoint, amount: str) -> None:
    event = tell(endpoint, cod_amount=amount)
    assert event.processing_status == "failed"
    assert event.error_message
    assert standing(payment) == (S.PENDING, "0.00", "")


def test_one_s_trouble_is_not_the_other_s(organization: Organization, endpoint: WebhookEndpoint) -> None:
    courier(organization)
    good, bad = cash(organization, reference="good"), cash(organization, reference="bad")
    for reference, amount in (("bad", "much"), ("good", "100.00")):
        body = {"id": reference, "kind": "delivered", "thing": f"AWB-{reference}", "reference": reference}
        deliver(endpoint, json.dumps({**body, "cod_amount": amount, "cod_currency": "AED"}).encode())
    drain()
    assert (again(good).status, again(bad).status) == (S.CAPTURED, S.PENDING)


def test_what_proves_its_sender_alone_moves_no_money(payment: Payment, organization: Organization) -> None:
    event = tell(address(organization, "outside_courier_token"))
    assert event.processing_status == "completed"
    assert standing(payment) == (S.PENDING, "0.00", "")


def test_a_transfer_of_that_reference_and_a_stranger_s_cash_are_left_alone(endpoint: WebhookEndpoint) -> None:
    bank(endpoint.organization)
    stranger = OrganizationFactory()
    courier(stranger)
    payments = [transfer(endpoint.organization), cash(stranger)]
    tell(endpoint)
    assert {again(payment).amount_captured for payment in payments} == {0}
