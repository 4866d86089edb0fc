"""The uptime heat map: connections down, days across, the least up first."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ..analytics import Scope, uptime_by_connection
from ..connections import Named
from ..days import Days
from .analytics_steps import told

SHOWN_CONNECTIONS = 20
_MOST_DAYS = 31  # more columns than that cannot be read: weeks, then

# From the least per cent on; `level` names the shade in the style sheet.
_LEVELS = ((Decimal(100), "full"), (Decimal("99.9"), "high"), (Decimal(99), "fair"), (Decimal(95), "low"))


@dataclass(frozen=True)
class Cell:
    """`percent` is None where nothing was checked."""

    when: str
    percent: Decimal | None

    @property
    def text(self) -> str:
        """One decimal, rounded down, so that 100 means always."""
        if self.percent is None:
            return ""
        return f"{self.percent.quantize(Decimal('0.1'), ROUND_DOWN).normalize():f}"

    @property
    def level(self) -> str:
        if self.percent is None:
            return "none"
        return next((level for least, level in _LEVELS if self.percent >= least), "bad")


@dataclass(frozen=True)
class Line:
    connection: Named
    percent: Decimal
    cells: list[Cell]


@dataclass(frozen=True)
class UptimeMap:
    columns: list[Days]
    lines: list[Line]
    checked: int  # connections with an uptime, shown or not

    @property
    def is_weekly(self) -> bool:
        return any(column.count > 1 for column in self.columns)


def uptime_map(
    scope: Scope, days: Days, rows: Sequence[Mapping[str, Any]], names: Mapping[uuid.UUID, Named]
) -> UptimeMap:
    """Of `rows` (`sums_by_connection`) those with the least uptime; two that are alike by their names."""
    checked = sorted(
        (row for row in rows if row["uptime"] is not None),
        key=lambda row: (row["uptime"], names[row["connection_id"]].name),
    )
    shown = checked[:SHOWN_CONNECTIONS]
    columns = days.steps(_MOST_DAYS)
    found = uptime_by_connection(scope, days, [row["connection_id"] for row in shown], columns[-1].count)
    times = [told(column) for column in columns]
    lines = [
        Line(names[row["connection_id"]], row["uptime"], _cells(times, found[row["connection_id"]])) for row in shown
    ]
    return UptimeMap(columns, lines, len(checked))


def _cells(times: Sequence[str], percents: Mapping[int, Decimal]) -> list[Cell]:
    """`percents` are numbered from the last of the times on."""
    return [Cell(when, percents.get(len(times) - place)) for place, when in enumerate(times, start=1)]
