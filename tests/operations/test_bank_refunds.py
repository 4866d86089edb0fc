"""Refunds of bank transfers, which somebody pays and writes down."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Organization, Payment, PaymentOperation
from integrations.operations.offline_receipts import confirm_payment
from integrations.operations.offline_refunds import Repayment, drop_refund, record_refund
from integrations.operations.payments import refund_payment
from tests.factories import OrganizationFactory

from .offline import actions, again, at_once, bank, came, transfer

S = Payment.Status


@pytest.fixture
def payment(organization: Organization) -> Payment:
    bank(organization)
    return transfer(organization)


@pytest.fixture
def refunded(payment: Payment) -> PaymentOperation:
    confirm_payment(payment, came())
    refund_payment(payment, amount="30.00", reason="Returned", idempotency_key="r1")
    return payment.operations.get(kind="refund")


def paid_back(**fields: Any) -> Repayment:
    return Repayment(**{"method": "cash", "reference": "R-1", "paid_on": timezone.localdate(), **fields})


def test_a_refund_is_paid_by_nobody_until_somebody_has_paid_it(payment: Payment, refunded: PaymentOperation) -> None:
    assert refunded.status == "pending"
    assert (again(payment).status, again(payment).amount_refunded) == (S.CAPTURED, 0)
    with pytest.raises(InvalidRequest):
        refund_payment(payment, amount="70.01")
    for _ in range(2):
        record_refund(payment, refunded.pk, paid_back())
    assert (again(payment).status, again(payment).amount_refunded) == (S.PARTIALLY_REFUNDED, Decimal(30))
    refunded.refresh_from_db()
    assert refunded.raw == {"reason": "Returned", "method": "cash", "paid_on": timezone.localdate().isoformat()}
    assert actions().count("payment.refund_recorded") == 1


def test_all_of_it_in_two_refunds_is_refunded(payment: Payment, refunded: PaymentOperation) -> None:
    record_refund(payment, refunded.pk, paid_back())
    refund_payment(payment)
    rest = payment.operations.get(kind="refund", status="pending")
    assert rest.amount == 70
    record_refund(payment, rest.pk, paid_back(reference="R-2"))
    assert again(payment).status == S.REFUNDED


def test_a_refund_that_will_not_be_paid_lets_go_of_its_amount(payment: Payment, refunded: PaymentOperation) -> None:
    for _ in range(2):
        drop_refund(payment, refunded.pk)
    with pytest.raises(Conflict):
        record_refund(payment, refunded.pk, paid_back())
    refund_payment(payment, amount="100.00")
    assert actions().count("payment.refund_dropped") == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "wish"},
        {"reference": ""},
        {"reference": "card 4242424242424242"},
        {"paid_on": timezone.localdate() + timedelta(days=2)},
    ],
)
def test_how_it_was_paid_is_told_in_full(payment: Payment, refunded: PaymentOperation, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        record_refund(payment, refunded.pk, paid_back(**fields))


def test_two_who_write_down_a_refund_at_once_write_one(payment: Payment, refunded: PaymentOperation) -> None:
    at_once(*[lambda: record_refund(payment, refunded.pk, paid_back())] * 3)
    assert again(payment).amount_refunded == 30


def test_a_refund_is_looked_for_in_its_own_payment(payment: Payment, refunded: PaymentOperation) -> None:
    other = OrganizationFactory()
    bank(other)
    with pytest.raises(InvalidRequest):
        record_refund(transfer(other), refunded.pk, paid_back())
