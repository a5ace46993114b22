"""Histograms of durations: sixty buckets, each 30 % wider than the one before it.

The same buckets everywhere, so that histograms of processes, versions and hours can be added up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

BUCKETS = 60
_GROWTH = 1.3

BOUNDS: tuple[float, ...] = tuple(_GROWTH**index for index in range(BUCKETS - 1))
"""The upper bound of each bucket in ms, belonging to it, from 1 ms to 69 minutes; the last
bucket has none."""


def bucket_of(ms: float) -> int:
    """The bucket, 0 to 59, that a duration belongs to."""
    if not ms > 1.0:
        return 0
    if ms > BOUNDS[-1]:
        return BUCKETS - 1
    guess = min(BUCKETS - 2, math.ceil(math.log(ms, _GROWTH)))
    # The logarithm is rounded; the bounds are what counts.
    while BOUNDS[guess] < ms:
        guess += 1
    while guess and BOUNDS[guess - 1] >= ms:
        guess -= 1
    return guess


def percentile(histogram: Sequence[int], q: float) -> float | None:
    """The duration in ms that the share `q` (0 to 1) of all took at most, None of nothing.

    Interpolated in its bucket: off by 15 % at most, but in the last bucket, which has no end.
    """
    total = sum(histogram)
    if total <= 0:
        return None
    wanted = max(1.0, q * total)
    before = 0
    for index, count in enumerate(histogram):
        if before + count >= wanted:
            return _within(index, (wanted - before) / count)
        before += count
    return BOUNDS[-1]


def merge(histograms: Iterable[Sequence[int]]) -> list[int]:
    """The sum of histograms; shorter ones count as if their last buckets were empty."""
    total = [0] * BUCKETS
    for histogram in histograms:
        for index, count in enumerate(histogram[:BUCKETS]):
            total[index] += count
    return total


def _within(index: int, share: float) -> float:
    if index >= BUCKETS - 1:
        return BOUNDS[-1]
    low = BOUNDS[index - 1] if index else 0.0
    return low + (BOUNDS[index] - low) * share
