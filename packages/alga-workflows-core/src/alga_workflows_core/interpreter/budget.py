"""How many steps of a run may be under way at a time, nested loops and branches included."""

from __future__ import annotations

MAX_LANES = 100


class LaneBudget:
    """Counts the lanes of a run that no further lanes run inside of: `taken`, 1 at its beginning.

    A loop gets what is left when it begins, one lane at least, so that everything goes on. Branches
    get a lane each whatever is left: one of them may be what ends the wait of another.
    """

    __slots__ = ("taken",)

    def __init__(self, taken: int = 1) -> None:
        self.taken = taken

    def for_loop(self, wanted: int) -> int:
        """How many of `wanted` lanes it gets; `give_back` them when all have ended."""
        granted = max(1, min(wanted, MAX_LANES - self.taken + 1))
        self.taken += granted - 1
        return granted

    def for_branches(self, count: int) -> int:
        """`count`, all of them; `give_back` them when all have ended."""
        self.taken += count - 1
        return count

    def give_back(self, granted: int) -> None:
        """The lanes are over, what they stand in goes on."""
        self.taken -= granted - 1
