"""Which operation owns the subject of which events. What nobody owns yet is emitted, and has no effect here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from ..models import Connection, Payment
from ..providers.events import EventType, NormalizedEvent, Trust
from .cash_on_delivery import CashLedger, cannot_look, names_of_deliveries, write_delivery
from .looks import Look, MustAsk
from .payment_events import look_at_payment, write_event
from .payment_ledger import PaymentLedger


class Ledger(Protocol):
    """The subjects of a batch of events: locked and read as it is opened, in its caller's transaction; then written."""

    def find(self, connection: Connection, event: NormalizedEvent) -> Payment | None:
        """The payment that one of the events is about. Raises Conflict where that cannot be told."""
        ...

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
    """`names` are what we call the subject that `write` returned: added to what is told of the event.

    `names_of` finds them later, by connection and provider's reference.
    """

    open: Callable[[Sequence[tuple[Connection, NormalizedEvent]]], Ledger]
    write: Write
    look: Ask
    names: Callable[[Any], Mapping[str, str]]
    names_of: Callable[[Sequence[tuple[Connection, NormalizedEvent]]], Mapping[tuple[UUID, str], Mapping[str, str]]]


def _payment_names(payment: Payment) -> Mapping[str, str]:
    return {"payment": str(payment.pk), "reference": payment.reference}


def _names_of_payments(
    told: Sequence[tuple[Connection, NormalizedEvent]],
) -> Mapping[tuple[UUID, str], Mapping[str, str]]:
    concerned = Payment.objects.filter(
        connection__in={connection.pk for connection, _ in told},
        provider_reference__in={event.subject for _, event in told if event.subject},
    )
    return {
        (connection_id, payment.provider_reference): _payment_names(payment)
        for payment in concerned.only("connection", "provider_reference", "reference")
        if (connection_id := payment.connection_id) is not None
    }


OWNERS: Mapping[str, Owner] = {
    "payment": Owner(PaymentLedger, write_event, look_at_payment, _payment_names, _names_of_payments),
    # Of a shipment, as yet, only what it says of the cash that was due for it.
    "shipping": Owner(CashLedger, write_delivery, cannot_look, lambda payment: {}, names_of_deliveries),
}


def named(told: Sequence[tuple[Connection, NormalizedEvent]]) -> list[NormalizedEvent]:
    """The events with what we call their subjects, as far as those are known: by one query a domain."""
    by_domain: dict[str, list[tuple[Connection, NormalizedEvent]]] = {}
    for connection, event in told:
        if owner_of(event.type) is not None and event.subject:
            by_domain.setdefault(event.type.domain, []).append((connection, event))
    names = {domain: OWNERS[domain].names_of(several) for domain, several in by_domain.items()}
    found = [names.get(event.type.domain, {}).get((connection.pk, event.subject), {}) for connection, event in told]
    return [
        replace(event, attributes={**event.attributes, **own}) if own else event
        for (_, event), own in zip(told, found, strict=True)
    ]


def owner_of(event_type: EventType) -> Owner | None:
    return OWNERS.get(event_type.domain)
