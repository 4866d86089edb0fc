"""Answer times counted in buckets that grow by a tenth, so that hours add up to days and connections to organizations.

A percentile read from one is the middle of its bucket: off by 5 % at the most, however much was added up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

BUCKETS = 128  # up to 1.1 ** 128 ms, which is more than three minutes
GROWTH = 1.1
ERROR_BOUND_PERCENT = 5


def percentile_of(histogram: Sequence[int], share: float) -> int | None:
    """In milliseconds, by the nearest rank, as the rollup reads days; None of nothing."""
    rank, seen = math.ceil(share * sum(histogram)), 0
    for bucket, count in enumerate(histogram):
        seen += count
        if rank and seen >= rank:
            return int(GROWTH ** (bucket + 0.5) + 0.5)
    return None
