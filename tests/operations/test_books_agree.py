"""Whatever comes in between, in the end our books say what the gateway's say.

Hypothesis plays the caller, the payer, the gateway's webhooks and every accident: answers that get lost after the work
was done, calls that are refused, a database that goes away before the answer is written down, events twice, late, in
any order, and the sweeps at any time.
"""

from __future__ import annotations

import itertools
import time
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from integrations import circuit
from integrations.errors import IntegrationError
from integrations.models import Connection, Organization, Payment
from integrations.operations.payment_reconciliation import reconcile_due_payments
from integrations.operations.payment_recovery import resume_abandoned_payments
from integrations.operations.payments import (
    PaymentOrder,
    apply_event,
    capture_payment,
    create_payment,
    refund_payment,
    sync_payment,
    void_payment,
)
from integrations.providers.events import Trust
from integrations.providers.registry import get_provider
from tests.wire import WireAnswer, WireRequest, WireServer

from .stripe_wire import StripeWire, connect

AMOUNT = 1250
_references = itertools.count(1)
_events = itertools.count(1)

# What happens to the next call that would change something at the gateway.
ACCIDENTS = st.sampled_from(["none", "none", "none", "answer lost", "refused", "away", "database gone"])


class Gateway(StripeWire):
    """Stripe's books, which refuse what Stripe refuses and keep an event of each change."""

    def __init__(self) -> None:
        super().__init__()
        self.accident = "none"
        self.backend_pid = 0
        self.outbox: list[dict[str, Any]] = []
        self.override = self._meet_accident

    def _meet_accident(self, request: WireRequest) -> WireAnswer | None:
        if request.method != "POST":
            return None
        if self.accident == "refused":
            return WireAnswer(400, {"error": {"type": "invalid_request_error", "message": "Not this."}})
        if self.accident == "away":
            return WireAnswer(503)
        if self.accident in ("answer lost", "database gone"):
            with self._lock:
                answer = self._answer(request)
            if self.accident == "answer lost":
                return WireAnswer(500)
            _end_session(self.backend_pid)
            return answer
        return None

    def _do(self, path: list[str], form: dict[str, str]) -> dict[str, Any]:
        try:
            return deepcopy(super()._do(path, form))
        finally:
            for intent in self.intents.values():
                self.note(intent)

    def _refund(self, intent: dict[str, Any], units: int) -> dict[str, Any]:
        refund = super()._refund(intent, units)
        self.refunds[-1]["intent"] = intent["id"]
        return refund

    def _answer(self, request: WireRequest) -> WireAnswer:
        refusal = self._refusal(request)
        return refusal or super()._answer(request)

    def _refusal(self, request: WireRequest) -> WireAnswer | None:
        if request.method != "POST" or request.headers["idempotency-key"] in self.answered:
            return None
        match request.path.strip("/").split("/"):
            case ["v1", "payment_intents", key, "capture"] if self.intents[key]["status"] != "requires_capture":
                return _illegal()
            case ["v1", "payment_intents", key, "cancel"] if self.intents[key]["status"] in ("succeeded", "canceled"):
                return _illegal()
            case ["v1", "refunds"]:
                intent = self.intents[request.form["payment_intent"]]
                left = intent["amount_received"] - (intent["latest_charge"] or {}).get("amount_refunded", 0)
                if intent["status"] != "succeeded" or int(request.form["amount"]) > left:
                    return _illegal()
        return None

    def note(self, intent: dict[str, Any]) -> None:
        """An event where the intent is another than the last that was told of it."""
        standing = (intent["status"], intent["amount_received"], (intent["latest_charge"] or {}).get("amount_refunded"))
        last = [event for event in self.outbox if event["intent"] == intent["id"]]
        if last and last[-1]["standing"] == standing:
            return
        kinds = {
            "requires_capture": "payment_intent.amount_capturable_updated",
            "succeeded": "payment_intent.succeeded",
            "canceled": "payment_intent.canceled",
        }
        kind = kinds.get(intent["status"])
        if kind is None:
            self.outbox.append({"intent": intent["id"], "standing": standing, "payload": None})
            return
        payload = {
            "id": f"evt_{next(_events)}",
            "type": kind,
            "created": int(time.time()),
            "api_version": "2026-10-28.endive",
            "data": {"object": deepcopy(intent)},
        }
        self.outbox.append({"intent": intent["id"], "standing": standing, "payload": payload})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event["payload"] for event in self.outbox if event["payload"]]


def _illegal() -> WireAnswer:
    return WireAnswer(
        400, {"error": {"type": "invalid_request_error", "code": "state", "message": "Not in this state."}}
    )


