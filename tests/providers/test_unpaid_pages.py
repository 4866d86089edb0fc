"""Gateways that show nothing of a page before somebody has tried to pay on it: it is unpaid, and no payment is missing.

Paymob's answer for such an order is 404; PayTabs' cart is empty, with an account that shows no open pages.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations import access_tokens
from integrations.errors import Rejected
from integrations.models import Payment, PaymentOperation
from integrations.operations.payment_reconciliation import reconcile_due_payments, reconcile_payment
from integrations.operations.payments import PaymentOrder, create_payment, sync_payment
from tests.factories import ConnectionFactory
from tests.providers.paymob import wire as paymob
from tests.providers.paytabs import wire as paytabs
from tests.wire import WireServer

pytestmark = pytest.mark.django_db(transaction=True)
S = Payment.Status


@dataclass
class Page:
    """A payment whose page nobody has paid on yet, and the gateway's end."""

    books: Any
    payment: Payment

    def pay(self, **how: Any) -> None:
        self.books.pay(str(self.payment.pk), **how)

    def grow_old(self) -> None:
        long_ago = timezone.now() - timedelta(hours=30)
        Payment.objects.filter(pk=self.payment.pk).update(created_at=long_ago, next_look_at=long_ago)

    def now(self) -> Payment:
        return Payment.objects.get(pk=self.payment.pk)


@pytest.fixture(params=["paymob", "paytabs"])
def page(request: pytest.FixtureRequest, settings: Any) -> Iterator[Page]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    access_tokens._kept.clear()
    wire: Any = {"paymob": paymob, "paytabs": paytabs}[request.param]
    books = paymob.Account() if request.param == "paymob" else paytabs.Profile(shows_open_pages=False)
    with WireServer(books.answer) as server:
        connection = ConnectionFactory(
            slug=request.param,
            credentials=wire.CREDENTIALS,
            configuration={**wire.CONFIGURATION, "base_url": server.url},
        )
        customer = {"name": "Sample Payer", "email": "payer@example.com"}
        order = PaymentOrder(
            amount="12.50",
            currency="AED",
            reference="order-1",
            customer=customer,
            success_url="https://shop.example/ok",
        )
        yield Page(books, create_payment(connection.organization, order))
    access_tokens._kept.clear()


def test_a_look_finds_it_unpaid(page: Page) -> None:
    synced = sync_payment(page.payment)
    assert (synced.status, synced.redirect_url) == (S.REQUIRES_ACTION, page.payment.redirect_url)

    page.pay()
    assert sync_payment(page.payment).status == S.CAPTURED


def test_a_payer_who_comes_back_too_early_waits(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="integrations.operations"):
        answer = Client().get(f"/pay/{page.payment.pk}/return/")
    assert (answer.status_code, page.now().status) == (200, S.REQUIRES_ACTION)
    assert not caplog.records


def test_it_is_not_missing_while_it_can_be_paid(page: Page) -> None:
    Payment.objects.filter(pk=page.payment.pk).update(next_look_at=timezone.now() - timedelta(seconds=1))
    assert reconcile_due_payments() == 1

    looked = page.now()
    assert (looked.status, looked.difference, looked.looks) == (S.REQUIRES_ACTION, "", 1)
    assert looked.next_look_at > timezone.now()


def test_it_expires_when_its_time_is_over_and_is_not_missing_after_that(page: Page) -> None:
    page.grow_old()
    for _ in range(3):
        looked = reconcile_payment(page.now())
        assert (looked.status, looked.failure_code, looked.difference) == (S.FAILED, "expired", "")

    page.pay()
    assert sync_payment(page.payment).status == S.CAPTURED


def test_a_mark_from_before_is_taken_off(page: Page) -> None:
    Payment.objects.filter(pk=page.payment.pk).update(difference="missing", difference_seen_at=timezone.now())
    looked = reconcile_payment(page.now())
    assert (looked.difference, looked.difference_seen_at) == ("", None)


def test_a_void_of_it_that_nobody_shows_is_closed(page: Page) -> None:
    void = PaymentOperation.objects.create(
        organization_id=page.payment.organization_id, payment=page.payment, kind=PaymentOperation.Kind.VOID
    )
    sync_payment(page.payment)
    void.refresh_from_db()
    assert void.status == PaymentOperation.Status.PENDING

    PaymentOperation.objects.filter(pk=void.pk).update(created_at=timezone.now() - timedelta(minutes=11))
    sync_payment(page.payment)
    void.refresh_from_db()
    assert (void.status, void.error_code) == (PaymentOperation.Status.FAILED, "no_effect")


@pytest.mark.parametrize("status", [S.AUTHORISED, S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED, S.DISPUTED])
def test_what_was_authorised_or_paid_is_missing_where_it_is_not_found(page: Page, status: str) -> None:
    captured = 0 if status == S.AUTHORISED else page.payment.amount
    Payment.objects.filter(pk=page.payment.pk).update(status=status, amount_captured=captured)
    with pytest.raises(Rejected):
        sync_payment(page.payment)
    looked = reconcile_payment(page.now())
    assert (looked.status, looked.difference) == (status, "missing")
