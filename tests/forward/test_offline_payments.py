"""A payment that no gateway takes is told of as a card's is: once, with what people wrote down, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from integrations.errors import NotSupported
from integrations.models import Organization, Payment
from integrations.operations.offline_receipts import confirm_payment, refuse_payment
from integrations.operations.offline_refunds import Repayment, record_refund
from integrations.operations.payment_reconciliation import reconcile_due_payments
from integrations.operations.payments import refund_payment, void_payment
from integrations.signals import action_taken, offline_payment_changed
from integrations.tenancy import acting_for
from tests.factories import OrganizationFactory
from tests.operations.offline import again, bank, came, cash, courier, today, transfer
from webhooks.endpoints import set_active
from webhooks.forward.destinations import create_destination
from webhooks.forward.drain import drain
from webhooks.inbox import drain as drain_inbox
from webhooks.models import WebhookDestination, WebhookEndpoint, WebhookEvent
from webhooks.replay import replay_event

from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organization(db: None) -> Organization:
    return OrganizationFactory()


@pytest.fixture
def destination(organization: Organization, receiver: Receiver) -> WebhookDestination:
    return create_destination(organization, url=receiver.url, is_ordered=True)[0]


@pytest.fixture
def payment(organization: Organization, destination: WebhookDestination) -> Payment:
    bank(organization)
    return transfer(organization)


@pytest.fixture
def told(receiver: Receiver) -> Callable[[], list[dict[str, Any]]]:
    """All that the program has heard so far, once everything is passed on."""

    def told() -> list[dict[str, Any]]:
        drain_inbox()
        drain()
        return receiver.told()

    return told


Told = Callable[[], list[dict[str, Any]]]


def test_a_confirmed_payment_is_told_of_as_succeeded(payment: Payment, told: Told) -> None:
    confirm_payment(payment, came())
    (body,) = told()
    assert (body["type"], body["provider"], body["is_test"]) == ("payment.succeeded", "bank_transfer", False)
    assert body["subject"] == payment.provider_reference
    assert body["data"]["payment"] == str(payment.pk)
    assert (body["data"]["reference"], body["data"]["status"]) == ("order-1", "captured")
    assert (body["data"]["amount"], body["data"]["amount_captured"]) == ("100.00", "100.00")


def test_confirmed_twice_and_replayed_it_is_told_once(payment: Payment, told: Told) -> None:
    for _ in range(2):
        confirm_payment(payment, came())
    assert len(told()) == 1
    replay_event(WebhookEvent.objects.get())
    assert len(told()) == 1
    assert WebhookEvent.objects.get().processing_status == "completed"


def test_a_confirmation_that_is_undone_is_not_told(payment: Payment, told: Told) -> None:
    with transaction.atomic():
        confirm_payment(payment, came())
        transaction.set_rollback(True)
    assert told() == []


def test_a_confirmation_whose_news_cannot_be_kept_is_not_made(payment: Payment) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    offline_payment_changed.connect(fail)
    try:
        with pytest.raises(ZeroDivisionError):
            confirm_payment(payment, came())
    finally:
        offline_payment_changed.disconnect(fail)
    assert again(payment).status == "requires_action"


def test_a_part_is_told_once_it_settles(payment: Payment, told: Told) -> None:
    confirm_payment(payment, came("40.00", "FT-1"))
    assert told() == []
    confirm_payment(payment, came("40.00", "FT-1", settles=True))
    (body,) = told()
    assert (body["type"], body["data"]["amount_captured"]) == ("payment.succeeded", "40.00")


def test_more_than_was_due_is_no_second_success(payment: Payment, told: Told) -> None:
    confirm_payment(payment, came())
    confirm_payment(payment, came("5.00", "FT-2"))
    assert [body["type"] for body in told()] == ["payment.succeeded"]


def test_a_refused_payment_is_told_of_as_cancelled(payment: Payment, told: Told) -> None:
    for _ in range(2):
        refuse_payment(payment, reason="Nothing came.")
    (body,) = told()
    assert (body["type"], body["data"]["status"]) == ("payment.cancelled", "cancelled")
    assert body["data"]["failure_message"] == "Nothing came."


def test_a_void_by_a_program_is_told_too(payment: Payment, told: Told) -> None:
    void_payment(payment, idempotency_key="v1")
    assert [body["type"] for body in told()] == ["payment.cancelled"]


def test_refused_while_a_program_voids_it_it_is_told_of_once(payment: Payment, told: Told) -> None:
    def refuse(action: str, **_: Any) -> None:
        if action == "payment.void":
            transaction.on_commit(lambda: refuse_payment(payment, reason="Nothing came."))

    action_taken.connect(refuse)
    try:
        void_payment(payment)
    finally:
        action_taken.disconnect(refuse)
    assert [body["type"] for body in told()] == ["payment.cancelled"]


def test_each_refund_is_told_once_it_was_made(payment: Payment, told: Told) -> None:
    confirm_payment(payment, came())
    for amount in ("30.00", "70.00"):
        refund_payment(payment, amount=amount)
        refund = payment.operations.get(kind="refund", status="pending")
        for _ in range(2):
            record_refund(payment, refund.pk, Repayment("bank_transfer", f"OUT-{amount}", today()))
    bodies = told()
    assert [body["type"] for body in bodies] == ["payment.succeeded", "payment.refunded", "payment.refunded"]
    assert [body["data"]["amount_refunded"] for body in bodies] == ["0.00", "30.00", "100.00"]
    assert [body["data"]["status"] for body in bodies] == ["captured", "partially_refunded", "refunded"]


def test_one_that_nobody_paid_in_time_is_told_of_as_failed_and_then_paid_all_the_same(
    payment: Payment, told: Told
) -> None:
    long_ago = timezone.now() - timedelta(days=30)
    Payment.objects.filter(pk=payment.pk).update(created_at=long_ago, next_look_at=long_ago)
    reconcile_due_payments()
    confirm_payment(payment, came())
    bodies = told()
    assert [body["type"] for body in bodies] == ["payment.failed", "payment.succeeded"]
    assert bodies[0]["data"]["failure_code"] == "expired"


def test_cash_is_told_of_by_an_organization_behind_its_wall(
    organization: Organization, destination: WebhookDestination, told: Told
) -> None:
    courier(organization)
    payment = cash(organization)
    with acting_for(organization.pk):
        confirm_payment(payment, came(reference="AWB-1"))
    (body,) = told()
    assert (body["type"], body["provider"]) == ("payment.succeeded", "cash_on_delivery")


def test_a_destination_s_filters_hold_for_it_and_others_hear_nothing(
    organization: Organization, receiver: Receiver, told: Told
) -> None:
    create_destination(organization, url=receiver.url, event_types=["payment.refunded"])
    create_destination(OrganizationFactory(), url=receiver.url)
    bank(organization)
    confirm_payment(transfer(organization), came())
    assert told() == []


def test_what_is_told_stays_as_it_was_then(payment: Payment, told: Told) -> None:
    """The program is away while the payment goes on."""
    confirm_payment(payment, came())
    refund_payment(payment)
    refund = payment.operations.get(kind="refund")
    record_refund(payment, refund.pk, Repayment("cash", "R-1", today()))
    bodies = told()
    assert [body["data"]["amount_refunded"] for body in bodies] == ["0.00", "100.00"]
    assert again(payment).amount_refunded == 100


def test_nobody_outside_can_speak_for_the_people(payment: Payment, client: Client) -> None:
    confirm_payment(payment, came())
    endpoint = WebhookEndpoint.objects.get()
    assert client.post(f"/webhooks/{endpoint.pk}/", {}, content_type="application/json").status_code == 404
    with pytest.raises(NotSupported):
        set_active(endpoint, active=True)
    assert WebhookEvent.objects.count() == 1
