"""What an event would do to a payment, found out by doing it and taking it back."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from django.db import transaction

from ..errors import IntegrationError
from ..models import Connection, Payment
from ..providers.events import NormalizedEvent, Trust
from .looks import MustAsk
from .payment_events import write_event
from .payment_ledger import PaymentLedger


@dataclass(frozen=True)
class Rehearsal:
    """`payment` as it stands and, unsaved, as it would be (`becomes`); None where the event concerns none of ours.

    `is_looked_up`: the provider would be asked first, and its answer decides. `problem`: why it would fail.
    """

    event: NormalizedEvent
    payment: Payment | None = None
    becomes: Payment | None = None
    is_looked_up: bool = False
    problem: IntegrationError | None = None


def rehearse_event(connection: Connection, event: NormalizedEvent, *, trust: Trust) -> Rehearsal:
    """What `apply_event` would make of it. Nothing is written in the end, and nobody is called."""
    payment: Payment | None = None
    with transaction.atomic():
        ledger = PaymentLedger([(connection, event)])
        try:
            payment = copy(ledger.find(connection, event)) if event.subject else None
            becomes = write_event(ledger, connection, event, trust=trust)
        except MustAsk:
            return Rehearsal(event, payment, is_looked_up=True)
        except IntegrationError as problem:
            return Rehearsal(event, payment, problem=problem)
        finally:
            transaction.set_rollback(True)
    return Rehearsal(event, payment, becomes)
