"""What an event would do to a payment, found out by doing it and taking it back."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from django.db import transaction

from ..errors import IntegrationError
from ..models import Connection, Payment
from ..providers.events import NormalizedEvent, Trust
from .event_owners import OWNERS
from .looks import MustAsk


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
    """What its owner would make of an event that has one. Nothing is written in the end, and nobody is called."""
    owner = OWNERS[event.type.domain]
    payment: Payment | None = None
    with transaction.atomic():
        ledger = owner.open([(connection, event)])
        try:
            payment = copy(ledger.find(connection, event))
            becomes = owner.write(ledger, connection, event, trust=trust)
        except MustAsk:
            return Rehearsal(event, payment, is_looked_up=True)
        except IntegrationError as problem:
            return Rehearsal(event, payment, problem=problem)
        finally:
            transaction.set_rollback(True)
    return Rehearsal(event, payment, becomes or payment)
