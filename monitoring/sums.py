"""What calls, webhooks and checks of a stretch of time come to, which adds up to longer ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from .histograms import added as add_histograms
from .histograms import percentile


@dataclass
class Sums:
    """What there is none of is zero, a share or an average of nothing is None."""

    requests: int = 0
    successes: int = 0
    failures: int = 0
    time_sum_ms: int = 0
    time_count: int = 0
    histogram: list[int] = field(default_factory=list)
    error_classes: Counter[str] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)
    webhooks_received: int = 0
    webhooks_failed: int = 0
    uptime_sum: Decimal = Decimal(0)
    uptime_count: int = 0

    @property
    def success_percent(self) -> Decimal | None:
        return percent_of(self.successes, self.requests) if self.requests else None

    @property
    def average_ms(self) -> int | None:
        return round(self.time_sum_ms / self.time_count) if self.time_count else None

    @property
    def p95_ms(self) -> int | None:
        return percentile(self.histogram, 0.95)

    @property
    def p99_ms(self) -> int | None:
        return percentile(self.histogram, 0.99)

    @property
    def uptime_percent(self) -> Decimal | None:
        """Of the connections that were checked, each day of each weighing the same."""
        if not self.uptime_count:
            return None
        return three_decimals(self.uptime_sum / self.uptime_count)


def percent_of(part: int | None, whole: int) -> Decimal:
    """A share in per cent with one decimal, rounded down so that 100 means all."""
    return Decimal((part or 0) * 1000 // whole) / 10


def added(sums: Iterable[Sums]) -> Sums:
    """One for all: histograms bucket by bucket, so percentiles of many days are as right as those of one."""
    every, total = list(sums), Sums()
    for one in every:
        for name in _NUMBERS:
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.error_classes.update(one.error_classes)
    total.histogram = add_histograms(one.histogram for one in every)
    return total


_NUMBERS = (
    "requests", "successes", "failures", "time_sum_ms", "time_count", "cost", "webhooks_received", "webhooks_failed",
    "uptime_sum", "uptime_count",
)  # fmt: skip


def three_decimals(percent: Decimal) -> Decimal:
    """Rounded down, so that 100 means always."""
    return percent.quantize(Decimal("0.001"), ROUND_DOWN)
