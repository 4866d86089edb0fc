"""Which operation owns the subject of which events. What nobody owns yet is emitted, and has no effect here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..models import Connection, Payment
from ..providers.events import EventType, NormalizedEvent, Trust
from .looks import Look, MustAsk
from .payment_events import look_at_payment, write_event


class Write(Protocol):
    """Applies an event within its caller's transaction, asking nobody: raises MustAsk where the provider has to be.

    To apply one again changes nothing. Raises one of `integrations.errors`.
    """

    def __call__(
        self, connection: Connection, event: NormalizedEvent, *, trust: Trust, look: Look | None = None
    ) -> Any: ...


class Ask(Protocol):
    """Asks the provider, with no transaction open. Raises what the call raises."""

    def __call__(self, connection: Connection, must: MustAsk) -> Look: ...


@dataclass(frozen=True)
class Owner:
    """`names` are what we call the subject that `write` returned: added to what is told of the event."""

    write: Write
    look: Ask
    names: Callable[[Any], Mapping[str, str]]


def _payment_names(payment: Payment) -> Mapping[str, str]:
    return {"payment": str(payment.pk), "reference": payment.reference}


OWNERS: Mapping[str, Owner] = {"payment": Owner(write_event, look_at_payment, _payment_names)}


def owner_of(event_type: EventType) -> Owner | None:
    return OWNERS.get(event_type.domain)
