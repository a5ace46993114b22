"""Histograms of durations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alga_temporal_domain.projects.durations import (
    BOUNDS,
    BUCKETS,
    bucket_of,
    merge,
    percentile,
)


def test_buckets_hold_what_their_bounds_say() -> None:
    """A bound belongs to its bucket, what is above it to the next one."""
    for index, bound in enumerate(BOUNDS):
        assert bucket_of(bound) == index
        assert bucket_of(bound * 1.001) == index + 1
    assert [bucket_of(ms) for ms in (-1, 0, 0.5, 1, 1e12)] == [0, 0, 0, 0, BUCKETS - 1]


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_close(durations: list[float], q: float) -> None:
    """It lies in the bucket of the duration that it stands for."""
    histogram = [0] * BUCKETS
    for ms in durations:
        histogram[bucket_of(ms)] += 1
    exact = sorted(durations)[math.ceil(q * len(durations)) - 1]
    found = percentile(histogram, q)
    assert found is not None
    # A rounded product of q may be the next one's.
    assert bucket_of(found * 0.999) <= bucket_of(exact) <= bucket_of(found) + 1


def test_nothing_has_no_percentile() -> None:
    """Of no durations there is no percentile; of one it is about that one."""
    assert percentile([0] * BUCKETS, 0.95) is None
    only = [0] * BUCKETS
    only[bucket_of(100)] = 1
    assert percentile(only, 0.5) == pytest.approx(100, rel=0.3)


def test_histograms_add_up() -> None:
    """Shorter ones count as if they ended in zeros."""
    assert merge([[1, 2], [0, 1, 5]])[:4] == [1, 3, 5, 0]
    assert len(merge([])) == BUCKETS
