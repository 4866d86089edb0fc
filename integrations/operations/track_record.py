"""How an organization's payment connections have done lately: what routing prefers one to another by."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from ..models import Organization, Payment, PaymentSettings
from ..models.base import first_uuid7
from ..single_flight import SingleFlight

_LOOKED_BACK = timedelta(hours=1)
_SAMPLE = 500  # the newest payments of that hour: enough to tell two gateways apart, however many there were
_FEWEST = 10  # fewer attempts than this say nothing
_GOOD_FOR_SECONDS = 30.0
_MOST = 10_000
# Of one that the gateway took on the payment's own end is known later; these are failures of the payer or of time.
_NO_FAULT = frozenset({"expired", ""})


@dataclass
class _Tally:
    tried: int = 0
    taken: int = 0
    captured: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)


@dataclass(frozen=True)
class TrackRecord:
    tallies: Mapping[UUID, _Tally] = field(default_factory=dict)

    def success_rate(self, connection_id: UUID) -> Decimal:
        """Of the attempts of the last hour the share that succeeded, 0 to 1; 1 where they are too few to tell."""
        tally = self.tallies.get(connection_id)
        if tally is None or tally.tried < _FEWEST:
            return Decimal(1)
        return Decimal(tally.taken) / tally.tried

    def fee(self, connection_id: UUID, amount: Decimal, settings: PaymentSettings | None) -> Decimal:
        """What `amount` would cost: by the settings, else as the gateway has charged lately, else nothing."""
        if settings and (settings.fee_percent is not None or settings.fee_fixed is not None):
            return amount * (settings.fee_percent or 0) / 100 + (settings.fee_fixed or 0)
        tally = self.tallies.get(connection_id)
        return amount * tally.fees / tally.captured if tally and tally.captured else Decimal(0)


_known: dict[UUID, tuple[float, TrackRecord]] = {}
_reading: SingleFlight[UUID, TrackRecord] = SingleFlight()


def track_record(organization: Organization) -> TrackRecord:
    """As it was at most half a minute ago."""
    read_at, record = _known.get(organization.pk, (0.0, TrackRecord()))
    if time.monotonic() - read_at < _GOOD_FOR_SECONDS:
        return record
    return _reading.do(organization.pk, _read)


def forget() -> None:
    """Let go of all that is known, as a new process does."""
    _known.clear()


def _read(organization_id: UUID) -> TrackRecord:
    """Serves (organization, -id): the key is ordered by time."""
    newest = Payment.objects.filter(
        organization=organization_id, pk__gte=first_uuid7(timezone.now() - _LOOKED_BACK)
    ).order_by("-pk")
    tallies: dict[UUID, _Tally] = {}
    rows = newest.values(
        "connection_id", "attempts", "status", "failure_code", "amount_captured", "currency", "fee", "fee_currency"
    )
    for row in rows[:_SAMPLE]:
        _count(tallies, row)
    record = TrackRecord(tallies)
    if len(_known) >= _MOST:
        _known.clear()
    _known[organization_id] = (time.monotonic(), record)
    return record


def _count(tallies: dict[UUID, _Tally], row: Mapping[str, Any]) -> None:
    has_failed = row["status"] == Payment.Status.FAILED and row["failure_code"] not in _NO_FAULT
    for attempt in row["attempts"]:
        if attempt["outcome"] == "skipped":
            continue
        tally = tallies.setdefault(UUID(attempt["connection"]), _Tally())
        tally.tried += 1
        tally.taken += attempt["outcome"] == "accepted" and not has_failed
    if row["fee"] is not None and row["connection_id"] and row["fee_currency"] in ("", row["currency"]):
        tally = tallies.setdefault(row["connection_id"], _Tally())
        tally.captured += row["amount_captured"]
        tally.fees += row["fee"]
