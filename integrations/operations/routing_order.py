"""In which order the connections that fit a payment are tried, and what decides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from ..models import Connection, Organization, PaymentRoute, PaymentSettings
from .catalogue import offered_provider
from .payment_order import PaymentOrder
from .track_record import TrackRecord, track_record

_HEALTH_RANK = {
    Connection.Health.HEALTHY: 0,
    Connection.Health.UNKNOWN: 1,
    Connection.Health.DEGRADED: 2,
    Connection.Health.DOWN: 3,
}
_GAUGED_IN = 20  # success rates within one twentieth of each other count as equal
_NOMINAL = Decimal(100)  # fees are compared for this amount where none is known yet


class Rank(NamedTuple):
    """What decides, part by part: the smaller comes first."""

    rule: int
    not_primary: bool
    health: int
    missed: int
    fee: Decimal
    key: UUID


@dataclass(frozen=True)
class Candidate:
    """A connection with what speaks for it. `rule`: the first of the organization's that gives it this payment;
    `success_rate`: None where too few payments went there of late to tell."""

    connection: Connection
    rank: Rank
    rule: PaymentRoute | None
    success_rate: Decimal | None

    @property
    def success_percent(self) -> Decimal | None:
        return None if self.success_rate is None else (self.success_rate * 100).quantize(Decimal(1))

    @property
    def is_down(self) -> bool:
        return self.connection.health_status == Connection.Health.DOWN


def in_order(organization: Organization, fitting: Sequence[Connection], order: PaymentOrder) -> list[Connection]:
    """The connections, which are of one environment, as they are tried; two queries, however many there are."""
    if len(fitting) < 2 and not any(map(_is_offline, fitting)):
        return list(fitting)
    return [one.connection for one in ranked(organization, fitting, order) if is_meant(one, order)]


def is_meant(candidate: Candidate, order: PaymentOrder) -> bool:
    """Nobody who ordered no more than to pay is told to bring cash, but where a person has put that first."""
    connection = candidate.connection
    is_asked_for = order.method or connection.is_primary or candidate.rule is not None
    return bool(is_asked_for) or not _is_offline(connection)


def _is_offline(connection: Connection) -> bool:
    provider = offered_provider(connection.provider.slug)
    return provider is not None and provider.is_offline


def ranked(organization: Organization, fitting: Sequence[Connection], order: PaymentOrder) -> list[Candidate]:
    """The same with what decides it. An order without an amount or a currency fits no rule that asks for one."""
    if not fitting:
        return []
    rules = [rule for rule in _rules(organization) if _applies(rule, order, fitting[0].environment)]
    first_rules: dict[UUID, tuple[int, PaymentRoute]] = {}
    for place, rule in enumerate(rules):
        first_rules.setdefault(rule.connection_id, (place, rule))
    record = track_record(organization)
    amount = _amount(order)

    def candidate(connection: Connection) -> Candidate:
        place, rule = first_rules.get(connection.pk, (len(rules), None))
        rate = record.known_success_rate(connection.pk)
        return Candidate(connection, _rank(connection, place, record, amount), rule, rate)

    return sorted(map(candidate, fitting), key=lambda one: one.rank)


def settings_of(connection: Connection) -> PaymentSettings | None:
    try:
        return connection.payment_settings
    except PaymentSettings.DoesNotExist:
        return None


def _rank(connection: Connection, place: int, record: TrackRecord, amount: Decimal | None) -> Rank:
    fee = record.fee(connection.pk, _NOMINAL if amount is None else amount, settings_of(connection))
    missed = int((1 - record.success_rate(connection.pk)) * _GAUGED_IN)
    health = _HEALTH_RANK[Connection.Health(connection.health_status)]
    return Rank(place, not connection.is_primary, health, missed, fee, connection.pk)


def _rules(organization: Organization) -> QuerySet[PaymentRoute]:
    return PaymentRoute.objects.filter(organization=organization, is_active=True).order_by("position", "pk")


def _applies(rule: PaymentRoute, order: PaymentOrder, environment: str) -> bool:
    """A part of a rule that is empty holds for every payment."""
    parts = ((rule.environment, environment), (rule.country, order.country), (rule.currency, order.currency))
    if any(wanted and wanted != given for wanted, given in (*parts, (rule.method, order.method))):
        return False
    amount = _amount(order)
    if amount is None:
        return rule.min_amount is None and rule.max_amount is None
    return (rule.min_amount is None or rule.min_amount <= amount) and (
        rule.max_amount is None or amount <= rule.max_amount
    )


def _amount(order: PaymentOrder) -> Decimal | None:
    return Decimal(order.amount) if order.amount else None
