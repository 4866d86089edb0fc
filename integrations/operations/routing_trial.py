"""Which connection would take a payment, and why: what routing decides, laid open, with nothing sent or written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..models import Connection, Organization
from .payment_order import PaymentOrder
from .routing import active_connections, misfit, payment_connections
from .routing_order import Candidate, Rank, is_meant, ranked

# What decides between two, in the order of `Rank`; of two that are alike in all else, the older comes first.
_REASONS = ("rule", "primary", "health", "success_rate", "fee", "age")


@dataclass(frozen=True)
class Place:
    """`reason`: what puts it before the one after it (the last: behind the one before it); `only` where it is alone."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True)
class Misfit:
    """`part`: what of the payment the connection does not serve; or `status` or `environment`, for which it is not even
    asked; or `unasked`, where it would serve, but nobody has asked for it."""

    connection: Connection
    part: str


@dataclass(frozen=True)
class Trial:
    """`places`: those that would be tried, in order. `passed_over`: those that are down while others stand."""

    places: Sequence[Place]
    passed_over: Sequence[Candidate]
    misfits: Sequence[Misfit]


def try_route(organization: Organization, order: PaymentOrder) -> Trial:
    """What `route_payment` would answer, with its reasons, but that nobody pays here of whom a gateway might want more.
    Raises InvalidRequest for an order that cannot be."""
    order.request()
    active = active_connections(organization, order.environment)
    fitting = [connection for connection in active if not misfit(connection, order)]
    candidates = [one for one in ranked(organization, fitting, order) if is_meant(one, order)]
    standing = [candidate for candidate in candidates if not candidate.is_down]
    passed_over = [candidate for candidate in candidates if candidate.is_down] if standing else []
    return Trial(_places(standing or candidates), passed_over, _misfits(organization, active, candidates, order))


def _places(candidates: Sequence[Candidate]) -> list[Place]:
    ranks = [candidate.rank for candidate in candidates]
    return [Place(candidate, _reason(ranks, place)) for place, candidate in enumerate(candidates)]


def _reason(ranks: Sequence[Rank], place: int) -> str:
    if len(ranks) == 1:
        return "only"
    other = ranks[place + 1] if place + 1 < len(ranks) else ranks[place - 1]
    pairs = zip(_REASONS, ranks[place], other, strict=True)
    return next(reason for reason, own, theirs in pairs if own != theirs)


def _misfits(
    organization: Organization, active: Sequence[Connection], candidates: Sequence[Candidate], order: PaymentOrder
) -> list[Misfit]:
    chosen = {connection.pk for connection in active}
    fit = {candidate.connection.pk for candidate in candidates}
    return [
        Misfit(connection, _why(connection, order, is_asked=connection.pk in chosen))
        for connection in payment_connections(organization).order_by("connection_name", "pk")
        if connection.pk not in fit
    ]


def _why(connection: Connection, order: PaymentOrder, *, is_asked: bool) -> str:
    if is_asked:
        return misfit(connection, order) or "unasked"
    return "environment" if connection.status == Connection.Status.ACTIVE else "status"
