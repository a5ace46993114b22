"""Many threads and many texts."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from alga_workflows_core.expressions.engine import ExpressionError, Sources, evaluate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREADS = 8


def seeded(seed: int) -> Random:
    """A source of chance that can be repeated."""
    return Random(seed)  # noqa: S311 - repeatable is the point


def in_threads(work: Callable[[int], Any]) -> list[Any]:
    """The result of `work(number)` from eight threads that begin together."""
    barrier = threading.Barrier(THREADS)

    def begin(number: int) -> Any:
        barrier.wait(timeout=10)
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def test_eight_threads_do_not_mix_contexts_or_sources() -> None:
    """Each thread's evaluations see its own context, clock and chance, call by call."""
    text = '{"x": payload.x, "at": $millis(), "r": $random(), "sum": $sum($map([1..5], $random))}'

    def work(number: int) -> list[Any]:
        results: list[Any] = []
        for turn in range(200):
            now = NOON + timedelta(days=number, milliseconds=turn)
            drawn = seeded(number * 1000 + turn)

            def random(drawn: Random = drawn) -> float:
                time.sleep(0)  # lets another thread run in the middle of an evaluation
                return drawn.random()

            sources = Sources(now=lambda now=now: now, random=random)
            results.append(evaluate(text, {"payload": {"x": [number, turn]}}, sources))
        return results

    for number, results in enumerate(in_threads(work)):
        for turn, result in enumerate(results):
            now = NOON + timedelta(days=number, milliseconds=turn)
            drawn = seeded(number * 1000 + turn)
            assert result["x"] == [number, turn]
            assert result["at"] == int(now.timestamp() * 1000)
            assert result["r"] == drawn.random()
            assert result["sum"] == pytest.approx(sum(drawn.random() for _ in range(5)))


def test_errors_may_outlive_the_thread_they_come_from() -> None:
    """An error handled and dropped in another thread leaves nothing behind that complains.

    The test run turns complaints of finalizers into failures.
    """

    def work(number: int) -> list[ExpressionError]:
        caught: list[ExpressionError] = []
        for text in ["'a' + 1", "$pad(1)", "$error('x')", "1 / 0", f"$len({number})"]:
            try:
                evaluate(text, {}, Sources(now=lambda: NOON, random=lambda: 0.5))
            except ExpressionError as error:
                caught.append(error)
        return caught

    errors = in_threads(work)
    assert [len(caught) for caught in errors] == [5] * THREADS
    del errors
    gc.collect()


def test_more_texts_than_are_kept_still_give_the_right_values() -> None:
    """Evaluating thousands of different expressions, twice over, answers each correctly."""
    sources = Sources(now=lambda: NOON, random=lambda: 0.5)
    for _ in range(2):
        for number in range(2_500):
            assert evaluate(f"x + {number}", {"x": 1}, sources) == number + 1
