"""How long an evaluation takes, and that memory stays where it is."""

from __future__ import annotations

import gc
import resource
import time
import timeit
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from alga_workflows_core.expressions import jsonata, limits
from alga_workflows_core.expressions.engine import (
    ExpressionError,
    Sources,
    evaluate,
    evaluate_condition,
)

SOURCES = Sources(now=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC), random=lambda: 0.5)

CONTEXT: dict[str, Any] = {
    "payload": {
        "user": {"name": "Ada"},
        "priority": "high",
        "items": [{"price": 2.5, "count": number} for number in range(10)],
    },
    "vars": {"total": 7, "rows": [{"a": 1, "b": "x"}] * 2_000},
}

SIMPLE = [
    "payload.user.name",
    "vars.total + 1",
    "'Dear ' & payload.user.name",
    "payload.priority = 'high' and vars.total > 5",
    "$exists(payload.gone) ? payload.gone : 'none'",
]
OTHERS = [
    "$sum(payload.items.price)",
    "payload.items[count > 4].price",
    "{'name': payload.user.name, 'total': vars.total}",
    "$map(payload.items, function($i) { $i.price * $i.count })",
    "$now()",
    "$join(payload.items.$string(count), ', ')",
]


def best(work: Callable[[], object], number: int = 2_000, rounds: int = 15) -> float:
    """Microseconds of one `work()`, in the best of several rounds: others disturb, none helps."""
    return min(timeit.repeat(work, number=number, repeat=rounds)) / number * 1e6


def kept_texts() -> Collection[str]:
    """The texts that this thread keeps compiled: nothing but memory shows them from outside."""
    return cast("Collection[str]", vars(jsonata)["_compiled"].by_text)


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_a_simple_expression_takes_microseconds(capsys: pytest.CaptureFixture[str]) -> None:
    """Paths, comparisons and texts take few microseconds, over a context of any size."""
    figures = {text: best(lambda text=text: evaluate(text, CONTEXT, SOURCES)) for text in SIMPLE}
    others = {
        text: best(lambda text=text: evaluate(text, CONTEXT, SOURCES), 500, 7) for text in OTHERS
    }
    condition = best(lambda: evaluate_condition(SIMPLE[3], CONTEXT, SOURCES))
    with capsys.disabled():
        print("\nmicroseconds of an evaluation, best of several rounds")  # noqa: T201 - wanted
        for text, taken in (figures | {f"{SIMPLE[3]} (condition)": condition} | others).items():
            print(f"{taken:8.1f}  {text}")  # noqa: T201 - wanted
    assert max(figures.values()) < 15
    assert condition < 15
    assert max(others.values()) < 300


def test_a_hundred_thousand_evaluations_leave_memory_flat(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Values, errors and functions of ours leave nothing behind."""
    failing = "payload.user.name + 1"

    def turn(count: int) -> None:
        for number in range(count):
            evaluate(SIMPLE[number % len(SIMPLE)], CONTEXT, SOURCES)
            if number % 50 == 0:
                evaluate(OTHERS[number // 50 % len(OTHERS)], CONTEXT, SOURCES)
                with pytest.raises(ExpressionError):
                    evaluate(failing, CONTEXT, SOURCES)

    turn(10_000)
    gc.collect()
    before, begun = resident(), time.perf_counter()
    turn(100_000)
    seconds = time.perf_counter() - begun
    gc.collect()
    grown = resident() - before
    with capsys.disabled():
        print(f"\n100,000 evaluations: {seconds:.2f} s, memory {grown / 1024:+.0f} KiB")  # noqa: T201 - wanted
    assert grown < 2 * 2**20


def test_many_different_expressions_leave_memory_flat(capsys: pytest.CaptureFixture[str]) -> None:
    """A thread keeps a thousand texts at most; twenty thousand different ones do not add up."""

    def turn(first: int, count: int) -> None:
        for number in range(first, first + count):
            text = f"payload.user.name & ' {number}' & $string($millis()) & $join(['a'], 'b')"
            value = evaluate(text, CONTEXT, SOURCES)
            assert value == f"Ada {number}1772366400000a"

    turn(0, 3_000)
    gc.collect()
    before = resident()
    turn(3_000, 20_000)
    gc.collect()
    grown = resident() - before
    with capsys.disabled():
        print(f"\n20,000 different expressions: memory {grown / 1024:+.0f} KiB")  # noqa: T201 - wanted
    assert len(kept_texts()) == limits.MAX_COMPILED_PER_THREAD
    assert grown < 4 * 2**20


def test_threads_that_end_take_what_they_kept_with_them() -> None:
    """Memory is flat over threads that come and go, each with compiled texts of its own."""

    def work(first: int) -> int:
        for number in range(first, first + 400):
            evaluate(f"payload.user.name & '{number}'", CONTEXT, SOURCES)
        return len(kept_texts())

    def turn() -> None:
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(work, range(0, 4_000, 500)))
        assert max(kept) <= limits.MAX_COMPILED_PER_THREAD

    for _ in range(3):
        turn()
    gc.collect()
    before = resident()
    for _ in range(6):
        turn()
    gc.collect()
    assert resident() - before < 8 * 2**20
