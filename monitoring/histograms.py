"""How long calls took, as counts that add up: of hours to days, of days to quarters, of connections to organizations.

A time in milliseconds falls into the bucket between whose bounds it lies. Up to 20 ms each millisecond has a bucket of
its own; from there on a bucket ends a tenth above where it begins, and the last takes whatever takes longer than three
minutes, which no call does. A histogram is a list of counts, that of bucket 1 first, without zeros at its end.

The error bound: a percentile is the nearest rank, which is the smallest time that at least so many per cent of the
calls did not exceed. Counts add up exactly, so the rank falls into the very bucket that the exact percentile lies in,
however many histograms were added. Told is the bucket's middle (the harmonic mean of its ends, rounded), which is off
by less than 5 % of the exact percentile, and by nothing up to 20 ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, zip_longest
from math import ceil

from django.contrib.postgres.fields import ArrayField
from django.db.models import Aggregate, BigIntegerField
from django.utils.translation import gettext_lazy as _

ERROR_PERCENT = 5
EXACT_UP_TO_MS = 20
PRECISION = _("Percentiles are at most 5 per cent off the exact ones, and exact up to 20 ms.")
SHARES = (0.5, 0.95, 0.99)
_LONGEST_MS = 180_000

Histogram = Sequence[int]


def _bounds() -> tuple[int, ...]:
    bounds = list(range(EXACT_UP_TO_MS + 1))
    while bounds[-1] < _LONGEST_MS:
        bounds.append(bounds[-1] * 11 // 10)
    return tuple(bounds)


# Where each bucket begins: bucket 1 at 0 ms. PostgreSQL's width_bucket counts them likewise.
BOUNDS = _bounds()
# What stands for a bucket: of its smallest and largest time the harmonic mean, which is as far from the one as from the
# other, seen from there.
MIDDLES = (0, *(round(2 * low * (high - 1) / (low + high - 1)) for low, high in pairwise(BOUNDS[1:])), BOUNDS[-1])


class HistogramSum(Aggregate):
    """`queryset.aggregate(times=HistogramSum("response_time_histogram"))`: the sum as a list, by PostgreSQL."""

    function = "histogram_sum"
    output_field = ArrayField(BigIntegerField())


def added(histograms: Iterable[Histogram]) -> list[int]:
    return [sum(counts) for counts in zip_longest(*histograms, fillvalue=0)]


def percentile(histogram: Histogram, share: float) -> int | None:
    """The time in milliseconds that `share` (0.95, say) of the calls did not exceed; None where none was timed."""
    rank = ceil(share * sum(histogram))
    upto = 0
    for position, count in enumerate(histogram):
        upto += count
        if count and upto >= rank:
            return MIDDLES[position]
    return None
