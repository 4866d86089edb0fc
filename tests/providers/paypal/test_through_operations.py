"""PayPal through the operations: what its payers agree to is taken once, whoever looks, and however often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database

from integrations.errors import (
    Conflict,
    ConnectionNotReady,
    IntegrationError,
    InvalidRequest,
    InvalidResponse,
)
from integrations.models import Connection, Payment, PaymentOperation
from integrations.operations.looks import MustAsk
from integrations.operations.payment_events import look_at_payment
from integrations.operations.payment_reconciliation import reconcile_payment
from integrations.operations.payments import (
    apply_event,
    capture_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from integrations.providers.events import NormalizedEvent, Trust
from integrations.providers.payment.paypal import PayPal
from tests.wire import WireAnswer, WireRequest

from .books import payments
from .far_end import Create, Far, S, told

pytestmark = pytest.mark.django_db(transaction=True)


def normalized(payload: dict[str, Any]) -> NormalizedEvent:
    return PayPal().parse_events(payload, {})[0]


def test_a_payer_who_comes_back_has_paid(create: Create, far: Far) -> None:
    payment = create()
    assert (payment.status, payment.amount_captured) == (S.REQUIRES_ACTION, 0)
    assert "checkoutnow" in payment.redirect_url
    assert sync_payment(payment).status == S.REQUIRES_ACTION

    far.books.approve(payment.provider_reference)
    paid = sync_payment(payment)
    assert (paid.status, paid.amount_captured, paid.fee) == (S.CAPTURED, Decimal("12.50"), Decimal("0.50"))
    assert (paid.method, far.keys("/capture")) == ("paypal", [payment.provider_reference])


def test_an_authorisation_is_captured_and_refunded(create: Create, far: Far) -> None:
    payment = create(capture=False)
    far.books.approve(payment.provider_reference)
    held = sync_payment(payment)
    assert (held.status, held.amount_captured) == (S.AUTHORISED, 0)

    assert capture_payment(held, amount="10.00").amount_captured == Decimal("10.00")
    assert refund_payment(held, amount="4.00").status == S.PARTIALLY_REFUNDED
    with pytest.raises(InvalidRequest):
        refund_payment(held, amount="6.01")
    refunded = refund_payment(held)
    assert (refunded.status, refunded.amount_refunded) == (S.REFUNDED, Decimal("10.00"))


def test_an_authorisation_is_voided(create: Create, far: Far) -> None:
    payment = create(capture=False)
    far.books.approve(payment.provider_reference)
    assert void_payment(sync_payment(payment)).status == S.CANCELLED


def test_a_completion_whose_answer_was_lost_is_made_once(agreed: Payment, far: Far) -> None:
    far.wire.lose_answers = True
    with pytest.raises(IntegrationError):
        sync_payment(agreed)
    agreed.refresh_from_db()
    assert agreed.status == S.REQUIRES_ACTION

    far.wire.lose_answers = False
    assert sync_payment(agreed).status == S.CAPTURED
    assert (far.wire.done["capture"], len(set(far.keys("/capture")))) == (1, 1)


def test_a_completion_that_was_refused_for_the_moment_is_asked_for_again(agreed: Payment, far: Far) -> None:
    """It may or may not have been done: the same key goes out until an answer is written down."""
    down = WireAnswer(503, {"name": "SERVICE_UNAVAILABLE"})
    far.wire.override = lambda request: down if request.path.endswith("/capture") else None
    with pytest.raises(IntegrationError):
        sync_payment(agreed)
    far.wire.override = lambda request: None

    assert sync_payment(agreed).status == S.CAPTURED
    assert set(far.keys("/capture")) == {agreed.provider_reference}


def test_a_process_that_dies_between_the_capture_and_the_commit_loses_nothing(
    agreed: Payment, connection: Connection, far: Far
) -> None:
    event = normalized(told("CHECKOUT.ORDER.APPROVED", agreed))
    look_at_payment(connection, MustAsk(event, agreed.updated_at, agreed.provider_reference))  # and then no more
    agreed.refresh_from_db()
    assert (agreed.status, far.wire.done["capture"]) == (S.REQUIRES_ACTION, 1)

    applied = apply_event(connection, event, trust=Trust.SHARED_SECRET)
    assert applied is not None
    assert (applied.status, applied.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert far.wire.done["capture"] == 1


class Forgetful(dict[Any, Any]):
    """Of a PayPal that knows no key again."""

    def __contains__(self, key: object) -> bool:
        return False


@pytest.mark.parametrize("knows_keys", [True, False])
def test_twins_that_look_at_once_take_the_money_once(
    agreed: Payment, connection: Connection, far: Far, knows_keys: bool
) -> None:
    far.wire.answered = {} if knows_keys else Forgetful()
    both_have_looked = threading.Barrier(2, timeout=10)

    def wait_for_the_other(request: WireRequest) -> WireAnswer | None:
        if request.path.endswith("/capture"):
            both_have_looked.wait()
        return None

    far.wire.override = wait_for_the_other
    event = normalized(told("CHECKOUT.ORDER.APPROVED", agreed))

    def look(way: str) -> str:
        try:
            if way == "return":
                return str(sync_payment(agreed).status)
            applied = apply_event(connection, event, trust=Trust.SHARED_SECRET)
            return str(applied.status) if applied else ""
        finally:
            database.close()

    with ThreadPoolExecutor(2) as twins:
        seen = list(twins.map(look, ("return", "event")))
    agreed.refresh_from_db()
    assert (seen, agreed.amount_captured) == (["captured", "captured"], Decimal("12.50"))
    assert (far.wire.done["capture"], len(far.keys("/capture"))) == (1, 2)
    assert len(payments(far.books.order(agreed.provider_reference))["captures"]) == 1


def test_a_decline_is_told_and_another_try_is_another_capture(agreed: Payment, far: Far) -> None:
    far.books.declines = "INSTRUMENT_DECLINED"
    declined = sync_payment(agreed)
    assert (declined.status, declined.failure_code) == (S.FAILED, "INSTRUMENT_DECLINED")

    far.books.declines = ""
    paid = sync_payment(declined)
    assert (paid.status, paid.failure_code, paid.amount_captured) == (S.CAPTURED, "", Decimal("12.50"))
    assert len(set(far.keys("/capture"))) == 2


def test_a_payment_that_was_given_up_is_never_taken(create: Create, connection: Connection, far: Far) -> None:
    payment = void_payment(create())
    assert payment.status == S.CANCELLED
    far.books.approve(payment.provider_reference)

    sync_payment(payment)
    apply_event(connection, normalized(told("CHECKOUT.ORDER.APPROVED", payment)), trust=Trust.SHARED_SECRET)
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured, payment.difference) == (S.CANCELLED, 0, "")
    assert "capture" not in far.wire.done


def test_while_a_void_is_under_way_nothing_is_taken(agreed: Payment, far: Far) -> None:
    void = PaymentOperation.objects.create(
        organization_id=agreed.organization_id, payment=agreed, kind=PaymentOperation.Kind.VOID
    )
    assert sync_payment(agreed).status == S.PENDING
    assert "capture" not in far.wire.done

    void.status = PaymentOperation.Status.FAILED
    void.save()
    assert sync_payment(agreed).status == S.CAPTURED


def test_what_a_payer_has_agreed_to_is_voided_no_more(agreed: Payment, far: Far) -> None:
    with pytest.raises(Conflict):
        void_payment(agreed)
    assert sync_payment(agreed).status == S.CAPTURED


def ordered_long_ago(payment: Payment) -> Payment:
    long_ago = payment.created_at - timedelta(hours=4)
    Payment.objects.filter(pk=payment.pk).update(created_at=long_ago, next_look_at=long_ago)
    return Payment.objects.get(pk=payment.pk)


def test_a_payer_who_comes_too_late_is_not_charged(create: Create, far: Far) -> None:
    payment = ordered_long_ago(create())
    expired = reconcile_payment(payment)
    assert (expired.status, expired.failure_code) == (S.CANCELLED, "expired")

    far.books.approve(payment.provider_reference)
    assert sync_payment(payment).status == S.CANCELLED
    assert "capture" not in far.wire.done


def test_what_a_payer_agreed_to_in_time_is_taken_when_it_is_looked_at(agreed: Payment) -> None:
    """Nobody came back, and no event came."""
    assert reconcile_payment(ordered_long_ago(agreed)).status == S.CAPTURED


def test_an_order_that_paypal_has_forgotten_unpaid_has_expired(create: Create, far: Far) -> None:
    payment = ordered_long_ago(create())
    far.books.orders.clear()

    expired = reconcile_payment(payment)
    assert (expired.status, expired.failure_code, expired.difference) == (S.FAILED, "expired", "")


def test_an_order_that_was_paid_and_is_gone_is_for_a_person_to_look_at(agreed: Payment, far: Far) -> None:
    paid = sync_payment(agreed)
    far.books.orders.clear()
    assert reconcile_payment(ordered_long_ago(paid)).difference == "missing"


def test_an_order_that_is_gone_before_its_time_is_unpaid(create: Create, far: Far) -> None:
    payment = create()
    far.books.orders.clear()
    looked = reconcile_payment(payment)
    assert (looked.status, looked.difference) == (S.REQUIRES_ACTION, "")


def test_a_payment_that_has_expired_is_not_taken_after_all(agreed: Payment, far: Far) -> None:
    Payment.objects.filter(pk=agreed.pk).update(status=S.FAILED, failure_code="expired")
    for _ in range(3):
        assert sync_payment(agreed).amount_captured == 0
    assert "capture" not in far.wire.done


def test_another_amount_than_was_ordered_is_not_taken(agreed: Payment, far: Far) -> None:
    far.books.order(agreed.provider_reference)["purchase_units"][0]["amount"]["value"] = "1.00"
    with pytest.raises(InvalidResponse, match="another amount"):
        sync_payment(agreed)
    assert "capture" not in far.wire.done


def test_a_connection_that_was_switched_off_takes_nothing(agreed: Payment, connection: Connection, far: Far) -> None:
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.INACTIVE)
    with pytest.raises(ConnectionNotReady):
        sync_payment(agreed)
    assert "capture" not in far.wire.done


def test_a_refund_made_in_the_dashboard_is_found_by_our_id(agreed: Payment, connection: Connection, far: Far) -> None:
    sync_payment(agreed)
    (capture,) = payments(far.books.order(agreed.provider_reference))["captures"]
    refund = far.books.refund(capture["id"], {"amount": {"currency_code": "USD", "value": "5.00"}})
    event = told("PAYMENT.CAPTURE.REFUNDED", agreed, **{**refund, "custom_id": str(agreed.pk)})

    applied = apply_event(connection, normalized(event), trust=Trust.SHARED_SECRET)
    assert applied is not None
    assert (applied.status, applied.amount_refunded) == (S.PARTIALLY_REFUNDED, Decimal("5.00"))


def test_an_order_whose_creation_was_not_answered_is_completed_when_it_is_told_of(
    create: Create, connection: Connection, far: Far
) -> None:
    far.wire.lose_answers = True
    payment = create()
    assert (payment.status, payment.provider_reference) == (S.PENDING, "")
    far.wire.lose_answers = False
    (reference,) = far.books.orders
    far.books.approve(reference)

    resource = {"id": reference, "purchase_units": [{"custom_id": str(payment.pk)}]}
    event = normalized(told("CHECKOUT.ORDER.APPROVED", payment, **resource))
    applied = apply_event(connection, event, trust=Trust.SHARED_SECRET)
    assert applied is not None
    assert (applied.status, applied.provider_reference) == (S.CAPTURED, reference)


def test_an_order_whose_creation_was_not_answered_is_made_once(create: Create, far: Far) -> None:
    far.wire.lose_answers = True
    payment = create()
    far.wire.lose_answers = False

    assert sync_payment(payment).status == S.REQUIRES_ACTION
    assert (len(far.books.orders), len(set(far.keys("/orders")))) == (1, 1)


def test_dirhams_are_not_for_paypal(create: Create, far: Far) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create(currency="AED")
    assert (refused.value.field, far.server.requests) == ("currency", [])


def test_the_access_token_is_fetched_once_for_many_calls(agreed: Payment, far: Far) -> None:
    sync_payment(agreed)
    assert len([sent for sent in far.server.requests if sent.path == "/v1/oauth2/token"]) == 1
