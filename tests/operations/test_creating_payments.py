from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database

from integrations import circuit
from integrations.admission import admit
from integrations.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    ConnectionNotReady,
    IntegrationError,
    InvalidRequest,
)
from integrations.models import Connection, Organization, Payment, PaymentOperation, PaymentSettings
from integrations.operations.payments import PaymentOrder, create_payment, sync_payment
from tests.factories import ConnectionFactory, OrganizationFactory, RateLimitFactory

from .stripe_wire import StripeWire, connect, declined, fails, stripe_wire

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")


def test_a_payment_is_captured_at_once(organization: Organization, wire: StripeWire) -> None:
    connection = connect(organization, wire)
    payment = create_payment(organization, ORDER)
    assert payment.status == Payment.Status.CAPTURED
    assert payment.amount_captured == Decimal("12.50")
    assert payment.connection == connection
    assert payment.provider_reference in wire.intents
    assert payment.client_secret.reveal() == "pi_sample_secret_not_a_secret"
    assert [attempt["outcome"] for attempt in payment.attempts] == ["accepted"]
    assert payment.operations.get(kind="create").status == PaymentOperation.Status.SUCCEEDED


def test_the_payment_is_committed_before_the_provider_is_called(organization: Organization) -> None:
    seen: list[str] = []

    def look(request: Any) -> None:
        with ThreadPoolExecutor(1) as other_session:
            seen.extend(other_session.submit(_in_own_session, _statuses).result())

    with stripe_wire(look) as wire:
        connect(organization, wire)
        create_payment(organization, ORDER)
    assert seen == ["pending"]


def _statuses() -> list[str]:
    return list(Payment.objects.values_list("status", flat=True))


