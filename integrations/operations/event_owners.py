"""Which operation owns the subject of which events. What nobody owns yet is emitted, and has no effect here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..models import Connection, Payment
from ..providers.events import EventType, NormalizedEvent, Trust
from .looks import Look, MustAsk
from .payment_events import look_at_payment, write_event
from .payment_ledger import PaymentLedger


class Ledger(Protocol):
    """The subjects of a batch of events: locked and read as it is opened, in its caller's transaction; then written."""

    def save(self) -> None: ...


class Write(Protocol):
    """Applies an event to a ledger that was opened with it, asking nobody: raises MustAsk where the provider has to be.

    To apply one again changes nothing. Raises one of `integrations.errors`; whatever it raises, it changed nothing.
    """

    def __call__(
        self, ledger: Any, connection: Connection, event: NormalizedEvent, *, trust: Trust, look: Look | None = None
    ) -> Any: ...


class Ask(Protocol):
    """Asks the provider, with no transaction open. Raises what the call raises."""

    def __call__(self, connection: Connection, must: MustAsk) -> Look: ...


@dataclass(frozen=True)
class Owner:
    """`names` are what we call the subject that `write` returned: added to what is told of the event."""

    open: Callable[[Sequence[tuple[Connection, NormalizedEvent]]], Ledger]
    write: Write
    look: Ask
    names: Callable[[Any], Mapping[str, str]]


def _payment_names(payment: Payment) -> Mapping[str, str]:
    return {"payment": str(payment.pk), "reference": payment.reference}


OWNERS: Mapping[str, Owner] = {"payment": Owner(PaymentLedger, write_event, look_at_payment, _payment_names)}


def owner_of(event_type: EventType) -> Owner | None:
    return OWNERS.get(event_type.domain)
