"""How an organization's payment gateways have done: what they took, how often, what each day came to, what is open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db.models import Count, Sum
from django.utils import timezone

from ..models import Organization, Payment, PaymentDispute, PaymentSettlement
from ..models.base import first_uuid7

DAYS_COUNTED = 30
DAYS_LISTED = 7
SAMPLE = 100_000  # the newest payments of those days: enough for a rate, however many there were

# Serves (organization, -id): the key is ordered by time. Nobody paid those that expired, and those that were cancelled
# were let go of: neither says anything of the gateway.
_OUTCOMES = """
SELECT connection_id,
    count(*) FILTER (WHERE status IN ('captured', 'authorised', 'partially_refunded', 'refunded', 'disputed')),
    count(*) FILTER (WHERE status = 'failed' AND failure_code <> 'expired')
FROM (
    SELECT connection_id, status, failure_code FROM payments
    WHERE organization_id = %s AND id >= %s ORDER BY id DESC LIMIT %s
) AS newest
WHERE connection_id = ANY(%s)
GROUP BY connection_id
"""

Row = Mapping[str, Any]


@dataclass
class GatewayFigures:
    """Of one connection. `taken` of `decided` payments succeeded; the sums of `volume` are by currency, AED first."""

    taken: int = 0
    decided: int = 0
    volume: list[Row] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)
    differences: int = 0
    disputes: int = 0

    @property
    def success_percent(self) -> Decimal | None:
        if not self.decided:
            return None
        return (Decimal(self.taken) * 100 / self.decided).quantize(Decimal("0.1"))

    @property
    def captured_aed(self) -> Decimal:
        return next((row["captured"] for row in self.volume if row["currency"] == "AED"), Decimal(0))

    @property
    def other_volume(self) -> list[Row]:
        """What was captured in other currencies: there is no exchange rate here that would add it up."""
        return [row for row in self.volume if row["currency"] != "AED" and row["captured"]]

    @property
    def has_disputed_days(self) -> bool:
        return any(row["disputed"] for row in self.days)


def figures_of(organization: Organization, connections: Iterable[UUID]) -> Mapping[UUID, GatewayFigures]:
    """By connection, in five statements however many connections there are."""
    keys = list(connections)
    figures: defaultdict[UUID, GatewayFigures] = defaultdict(GatewayFigures)
    for key, taken, failed in _outcomes(organization, keys):
        figures[key].taken, figures[key].decided = taken, taken + failed
    for row in _by_currency(keys):
        figures[row["connection_id"]].volume.append(row)
    for row in _by_day(keys):
        figures[row["connection_id"]].days.append(row)
    differing = Payment.objects.filter(organization=organization, connection__in=keys).exclude(difference="")
    for key, count in differing.order_by().values_list("connection_id").annotate(Count("pk")):
        figures[key].differences = count
    disputed = PaymentDispute.objects.filter(
        organization=organization, status=PaymentDispute.Status.OPEN, payment__connection__in=keys
    )
    for key, count in disputed.order_by().values_list("payment__connection_id").annotate(Count("pk")):
        figures[key].disputes = count
    return {key: figures[key] for key in keys}


def _outcomes(organization: Organization, keys: Sequence[UUID]) -> list[tuple[UUID, int, int]]:
    since = first_uuid7(timezone.now() - timedelta(days=DAYS_COUNTED))
    with database.cursor() as cursor:
        cursor.execute(_OUTCOMES, [organization.pk, since, SAMPLE, list(keys)])
        rows: list[tuple[UUID, int, int]] = cursor.fetchall()
    return rows


def _by_currency(keys: Sequence[UUID]) -> list[Row]:
    rows = (
        _settled(keys, DAYS_COUNTED)
        .values("connection_id", "currency")
        .annotate(
            payments=Sum("payments"),
            captured=Sum("captured"),
            refunded=Sum("refunded"),
            fees=Sum("fees"),
            net=Sum("net"),
        )
    )
    return sorted(rows.order_by(), key=_dirhams_first)


def _by_day(keys: Sequence[UUID]) -> list[Row]:
    columns = ("connection_id", "day", "currency", "captured", "refunded", "fees", "net", "disputed")
    rows = _settled(keys, DAYS_LISTED).values(*columns)
    return sorted(rows.order_by(), key=lambda row: (-row["day"].toordinal(), *_dirhams_first(row)))


def _settled(keys: Sequence[UUID], days: int) -> Any:
    """Serves (connection, day, currency)."""
    first = timezone.localdate() - timedelta(days=days - 1)
    return PaymentSettlement.objects.filter(connection__in=keys, day__gte=first)


def _dirhams_first(row: Row) -> tuple[bool, str]:
    return row["currency"] != "AED", row["currency"]
