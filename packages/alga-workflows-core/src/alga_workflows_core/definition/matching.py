"""Which entries of two lists are the same ones, and which of them changed their order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from alga_workflows_core.types.json import Json

Marks: TypeAlias = Callable[[Json], Iterable[bytes | str]]
"""What an entry can be recognised by; entries that share a mark are the same."""


def matched(old: Sequence[Json], new: Sequence[Json], *marks: Marks) -> dict[int, int]:
    """Index in `new` to index in `old` of the entries that are in both.

    The first kind of marks decides first, then the second one among the rest, and so on; of
    several with the same mark the first belongs to the first.
    """
    found: dict[int, int] = {}
    taken: set[int] = set()
    for marks_of in marks:
        waiting: dict[bytes | str, list[int]] = {}
        for index in range(len(old) - 1, -1, -1):
            if index not in taken:
                for mark in marks_of(old[index]):
                    waiting.setdefault(mark, []).append(index)
        for index, entry in enumerate(new):
            if index in found:
                continue
            for mark in marks_of(entry):
                candidates = waiting.get(mark, [])
                while candidates and candidates[-1] in taken:
                    candidates.pop()
                if candidates:
                    found[index] = candidates.pop()
                    taken.add(found[index])
                    break
    return dict(sorted(found.items()))


def in_order(found: dict[int, int]) -> bool:
    """Whether the entries that are in both lists, as `matched` tells, have the same order."""
    former = list(found.values())
    return former == sorted(former)


def longest_rise(numbers: Sequence[int]) -> set[int]:
    """The indices of a longest increasing subsequence of `numbers`, which are all different."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int | None] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else None)
        ends[length:] = [number, *ends[length + 1 :]]
        at[length:] = [index, *at[length + 1 :]]
    found: set[int] = set()
    index = at[-1] if at else None
    while index is not None:
        found.add(index)
        index = before[index]
    return found
