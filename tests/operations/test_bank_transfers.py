"""Bank transfers: set up, awaited, confirmed, refused, run out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import ConfigurationError, Conflict, IntegrationError, InvalidRequest, NotSupported
from integrations.models import Connection, Organization, Payment, PaymentMovement, PaymentRoute
from integrations.operations.connections import activate_connection, create_and_activate, update_connection
from integrations.operations.connections import test_connection as try_connection
from integrations.operations.offline_receipts import confirm_payment, refuse_payment
from integrations.operations.payment_reconciliation import reconcile_due_payments
from integrations.operations.payment_recovery import abandoned_payments
from integrations.operations.payments import PaymentOrder, create_payment, sync_payment, void_payment
from monitoring.health import check_connection
from monitoring.models import CallLog
from tests.factories import ConnectionFactory, catalogue_row
from tests.providers.bank_transfer.wire import CONFIGURATION

from .offline import actions, again, at_once, bank, came, due, standing, transfer
from .stripe_wire import StripeWire, connect

S, D = Payment.Status, Payment.Difference


@pytest.fixture
def payment(organization: Organization) -> Payment:
    bank(organization)
    return transfer(organization)


def test_it_is_set_up_without_a_credential_and_without_a_call(organization: Organization) -> None:
    catalogue_row("bank_transfer")
    connection = create_and_activate(
        organization,
        provider_slug="bank_transfer",
        connection_name="Our account",
        environment="production",
        configuration=CONFIGURATION,
        credentials={},
    )
    assert connection.status == Connection.Status.ACTIVE
    assert (connection.configuration["currency"], connection.configuration["payment_days"]) == ("AED", 7)
    assert try_connection(connection).ok
    for _ in range(3):
        check_connection(connection)
    assert connection.health_status == Connection.Health.HEALTHY
    assert not CallLog.objects.exists()


def test_an_iban_with_a_slip_is_refused_when_it_is_changed_too(organization: Organization) -> None:
    connection = bank(organization)
    with pytest.raises(InvalidRequest):
        update_connection(connection, configuration={**CONFIGURATION, "iban": "AE08 0331 2345 6789 0123 456"})
    with pytest.raises(InvalidRequest):
        create_and_activate(
            organization,
            provider_slug="bank_transfer",
            connection_name="Other",
            environment="production",
            configuration={**CONFIGURATION, "iban": "AE080331234567890123456"},
            credentials={},
        )


def test_a_payment_waits_for_its_transfer(payment: Payment, settings: Any) -> None:
    assert (payment.status, payment.method) == (S.REQUIRES_ACTION, "bank_transfer")
    assert payment.redirect_url == f"{settings.PUBLIC_URL}/pay/{payment.pk}/instructions/"
    assert not abandoned_payments().exists()
    assert not CallLog.objects.exists()


def test_the_same_order_is_one_payment(organization: Organization) -> None:
    bank(organization)
    order = PaymentOrder(amount="5.00", currency="AED", reference="o", method="bank_transfer")
    first, second = (create_payment(organization, order, idempotency_key="k") for _ in range(2))
    assert first.pk == second.pk


def test_a_process_that_died_leaves_nothing_open(payment: Payment) -> None:
    reference = payment.provider_reference
    long_ago = timezone.now() - timedelta(hours=1)
    Payment.objects.filter(pk=payment.pk).update(
        status=S.PENDING, provider_reference="", redirect_url="", updated_at=long_ago
    )
    assert sync_payment(payment).provider_reference == reference


def test_nobody_is_asked_how_it_stands(payment: Payment) -> None:
    with pytest.raises(NotSupported):
        sync_payment(payment)


def test_an_order_for_a_gateway_is_not_answered_with_a_bank_account(
    organization: Organization, wire: StripeWire
) -> None:
    account = bank(organization)
    order = PaymentOrder(amount="5.00", currency="AED", reference="o")
    with pytest.raises(ConfigurationError):
        create_payment(organization, order)
    stripe = connect(organization, wire)
    assert create_payment(organization, order).connection == stripe
    large = PaymentOrder(amount="5000.00", currency="AED", reference="o")
    PaymentRoute.objects.create(
        organization=organization, name="Large", connection=account, currency="AED", min_amount="1000"
    )
    assert create_payment(organization, large).connection == account
    assert create_payment(organization, order).connection == stripe
    Connection.objects.filter(pk=account.pk).update(is_primary=True)
    assert create_payment(organization, order).connection == account, "a person has put it first"


def test_an_account_in_another_currency_is_passed_over(organization: Organization) -> None:
    bank(organization, currency="USD")
    dirhams = bank(organization)
    assert transfer(organization).connection == dirhams
    with pytest.raises(IntegrationError):
        transfer(organization, currency="KWD", amount="1.250")


def test_nothing_is_authorised_for_later(organization: Organization) -> None:
    bank(organization)
    with pytest.raises(ConfigurationError):
        transfer(organization, capture=False)


def test_what_has_arrived_is_confirmed_once(payment: Payment) -> None:
    for _ in range(2):
        confirm_payment(payment, came())
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    receipt = payment.operations.get(kind="capture")
    assert (receipt.provider_reference, receipt.status) == ("FT26001", "succeeded")
    assert PaymentMovement.objects.get().amount == 100
    assert actions().count("payment.confirmed") == 1


def test_spaces_around_a_reference_do_not_make_another_of_it(payment: Payment) -> None:
    confirm_payment(payment, came(reference="FT 26001"))
    confirm_payment(payment, came(reference="  FT  26001 "))
    assert payment.operations.filter(kind="capture").count() == 1


def test_a_part_leaves_it_open_until_the_rest_has_come(payment: Payment) -> None:
    confirm_payment(payment, came("60.00", "FT1"))
    assert standing(payment) == (S.REQUIRES_ACTION, "60.00", D.UNDERPAID)
    confirm_payment(payment, came("40.00", "FT2"))
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert sum(PaymentMovement.objects.values_list("amount", flat=True)) == 100


def test_a_part_may_be_taken_as_all_of_it_then_or_later(organization: Organization) -> None:
    bank(organization)
    one, other = transfer(organization), transfer(organization)
    confirm_payment(one, came("99.00", "FT1", settles=True))
    assert standing(one) == (S.CAPTURED, "99.00", D.UNDERPAID)
    confirm_payment(other, came("98.00", "FT2"))
    confirm_payment(other, came("98.00", "FT2", settles=True))
    assert standing(other) == (S.CAPTURED, "98.00", D.UNDERPAID)
    assert actions().count("payment.settled") == 1


def test_more_than_was_ordered_is_marked_and_not_taken_for_the_payment_s(payment: Payment) -> None:
    confirm_payment(payment, came("150.00"))
    assert standing(payment) == (S.CAPTURED, "100.00", D.OVERPAID)
    assert payment.operations.get(kind="capture").amount == 150


def test_a_payer_who_transfers_twice_is_noticed(payment: Payment) -> None:
    confirm_payment(payment, came(reference="FT1"))
    confirm_payment(payment, came(reference="FT2"))
    assert standing(payment) == (S.CAPTURED, "100.00", D.OVERPAID)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "USD"}, "currency"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"reference": "  "}, "reference"),
        ({"reference": "x" * 101}, "reference"),
        ({"reference": "4242 4242 4242 4242"}, "reference"),
        ({"reference": "a\x00b"}, "reference"),
        ({"received_on": timezone.localdate() + timedelta(days=2)}, "received_on"),
        ({"received_on": timezone.localdate() - timedelta(days=9999)}, "received_on"),
    ],
)
def test_a_receipt_that_cannot_be_changes_nothing(payment: Payment, change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        confirm_payment(payment, came(**change))
    assert refusal.value.field == field
    assert standing(payment) == (S.REQUIRES_ACTION, "0.00", "")


def test_one_bank_reference_is_one_amount_of_one_payment(organization: Organization) -> None:
    bank(organization)
    one, other = transfer(organization), transfer(organization)
    confirm_payment(one, came())
    with pytest.raises(Conflict):
        confirm_payment(one, came("50.00"))
    with pytest.raises(Conflict):
        confirm_payment(other, came())
    assert standing(other)[0] == S.REQUIRES_ACTION


def test_two_who_confirm_at_once_confirm_once(payment: Payment) -> None:
    results = at_once(*[lambda: confirm_payment(payment, came())] * 4)
    assert {result.status for result in results} == {S.CAPTURED}
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert payment.operations.filter(kind="capture").count() == 1
    assert sum(PaymentMovement.objects.values_list("amount", flat=True)) == 100


def test_one_reference_for_two_payments_at_once_confirms_one_of_them(organization: Organization) -> None:
    bank(organization)
    one, other = transfer(organization), transfer(organization)
    results = at_once(lambda: confirm_payment(one, came()), lambda: confirm_payment(other, came()))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Payment"]


def test_who_refuses_and_who_confirms_at_once_agree_in_the_end(payment: Payment) -> None:
    at_once(lambda: confirm_payment(payment, came()), lambda: refuse_payment(payment, reason="Nothing came"))
    told = standing(payment)
    assert told in {(S.CAPTURED, "100.00", ""), (S.CANCELLED, "0.00", D.PAID_AFTER_END)}


def test_a_gateway_s_payment_is_not_confirmed_by_hand(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, PaymentOrder(amount="5.00", currency="AED", reference="o"))
    for act in (lambda: confirm_payment(payment, came()), lambda: refuse_payment(payment, reason="x")):
        with pytest.raises(NotSupported):
            act()
    assert again(payment).status == S.REQUIRES_ACTION


def test_what_was_refused_is_cancelled_and_money_that_comes_after_is_marked(payment: Payment) -> None:
    for _ in range(2):
        refuse_payment(payment, reason="Nothing has come")
    assert standing(payment) == (S.CANCELLED, "0.00", "")
    assert again(payment).failure_message == "Nothing has come"
    confirm_payment(payment, came())
    assert standing(payment) == (S.CANCELLED, "0.00", D.PAID_AFTER_END)
    assert payment.operations.get(kind="capture").amount == 100
    assert actions().count("payment.refused") == 1


def test_nothing_is_cancelled_of_which_money_has_come(payment: Payment) -> None:
    confirm_payment(payment, came("60.00"))
    with pytest.raises(Conflict):
        refuse_payment(payment, reason="Too little")
    with pytest.raises(Conflict):
        void_payment(payment)
    assert standing(payment) == (S.REQUIRES_ACTION, "60.00", D.UNDERPAID)


def test_it_can_be_voided_like_any_other(payment: Payment) -> None:
    assert void_payment(payment).status == S.CANCELLED
    assert not CallLog.objects.exists()


def test_its_time_runs_out_and_late_money_still_counts(payment: Payment) -> None:
    due(payment, days=6)
    reconcile_due_payments()
    assert standing(payment)[0] == S.REQUIRES_ACTION
    assert again(payment).next_look_at is not None
    due(payment, days=8)
    reconcile_due_payments()
    assert (again(payment).status, again(payment).failure_code) == (S.FAILED, "expired")
    confirm_payment(payment, came())
    assert standing(payment) == (S.CAPTURED, "100.00", "")
    assert again(payment).failure_code == ""


def test_the_time_is_the_connection_s(organization: Organization) -> None:
    bank(organization, payment_days=30)
    payment = transfer(organization)
    due(payment, days=29)
    reconcile_due_payments()
    assert standing(payment)[0] == S.REQUIRES_ACTION


def test_one_of_which_a_part_has_come_does_not_run_out_by_itself(payment: Payment) -> None:
    confirm_payment(payment, came("60.00"))
    due(payment, days=300)
    reconcile_due_payments()
    assert standing(payment) == (S.REQUIRES_ACTION, "60.00", D.UNDERPAID)


def test_a_part_that_comes_late_opens_it_again(payment: Payment) -> None:
    due(payment, days=8)
    reconcile_due_payments()
    confirm_payment(payment, came("60.00"))
    assert standing(payment) == (S.REQUIRES_ACTION, "60.00", D.UNDERPAID)


def test_a_mark_stays_when_its_day_of_looking_comes(payment: Payment) -> None:
    confirm_payment(payment, came("150.00"))
    due(payment, days=2)
    reconcile_due_payments()
    assert standing(payment) == (S.CAPTURED, "100.00", D.OVERPAID)
    assert again(payment).next_look_at is None


def test_a_switched_off_connection_still_takes_what_has_arrived(payment: Payment) -> None:
    Connection.objects.update(status=Connection.Status.INACTIVE)
    confirm_payment(payment, came())
    assert standing(payment)[0] == S.CAPTURED


def test_a_connection_that_failed_is_switched_on_again_by_itself(organization: Organization) -> None:
    connection = ConnectionFactory(
        organization=organization, slug="bank_transfer", status="error", configuration=CONFIGURATION
    )
    assert activate_connection(connection).status == Connection.Status.ACTIVE


def test_the_account_in_the_order_s_currency_is_the_one_that_is_paid_to(organization: Organization) -> None:
    bank(organization)
    riyals = bank(organization, currency="SAR")
    assert transfer(organization, currency="SAR").connection == riyals
    with pytest.raises(ConfigurationError, match="serves currency USD, method bank_transfer"):
        transfer(organization, currency="USD", reference="order-2")