def _in_own_session(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        database.close()


def test_a_payment_that_the_payer_must_complete_requires_action(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, replace(ORDER, payment_token=""))
    assert payment.status == Payment.Status.REQUIRES_ACTION
    assert payment.amount_captured == 0


def test_a_decline_fails_the_payment_and_is_not_tried_elsewhere(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    with stripe_wire(declined) as first:
        connect(organization, first, is_primary=True)
        payment = create_payment(organization, ORDER)
    assert payment.status == Payment.Status.FAILED
    assert payment.failure_code == "insufficient_funds"
    assert [attempt["outcome"] for attempt in payment.attempts] == ["declined"]
    assert wire.charges == 0


@pytest.mark.parametrize("status", [400, 401])
def test_the_next_connection_takes_what_the_first_refuses(
    organization: Organization, wire: StripeWire, status: int
) -> None:
    second = connect(organization, wire)
    with stripe_wire(fails(status)) as first_wire:
        first = connect(organization, first_wire, is_primary=True)
        payment = create_payment(organization, ORDER)
    assert payment.status == Payment.Status.CAPTURED
    assert payment.connection == second
    tried = [(attempt["connection"], attempt["outcome"]) for attempt in payment.attempts]
    assert tried == [(str(first.pk), "failed"), (str(second.pk), "accepted")]


def test_the_next_connection_takes_what_the_first_is_not_there_for(
    organization: Organization, wire: StripeWire
) -> None:
    second = connect(organization, wire)
    with stripe_wire() as gone:
        pass
    connect(organization, gone, is_primary=True)
    assert create_payment(organization, ORDER).connection == second


def open_the_circuit(connection: Connection) -> None:
    for _ in range(circuit.FAILURES_UNTIL_OPEN):
        circuit.record_failure(connection)


def use_up_the_limit(connection: Connection) -> None:
    RateLimitFactory(connection=connection, limit_type="per_month", max_requests=1)
    admit(connection)


@pytest.mark.parametrize(("hold_back", "why"), [(open_the_circuit, "circuit_open"), (use_up_the_limit, "rate_limited")])
def test_the_next_connection_takes_what_the_first_may_not_be_asked_for(
    organization: Organization, wire: StripeWire, hold_back: Callable[[Connection], None], why: str
) -> None:
    second = connect(organization, wire)
    with stripe_wire() as first_wire:
        first = connect(organization, first_wire, is_primary=True)
        hold_back(first)
        payment = create_payment(organization, ORDER)
        assert first_wire.calls("POST") == []
    assert (payment.status, payment.connection) == (Payment.Status.CAPTURED, second)
    tried = [(one["connection"], one["outcome"], one["code"]) for one in payment.attempts]
    assert tried == [(str(first.pk), "failed", why), (str(second.pk), "accepted", "")]
    assert payment.attempts[0]["message"]


def test_the_next_connection_takes_what_the_first_is_known_to_be_down_for(
    organization: Organization, wire: StripeWire
) -> None:
    second = connect(organization, wire)
    connect(organization, wire, health_status=Connection.Health.DOWN)
    with stripe_wire() as first_wire:
        first = connect(organization, first_wire, is_primary=True, health_status=Connection.Health.DOWN)
        payment = create_payment(organization, ORDER)
        assert first_wire.calls("POST") == []
    tried = [(one["connection"], one["outcome"], one["code"]) for one in payment.attempts]
    assert tried == [(str(first.pk), "skipped", "connection_down"), (str(second.pk), "accepted", "")]


def test_what_may_have_been_taken_is_not_tried_elsewhere(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    with stripe_wire() as first:
        first.lose_answers = True
        connect(organization, first, is_primary=True)
        payment = create_payment(organization, ORDER)
    assert payment.status == Payment.Status.PENDING
    assert [attempt["outcome"] for attempt in payment.attempts] == ["unknown"]
    assert (first.charges, wire.charges) == (1, 0)


def test_a_lost_answer_is_asked_for_again_as_the_same_charge(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    wire.lose_answers = True
    pending = create_payment(organization, ORDER)
    wire.lose_answers = False
    payment = sync_payment(pending)
    assert payment.pk == pending.pk
    assert payment.status == Payment.Status.CAPTURED
    assert wire.charges == 1


def test_a_retry_with_the_same_key_completes_a_lost_answer(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    wire.lose_answers = True
    create_payment(organization, ORDER, idempotency_key="key-1")
    wire.lose_answers = False
    payment = create_payment(organization, ORDER, idempotency_key="key-1")
    assert payment.status == Payment.Status.CAPTURED
    assert (wire.charges, Payment.objects.count()) == (1, 1)


def test_a_repetition_that_is_refused_leaves_the_payment_open(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    wire.lose_answers = True
    pending = create_payment(organization, ORDER)
    wire.override = fails(400)
    assert sync_payment(pending).status == Payment.Status.PENDING


def test_when_every_connection_fails_the_last_error_is_raised_and_the_payment_kept(
    organization: Organization,
) -> None:
    with stripe_wire(fails(401)) as wire:
        connect(organization, wire)
        with pytest.raises(AuthenticationFailed):
            create_payment(organization, ORDER)
    payment = Payment.objects.get()
    assert payment.status == Payment.Status.FAILED
    assert payment.failure_code == "authentication_failed"
    assert payment.operations.get().status == PaymentOperation.Status.FAILED


def test_the_same_order_under_the_same_key_is_the_same_payment(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    first = create_payment(organization, ORDER, idempotency_key="key-1")
    again = create_payment(organization, ORDER, idempotency_key="key-1")
    assert first == again
    assert wire.charges == 1


def test_another_order_under_the_same_key_is_refused(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    create_payment(organization, ORDER, idempotency_key="key-1")
    with pytest.raises(Conflict):
        create_payment(organization, replace(ORDER, amount="12.51"), idempotency_key="key-1")
    assert wire.charges == 1


def test_a_key_keeps_its_payment_when_the_connection_is_there_no_more(
    organization: Organization, wire: StripeWire
) -> None:
    connection = connect(organization, wire)
    first = create_payment(organization, ORDER, idempotency_key="key-1")
    Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.INACTIVE)
    assert create_payment(organization, ORDER, idempotency_key="key-1") == first
    with pytest.raises(Conflict):
        create_payment(organization, replace(ORDER, reference="order-2"), idempotency_key="key-1")
    with pytest.raises(ConfigurationError):
        create_payment(organization, ORDER, idempotency_key="key-2")
    assert Payment.objects.count() == 1


def test_organizations_do_not_share_idempotency_keys(organization: Organization, wire: StripeWire) -> None:
    other = OrganizationFactory()
    connect(organization, wire)
    connect(other, wire)
    keys = {create_payment(owner, ORDER, idempotency_key="key-1").pk for owner in (organization, other)}
    assert len(keys) == 2


def test_twins_at_the_same_moment_make_one_charge(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    barrier = threading.Barrier(4)

    def twin() -> Payment:
        barrier.wait()
        return create_payment(organization, ORDER, idempotency_key="key-1")

    with ThreadPoolExecutor(4) as threads:
        twins = [threads.submit(_in_own_session, twin) for _ in range(4)]
        assert len({one.result().pk for one in twins}) == 1
    assert wire.charges == 1
    assert Payment.objects.get().status == Payment.Status.CAPTURED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "12.505"}, "amount"),
        ({"amount": "-1.00"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"currency": "ABC"}, "currency"),
        ({"reference": " "}, "reference"),
        ({"reference": "a\x00b"}, "reference"),
        ({"reference": "card 4242 4242 4242 4242"}, "reference"),
        ({"payment_token": "4242424242424242"}, "payment_token"),
        ({"metadata": {"note": "378282246310005"}}, "metadata"),
        ({"metadata": {"5555-5555-5555-4444": "x"}}, "metadata"),
        ({"customer": {"name": "6011111111111117"}}, "customer"),
        ({"customer": {"card": "x"}}, "customer"),
        ({"metadata": {"depth": {"more": "x"}}}, "metadata"),
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"country": "Dubai"}, "country"),
        ({"connection_id": "nonsense"}, "connection"),
    ],
)
def test_an_order_that_cannot_be_is_refused_and_leaves_nothing(
    organization: Organization, wire: StripeWire, change: dict[str, Any], field: str
) -> None:
    connect(organization, wire)
    with pytest.raises(InvalidRequest) as refusal:
        create_payment(organization, replace(ORDER, **change))
    assert refusal.value.field == field
    assert "4242" not in refusal.value.message
    assert not Payment.objects.exists()
    assert not wire.calls("POST")


@pytest.mark.parametrize("reference", ["20261120224455123", "order-1700000000000", "+4915112345670", "INV-0042"])
def test_numbers_that_are_no_cards_are_taken(organization: Organization, wire: StripeWire, reference: str) -> None:
    connect(organization, wire)
    assert create_payment(organization, replace(ORDER, reference=reference)).reference == reference


@pytest.mark.parametrize(
    ("amount", "currency", "units"), [("12.50", "AED", "1250"), ("1.250", "KWD", "1250"), ("500", "JPY", "500")]
)
def test_amounts_reach_the_provider_in_its_units(
    organization: Organization, wire: StripeWire, amount: str, currency: str, units: str
) -> None:
    connect(organization, wire)
    create_payment(organization, replace(ORDER, amount=amount, currency=currency))
    assert wire.calls("POST")[0].form["amount"] == units


def test_the_payment_token_is_not_stored_in_the_clear(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    payment = create_payment(organization, ORDER)
    with database.cursor() as cursor:
        cursor.execute("SELECT payments::text || payment_operations::text FROM payments, payment_operations")
        stored = " ".join(text for (text,) in cursor.fetchall())
    assert str(payment.pk) in stored
    assert "pm_card_visa" not in stored
    assert "pi_sample_secret" not in stored


def test_another_organizations_connection_is_unknown(organization: Organization, wire: StripeWire) -> None:
    foreign = connect(OrganizationFactory(), wire)
    with pytest.raises(InvalidRequest, match="no such payment connection"):
        create_payment(organization, replace(ORDER, connection_id=foreign.pk))


def test_a_connection_that_is_not_active_takes_nothing(organization: Organization, wire: StripeWire) -> None:
    pending = connect(organization, wire, status=Connection.Status.PENDING)
    with pytest.raises(ConnectionNotReady):
        create_payment(organization, replace(ORDER, connection_id=pending.pk))
    with pytest.raises(ConfigurationError):
        create_payment(organization, ORDER)
    assert not Payment.objects.exists()


def test_every_error_of_the_family_can_be_shown(organization: Organization) -> None:
    ConnectionFactory(organization=organization)
    with pytest.raises(IntegrationError) as error:
        create_payment(organization, replace(ORDER, country="KP"))
    assert "country KP" in error.value.message


@pytest.mark.parametrize(
    ("auto_capture", "asked", "status"),
    [(True, None, "captured"), (False, None, "authorised"), (False, True, "captured"), (True, False, "authorised")],
)
def test_an_order_that_does_not_say_is_captured_as_the_connection_s_settings_have_it(
    organization: Organization, wire: StripeWire, auto_capture: bool, asked: bool | None, status: str
) -> None:
    connection = connect(organization, wire)
    PaymentSettings.objects.create(
        organization=organization, connection=connection, provider_name="Stripe", auto_capture=auto_capture
    )
    assert create_payment(organization, replace(ORDER, capture=asked)).status == status
