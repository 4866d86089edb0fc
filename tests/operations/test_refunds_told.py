"""Refunds that take their time: they end as the gateway's list says, each by its own reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import IntegrationError, InvalidRequest
from integrations.models import Payment, PaymentOperation
from integrations.operations.payment_reconciliation import reconcile_due_payments
from integrations.operations.payments import (
    PaymentOrder,
    apply_event,
    create_payment,
    refund_payment,
    sync_payment,
)
from integrations.providers.events import EventType, NormalizedEvent, Trust
from tests.factories import ConnectionFactory
from tests.providers.paypal.books import payments
from tests.providers.paypal.wire import CREDENTIALS, PayPalWire
from tests.wire import WireServer

pytestmark = pytest.mark.django_db(transaction=True)
S = Payment.Status
Status = PaymentOperation.Status


@dataclass
class Shop:
    """A payment of 12.50 that PayPal has taken, of which refunds wait for the payer's bank."""

    wire: PayPalWire
    payment: Payment

    @property
    def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = payments(self.wire.books.order(self.payment.provider_reference))["refunds"]
        return found

    def refund(self, amount: str, key: str = "") -> PaymentOperation:
        refund_payment(self.payment, amount=amount, idempotency_key=key)
        return self.operations()[-1]

    def operations(self) -> list[PaymentOperation]:
        return list(self.payment.operations.filter(kind=PaymentOperation.Kind.REFUND).order_by("id"))

    def ends(self, number: int, status: str) -> None:
        """What PayPal's list says of a refund from now on."""
        refund = self.listed[number]
        refund["status"] = status
        captures = payments(self.wire.books.order(self.payment.provider_reference))["captures"]
        captures[0]["status"] = "PARTIALLY_REFUNDED"

    def standing(self) -> list[str]:
        return [operation.status for operation in self.operations()]

    def now(self) -> tuple[str, Decimal]:
        payment = Payment.objects.get(pk=self.payment.pk)
        return payment.status, payment.amount_refunded


@pytest.fixture
def shop(settings: Any) -> Iterator[Shop]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    wire = PayPalWire()
    with WireServer(wire.answer) as server:
        connection = ConnectionFactory(slug="paypal", credentials=CREDENTIALS, configuration={"base_url": server.url})
        order = PaymentOrder(amount="12.50", currency="USD", reference="order-1")
        payment = create_payment(connection.organization, order)
        wire.books.approve(payment.provider_reference)
        wire.books.refund_status = "PENDING"
        yield Shop(wire, sync_payment(payment))


@pytest.mark.parametrize(
    ("word", "status", "stands"),
    [
        ("PENDING", Status.PENDING, (S.CAPTURED, Decimal("0.00"))),
        ("COMPLETED", Status.SUCCEEDED, (S.PARTIALLY_REFUNDED, Decimal("5.00"))),
        ("FAILED", Status.FAILED, (S.CAPTURED, Decimal("0.00"))),
        ("CANCELLED", Status.CANCELLED, (S.CAPTURED, Decimal("0.00"))),
    ],
)
def test_a_look_ends_a_refund_as_the_list_says(shop: Shop, word: str, status: str, stands: Any) -> None:
    assert shop.refund("5.00").status == Status.PENDING
    shop.ends(0, word)
    for _ in range(2):
        sync_payment(shop.payment)
    assert (shop.standing(), shop.now()) == ([status], stands)


def test_what_a_failed_refund_held_back_can_be_refunded_again(shop: Shop) -> None:
    shop.refund("12.50")
    with pytest.raises(InvalidRequest):
        shop.refund("1.00")
    shop.ends(0, "FAILED")
    sync_payment(shop.payment)

    shop.wire.books.refund_status = "COMPLETED"
    assert shop.refund("12.50").status == Status.SUCCEEDED
    assert shop.standing() == [Status.FAILED, Status.SUCCEEDED]


def test_two_of_one_amount_are_told_apart(shop: Shop) -> None:
    """By the sums alone, the first would be taken for the one that was made."""
    shop.refund("5.00")
    shop.refund("5.00")
    shop.ends(0, "FAILED")
    shop.ends(1, "COMPLETED")
    sync_payment(shop.payment)
    assert (shop.standing(), shop.now()) == (
        [Status.FAILED, Status.SUCCEEDED],
        (S.PARTIALLY_REFUNDED, Decimal("5.00")),
    )