def _end_session(pid: int) -> None:
    """As when the process or its database dies: what was to be written after this call is not."""
    import psycopg

    parameters = {**database.get_connection_params()}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    with psycopg.connect(**parameters, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


class Shop(RuleBasedStateMachine):
    payments = Bundle("payments")

    gateway: Gateway
    organization: Organization
    connection: Connection

    @rule(target=payments, pays=st.booleans(), capture=st.booleans(), accident=ACCIDENTS)
    def order(self, pays: bool, capture: bool, accident: str) -> Any:
        order = PaymentOrder(
            amount="12.50", currency="AED", reference=f"order-{next(_references)}", capture=capture,
            payment_token="pm_card_visa" if pays else "",
        )  # fmt: skip
        key = f"key-{order.reference}"
        self._with(accident, lambda: create_payment(self.organization, order, idempotency_key=key))
        return key, order

    @rule(payment=payments, accident=ACCIDENTS)
    def order_again(self, payment: Any, accident: str) -> None:
        key, order = payment
        self._with(accident, lambda: create_payment(self.organization, order, idempotency_key=key))

    @rule(payment=payments, units=st.integers(1, AMOUNT), accident=ACCIDENTS)
    def capture(self, payment: Any, units: int, accident: str) -> None:
        self._change(payment, accident, lambda row: capture_payment(row, amount=_text(units)))

    @rule(payment=payments, accident=ACCIDENTS)
    def void(self, payment: Any, accident: str) -> None:
        self._change(payment, accident, void_payment)

    @rule(payment=payments, units=st.integers(1, AMOUNT), accident=ACCIDENTS, once=st.sampled_from(["", "r1"]))
    def refund(self, payment: Any, units: int, accident: str, once: str) -> None:
        amount = "3.00" if once else _text(units)  # the same key wants the same request
        self._change(payment, accident, lambda row: refund_payment(row, amount=amount, idempotency_key=once))

    @rule(payment=payments)
    def the_payer_pays(self, payment: Any) -> None:
        row = self._row(payment)
        intent = self.gateway.intents.get(row.provider_reference if row else "")
        if intent and intent["status"] == "requires_payment_method" and row:
            self.gateway.confirm(intent["id"], capture=row.capture_mode == "automatic")
            self.gateway.note(intent)

    @rule(data=st.data())
    def an_event_comes(self, data: st.DataObject) -> None:
        """Any that was ever sent: late, twice, or before the answer to the call that caused it."""
        if events := self.gateway.events:
            self._deliver(data.draw(st.sampled_from(events)))

    @rule(payment=payments)
    def someone_looks(self, payment: Any) -> None:
        if row := self._row(payment):
            self._with("none", lambda: sync_payment(row))

    @rule()
    def the_sweeps_run(self) -> None:
        self._sweep()

    @invariant()
    def more_is_never_given_back_than_was_taken(self) -> None:
        for payment in Payment.objects.all():
            assert 0 <= payment.amount_refunded <= payment.amount_captured <= payment.amount

    def teardown(self) -> None:
        for _ in range(3):
            self._sweep()
        for event in reversed(self.gateway.events):
            self._deliver(event)
        self._sweep()
        self._compare()

    def _compare(self) -> None:
        intents = dict(self.gateway.intents)
        for payment in Payment.objects.all():
            intent = intents.pop(payment.provider_reference, None)
            taken = intent["amount_received"] if intent else 0
            back = ((intent or {}).get("latest_charge") or {}).get("amount_refunded", 0)
            assert (payment.amount_captured * 100, payment.amount_refunded * 100) == (taken, back), payment.status
            if payment.status == "cancelled":
                assert not taken
            self._compare_refunds(payment, back)
        assert not any(intent["amount_received"] for intent in intents.values()), "money that we do not know of"
        owners = [intent["metadata"]["hub_payment"] for intent in self.gateway.intents.values()]
        assert len(owners) == len(set(owners)), "a payment was made twice"

    def _compare_refunds(self, payment: Payment, given_back: int) -> None:
        """Each that was asked for was made once or not at all, and we know which."""
        made = [refund for refund in self.gateway.refunds if refund["intent"] == payment.provider_reference]
        asked = payment.operations.filter(kind="refund")
        known = [operation.amount * 100 for operation in asked.filter(status="succeeded")]
        assert len(made) <= asked.count()
        assert sum(known) == given_back

    def _row(self, payment: Any) -> Payment | None:
        return Payment.objects.filter(idempotency_key=payment[0]).first()

    def _change(self, payment: Any, accident: str, change: Any) -> None:
        if row := self._row(payment):
            self._with(accident, lambda: change(row))

    def _with(self, accident: str, work: Any) -> None:
        database.ensure_connection()
        self.gateway.accident, self.gateway.backend_pid = accident, database.connection.info.backend_pid
        try:
            work()
        except (IntegrationError, DatabaseError):
            pass  # who asked is told; what counts is what both books say in the end
        finally:
            self.gateway.accident = "none"
            circuit.reset(self.connection)
            if accident == "database gone":
                database.close()

    def _deliver(self, payload: dict[str, Any]) -> None:
        for event in get_provider("stripe").parse_events(payload, {}):
            self._with("none", lambda event=event: apply_event(self.connection, event, trust=Trust.SIGNED))

    def _sweep(self) -> None:
        """As if hours had passed since anything was done."""
        then = timezone.now() - timedelta(hours=1)
        Payment.objects.filter(status="pending", provider_reference="").update(updated_at=then, created_at=then)
        Payment.objects.exclude(provider_reference="").update(next_look_at=then)
        for payment in Payment.objects.all():
            payment.operations.filter(status="pending").update(created_at=then)
        self._with("none", resume_abandoned_payments)
        self._with("none", reconcile_due_payments)


def _text(units: int) -> str:
    return str(Decimal(units) / 100)


@pytest.mark.django_db(transaction=True)
def test_in_the_end_both_books_agree(organization: Organization) -> None:
    gateway = Gateway()
    with WireServer(gateway.answer) as server:
        gateway.server, gateway.url = server, server.url

        class FreshShop(Shop):
            def __init__(self) -> None:
                super().__init__()
                gateway.intents.clear()
                gateway.answered.clear()
                gateway.refunds.clear()
                gateway.outbox.clear()
                Payment.objects.all().delete()
                self.gateway, self.organization = gateway, organization
                self.connection = connection

        connection = connect(organization, gateway)
        run_state_machine_as_test(
            FreshShop,
            settings=settings(
                max_examples=30,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
