"""A process that is killed between the provider's work and the log: nothing is charged twice, nothing stays open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations import circuit
from integrations.models import Organization, Payment
from integrations.operations.payment_recovery import abandoned_payments
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.tasks import resume_abandoned_payments
from monitoring.models import CallLog
from tests.factories import OrganizationFactory
from tests.operations.stripe_wire import StripeWire, connect, stripe_wire
from tests.served import ROOT
from tests.wire import WireAnswer, WireRequest

pytestmark = pytest.mark.django_db(transaction=True)
ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", payment_token="pm_card_visa")


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def wire() -> Iterator[StripeWire]:
    with stripe_wire() as wire:
        yield wire


def killed_payer(organization: Organization, wire: StripeWire) -> int:
    """Let a process take a payment, and end when the provider has done its work; returns how it ended."""
    given = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ, "DATABASE_URL": f"postgresql://{given.netloc}/{database.settings_dict['NAME']}?{given.query}",
        "HUB_EGRESS_ALLOW": "127.0.0.0/8", "DJANGO_SETTINGS_MODULE": "config.settings", "HUB_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.faults.payer", str(organization.pk), "order-1"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    def kill(request: WireRequest) -> WireAnswer | None:
        if request.method == "POST":
            with wire._lock:
                wire._answer(request)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            return WireAnswer(200, {})
        return None

    wire.override = kill
    status = process.wait(60)
    wire.override = lambda request: None
    return status


def idle_for(payment: Payment, **gone: float) -> None:
    then = timezone.now() - timedelta(**gone)
    Payment.objects.filter(pk=payment.pk).update(updated_at=then, created_at=then)


def test_a_process_killed_between_call_and_log(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    assert killed_payer(organization, wire) == -signal.SIGKILL
    payment = Payment.objects.get()
    assert (payment.status, payment.provider_reference, wire.charges) == ("pending", "", 1)
    assert not CallLog.objects.exists(), "it was killed before it could write the call down"

    # Not yet: another process might be about to finish it.
    assert resume_abandoned_payments() == 0
    idle_for(payment, minutes=3)
    assert resume_abandoned_payments() == 1
    payment.refresh_from_db()
    assert (payment.status, wire.charges) == ("captured", 1)
    row = CallLog.objects.get(operation="create_payment")
    assert (row.response_status, row.organization_id) == (200, organization.pk)
    assert resume_abandoned_payments() == 0


def test_the_caller_s_own_repetition_settles_it_too(organization: Organization, wire: StripeWire) -> None:
    connect(organization, wire)
    killed_payer(organization, wire)
    idle_for(Payment.objects.get(), minutes=3)
    payment = create_payment(organization, ORDER, idempotency_key="order-1")
    assert (payment.status, wire.charges, Payment.objects.count()) == ("captured", 1, 1)


def test_one_that_stays_in_doubt_is_asked_for_more_and_more_rarely(
    organization: Organization, wire: StripeWire
) -> None:
    connection = connect(organization, wire)
    wire.lose_answers = True
    payment = create_payment(organization, ORDER)
    now = timezone.now()
    for age, untouched, due in [(3, 3, True), (3, 1, False), (60, 31, True), (60, 29, False), (4 * 1440, 2900, False)]:
        Payment.objects.filter(pk=payment.pk).update(
            created_at=now - timedelta(minutes=age), updated_at=now - timedelta(minutes=untouched)
        )
        assert abandoned_payments().exists() == due, (age, untouched)
    idle_for(payment, minutes=3)
    assert resume_abandoned_payments() == 0
    assert not abandoned_payments().exists()
    wire.lose_answers = False
    circuit.reset(connection)
    Payment.objects.filter(pk=payment.pk).update(updated_at=now - timedelta(minutes=3))
    assert resume_abandoned_payments() == 1
    assert wire.charges == 1