def test_another_s_refund_does_not_end_one_that_waits(shop: Shop) -> None:
    """Somebody gives back as much in PayPal's dashboard."""
    shop.refund("5.00")
    shop.wire.books.refund_status = "COMPLETED"
    (capture,) = payments(shop.wire.books.order(shop.payment.provider_reference))["captures"]
    shop.wire.books.refund(capture["id"], {"amount": {"currency_code": "USD", "value": "5.00"}})
    sync_payment(shop.payment)
    assert (shop.standing(), shop.now()) == ([Status.PENDING], (S.PARTIALLY_REFUNDED, Decimal("5.00")))


def test_one_whose_answer_was_lost_is_known_by_our_key(shop: Shop) -> None:
    for number, word in enumerate(("COMPLETED", "FAILED", "PENDING")):
        shop.wire.lose_answers = True
        with pytest.raises(IntegrationError):
            refund_payment(shop.payment, amount="1.00")
        shop.wire.lose_answers = False
        shop.ends(number, word)
    sync_payment(shop.payment)

    assert shop.standing() == [Status.SUCCEEDED, Status.FAILED, Status.PENDING]
    assert [one.provider_reference for one in shop.operations()] == [refund["id"] for refund in shop.listed]
    PaymentOperation.objects.update(created_at=timezone.now() - timedelta(hours=1))
    sync_payment(shop.payment)
    assert shop.standing()[2] == Status.PENDING, "PayPal shows it"


@pytest.mark.parametrize("way", ["look", "event"])
def test_one_that_had_succeeded_and_came_back_gives_its_amount_free(shop: Shop, way: str) -> None:
    """It is the one that the list names, though it is not the newest."""
    shop.wire.books.refund_status = "COMPLETED"
    shop.refund("5.00")
    shop.refund("2.00")
    assert shop.now() == (S.PARTIALLY_REFUNDED, Decimal("7.00"))
    shop.ends(0, "FAILED")
    for _ in range(2):
        if way == "look":
            sync_payment(shop.payment)
        else:
            event = NormalizedEvent(EventType.PAYMENT_REFUNDED, shop.payment.provider_reference)
            assert shop.payment.connection is not None
            apply_event(shop.payment.connection, event, trust=Trust.SHARED_SECRET)

    assert shop.standing() == [Status.FAILED, Status.SUCCEEDED]
    assert shop.operations()[0].error_code == "sent_back"
    assert shop.now() == (S.PARTIALLY_REFUNDED, Decimal("2.00"))
    assert Payment.objects.get(pk=shop.payment.pk).difference == ""


def test_all_of_it_came_back(shop: Shop) -> None:
    shop.wire.books.refund_status = "COMPLETED"
    shop.refund("12.50")
    assert shop.now()[0] == S.REFUNDED
    shop.ends(0, "FAILED")
    sync_payment(shop.payment)
    assert (shop.standing(), shop.now()) == ([Status.FAILED], (S.CAPTURED, Decimal("0.00")))


def test_another_refund_s_answer_ends_one_that_waited(shop: Shop) -> None:
    shop.refund("5.00")
    shop.ends(0, "COMPLETED")
    shop.wire.books.refund_status = "COMPLETED"
    shop.refund("1.00")
    assert shop.standing() == [Status.SUCCEEDED, Status.SUCCEEDED]


def test_a_refund_that_waits_is_looked_at_though_its_payment_needs_no_look(shop: Shop) -> None:
    Payment.objects.filter(pk=shop.payment.pk).update(next_look_at=None, looks=2)
    shop.refund("5.00")
    for _ in range(4):
        assert Payment.objects.get(pk=shop.payment.pk).next_look_at is not None
        Payment.objects.filter(pk=shop.payment.pk).update(next_look_at=timezone.now() - timedelta(seconds=1))
        assert reconcile_due_payments() == 1
    shop.ends(0, "FAILED")
    Payment.objects.filter(pk=shop.payment.pk).update(next_look_at=timezone.now() - timedelta(seconds=1))
    reconcile_due_payments()
    assert shop.standing() == [Status.FAILED]
    assert Payment.objects.get(pk=shop.payment.pk).next_look_at is None
