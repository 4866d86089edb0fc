"""What an event would do to a payment, found out without doing it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from ..errors import IntegrationError
from ..models import Connection, Payment
from ..providers.events import NormalizedEvent, Trust
from .payment_events import is_looked_up, payment_of
from .payment_states import apply_result


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
    """What `apply_event` would make of it. Writes nothing and calls nobody."""
    try:
        payment = payment_of(connection, event) if event.subject else None
    except IntegrationError as problem:
        return Rehearsal(event, problem=problem)
    if payment is None:
        return Rehearsal(event)
    if event.payment is None or is_looked_up(payment, event, event.payment, trust=trust):
        return Rehearsal(event, payment, is_looked_up=True)
    becomes = copy(payment)
    try:
        apply_result(becomes, event.payment)
    except IntegrationError as problem:
        return Rehearsal(event, payment, problem=problem)
    return Rehearsal(event, payment, becomes)
