"""How much a run carries: all that goes into the input of its next execution, counted in one place.

`Load` is the sum. Whoever puts something into a node, a variable or a wait says by how much it
grows, through a `Share` that is freed as a whole when its step or branch has ended; `weighing` says
what each thing weighs. The sum depends on the state alone, never on how it came about: a run that
goes on from its state counts the same.
"""

from __future__ import annotations

from alga_workflows_core.interpreter.sizes import (
    MAX_CARRIED_BYTES,
    MAX_PLACED_BYTES,
    check_size,
    encoded_size,
)
from alga_workflows_core.interpreter.weighing import WAIT_ROOM, key_weight
from alga_workflows_core.types.json import JsonObject

WHAT = "What the run carries"


class Load:
    """Bytes that a run carries; its encoded state, definition and payload never have more."""

    __slots__ = ("size",)

    def __init__(self, size: int = 0) -> None:
        self.size = size

    def add(self, size: int, step: str) -> None:
        """Carry so many bytes more, or fewer. StepError `SIZE_LIMIT` if that is too much data."""
        if size > 0:
            check_size(self.size + size, limit=MAX_CARRIED_BYTES, what=WHAT, step=step)
        self.size += size

    def place(self, size: int, step: str) -> None:
        """The same of bytes that say where the run stands, which may take more."""
        check_size(self.size + size, limit=MAX_PLACED_BYTES, what=WHAT, step=step)
        self.size += size

    def fits(self, size: int) -> bool:
        """Whether so many bytes of data more can be carried."""
        return size <= 0 or self.size + size <= MAX_CARRIED_BYTES

    def expect(self, key: str, step: str) -> None:
        """A wait is open, and whatever resolves it can be carried: it has room for a refusal."""
        self.place(key_weight(key) + WAIT_ROOM, step)

    def forget(self, key: str, resolution: JsonObject | None) -> None:
        """The wait, with what has resolved it, is over."""
        self.size -= key_weight(key) + max(WAIT_ROOM, encoded_size(resolution))

    def receive(self, resolution: JsonObject) -> JsonObject:
        """What came from outside for an open wait; if it is too large, a refusal in its place.

        That is `{"tooLarge": bytes, "limit": bytes}`, and of a child its `runId` and `status`.
        """
        size = encoded_size(resolution)
        excess = max(0, size - WAIT_ROOM)
        if self.fits(excess):
            self.size += excess
            return resolution
        refusal: JsonObject = {"tooLarge": self.size + excess, "limit": MAX_CARRIED_BYTES}
        for name in ("runId", "status"):
            told = resolution.get(name)
            if isinstance(told, str) and encoded_size(told) <= _LONGEST_TOLD:
                refusal[name] = told
        return refusal


_LONGEST_TOLD = 40


class Share:
    """The part of a load that one step or one branch has. `size` is in the load already."""

    __slots__ = ("load", "size")

    def __init__(self, load: Load, size: int = 0) -> None:
        self.load = load
        self.size = size

    def grow(self, size: int, step: str) -> None:
        """As `Load.add`."""
        self.load.add(size, step)
        self.size += size

    def place(self, size: int, step: str) -> None:
        """As `Load.place`."""
        self.load.place(size, step)
        self.size += size

    def take(self, size: int) -> None:
        """Have so many bytes more, whatever that comes to: they were carried before."""
        self.load.size += size
        self.size += size

    def free(self) -> None:
        """Nothing of it is carried any more."""
        self.take(-self.size)
