from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import Conflict, IntegrationError, InvalidRequest
from integrations.models import Organization, Payment, PaymentMovement
from integrations.operations.cash_on_delivery import Collection, settle_cash_on_delivery
from integrations.operations.offline_receipts import confirm_payment
from integrations.operations.payment_reconciliation import reconcile_due_payments
from monitoring.models import AuditLog, CallLog
from tests.factories import OrganizationFactory

from .offline import again, at_once, bank, came, cash, courier, due, standing, today, transfer

S, D = Payment.Status, Payment.Difference


@pytest.fixture
def payment(organization: Organization) -> Payment:
    courier(organization, fee="5.00")
    return cash(organization)


def collected(amount: str = "100.00", reference: str = "AWB-1", **fields: Any) -> Collection:
    told = {"currency": "AED", "courier_reference": reference, "collected_on": today(), **fields}
    return Collection(collected=amount, **told)


def settle(payment: Payment, *args: Any, **fields: Any) -> Payment | None:
    return settle_cash_on_delivery(payment.organization, collected(*args, **fields), reference=payment.reference)


def test_it_is_owed_while_the_order_is_on_its_way(payment: Payment) -> None:
    assert (payment.status, payment.method, payment.amount_captured) == (S.PENDING, "cod", 0)
    assert not CallLog.objects.exists()


def test_an_order_that_the_courier_does_not_serve_is_not_taken(organization: Organization) -> None:
    courier(organization, max_amount="50")
    with pytest.raises(InvalidRequest, match="up to 50 AED"):
        cash(organization)
    assert not Payment.objects.exists()


def test_the_next_courier_takes_what_the_first_does_not(organization: Organization) -> None:
    courier(organization, max_amount="50")
    other = courier(organization, min_amount="50")
    assert cash(organization).connection == other


def test_what_was_collected_settles_it_once(payment: Payment) -> None:
    for _ in range(3):
        settle(payment)
    settled = again(payment)
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert (settled.fee, settled.fee_currency) == (Decimal(5), "AED")
    assert PaymentMovement.objects.filter(kind="capture").count() == 1
    assert AuditLog.objects.filter(action="payment.confirmed").count() == 1


def test_what_the_courier_keeps_may_be_told_with_the_money(payment: Payment) -> None:
    settle(payment, fee=Decimal("7.50"))
    assert again(payment).fee == Decimal("7.50")


def test_a_part_settles_it_and_is_marked(payment: Payment) -> None:
    settle(payment, "60.00")
    assert standing(payment) == (S.CAPTURED, "60.00", D.UNDERPAID)


def test_more_is_marked_too(payment: Payment) -> None:
    settle(payment, "101.00")
    assert standing(payment) == (S.CAPTURED, "100.00", D.OVERPAID)


def test_a_refusal_at_the_door_cancels_it_once(payment: Payment) -> None:
    for _ in range(2):
        settle(payment, "0.00")
    assert standing(payment) == (S.CANCELLED, "0.00", "")
    assert again(payment).failure_message == "Refused at the door."
    assert payment.operations.filter(kind="void").count() == 1


def test_money_for_a_refused_parcel_is_marked(payment: Payment) -> None:
    settle(payment, "0")
    settle(payment)
    assert standing(payment) == (S.CANCELLED, "0.00", D.PAID_AFTER_END)


def test_a_refusal_after_the_money_has_come_is_not_believed(payment: Payment) -> None:
    settle(payment)
    with pytest.raises(Conflict):
        settle(payment, "0", "AWB-2")
    assert standing(payment)[0] == S.CAPTURED


def test_one_parcel_is_paid_for_once_whoever_tells_it(payment: Payment) -> None:
    """Staff have confirmed by hand what the courier's remittance then tells under a reference of its own."""
    confirm_payment(payment, came(reference="by hand"))
    settle(payment)
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    told = list(payment.operations.filter(kind="capture").order_by("pk").values_list("status", "amount"))
    assert told == [("succeeded", Decimal(100)), ("cancelled", Decimal(100))]


def test_a_remittance_that_differs_from_the_collection_is_marked(payment: Payment) -> None:
    settle(payment)
    settle(payment, "90.00", "REMITTANCE-7")
    assert standing(payment) == (S.CAPTURED, "100.00", D.CAPTURED)


def test_one_remittance_may_name_many_parcels(organization: Organization) -> None:
    courier(organization)
    one, other = cash(organization, reference="a"), cash(organization, reference="b")
    for payment in (one, other):
        settle(payment, reference="ROUND-1")
    assert {again(one).status, again(other).status} == {S.CAPTURED}


def test_a_payment_may_be_named_by_itself(payment: Payment) -> None:
    settle_cash_on_delivery(payment.organization, collected(), payment=payment)
    assert standing(payment)[0] == S.CAPTURED


def test_of_an_order_that_was_tried_twice_the_open_payment_is_settled(organization: Organization) -> None:
    courier(organization)
    first = cash(organization)
    settle(first, "0")
    second = cash(organization)
    settle(second)
    assert (again(first).status, again(second).status) == (S.CANCELLED, S.CAPTURED)


def test_between_two_open_payments_nobody_guesses(organization: Organization) -> None:
    courier(organization)
    first, second = cash(organization), cash(organization)
    with pytest.raises(Conflict):
        settle(first)
    assert {again(first).status, again(second).status} == {S.PENDING}


def test_another_organization_s_order_of_that_name_is_left_alone(payment: Payment) -> None:
    other = OrganizationFactory()
    assert settle_cash_on_delivery(other, collected(), reference=payment.reference) is None
    assert settle_cash_on_delivery(other, collected(), payment=payment) is None
    assert standing(payment)[0] == S.PENDING


def test_a_transfer_is_not_settled_by_a_courier(organization: Organization) -> None:
    bank(organization)
    payment = transfer(organization)
    assert settle(payment) is None
    with pytest.raises(InvalidRequest):
        settle_cash_on_delivery(organization, collected(), payment=payment)


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": "x"},
        {"amount": "-1"},
        {"currency": "USD"},
        {"courier_reference": ""},
        {"collected_on": timezone.localdate() + timedelta(days=3)},
    ],
)
def test_what_cannot_be_changes_nothing(payment: Payment, fields: dict[str, Any]) -> None:
    amount = fields.pop("amount", "100.00")
    with pytest.raises(IntegrationError):
        settle(payment, amount, fields.pop("courier_reference", "AWB-1"), **fields)
    assert standing(payment) == (S.PENDING, "0.00", "")


def test_dinars_have_three_decimals(organization: Organization) -> None:
    courier(organization, currency="KWD", fee="0.5")
    payment = cash(organization, amount="1.255", currency="KWD")
    settle_cash_on_delivery(organization, collected("1.255", currency="KWD"), payment=payment)
    assert (again(payment).amount_captured, again(payment).fee) == (Decimal("1.255"), Decimal("0.5"))


def test_told_by_several_at_once_it_is_settled_once(payment: Payment) -> None:
    at_once(*[lambda: settle(payment)] * 3, lambda: confirm_payment(payment, came(reference="by hand")))
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert PaymentMovement.objects.filter(kind="capture").count() == 1


def test_an_order_that_never_arrives_runs_out_and_can_still_be_settled(payment: Payment) -> None:
    due(payment, days=61)
    reconcile_due_payments()
    assert standing(payment)[0] == S.FAILED
    settle(payment)
    assert standing(payment) == (S.CAPTURED, "100.00", "")
