"""Where the values of an expression come from, and what was found to be read of the context."""

from __future__ import annotations

from typing import Final

Path = tuple[tuple[str, ...], int]
"""Names from the root of the context downwards, and the offset of the first in the text."""

Place = Path | None
"""Where a value stands in the context; None as soon as it is not certain."""

Named = tuple[str, int, bool]
"""A function or variable: its name, its offset, whether it has a dollar sign."""

ROOT: Final[Path] = ((), 0)


class Found:
    """What an expression names.

    `calls` are functions called by name and `variables` those that are read; `bound` are the
    variables, without their dollar sign, that the expression binds anywhere. `whole` is True if it
    may read anything of the root besides `reads`; so it may if both a function that can take the
    context is used as a value (`aliased`) and a value is called like that (`indirect`). `asked` are
    the reads that only ask whether something is there.
    """

    __slots__ = ("aliased", "asked", "bound", "calls", "indirect", "reads", "variables", "whole")

    def __init__(self) -> None:
        self.reads: list[Path] = []
        self.asked: set[Path] = set()
        self.calls: list[Named] = []
        self.variables: list[Named] = []
        self.bound: set[str] = set()
        self.whole = False
        self.aliased = False
        self.indirect = False

    def take(self, place: Place) -> None:
        """What stands at `place` is read."""
        if place is None:
            return
        if place[0]:
            self.reads.append(place)
        else:
            self.whole = True

    def ask(self, place: Place) -> None:
        """What stands at `place` is read only if it is there."""
        self.take(place)
        if place is not None:
            self.asked.add(place)

    def leave(self, place: Place, known: int, value: Place) -> None:
        """Take `place` unless `value`, or a read since the first `known`, goes on from it."""
        if place is None or not place[0]:
            return
        path = place[0]
        length = len(path)
        if value is not None and value[0][:length] == path:
            return
        if any(read[0][:length] == path for read in self.reads[known:]):
            return
        self.reads.append(place)
