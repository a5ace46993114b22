"""What a run waits for, and what has come for it."""

from __future__ import annotations

from collections.abc import Sequence

from alga_workflows_core.interpreter.load import Load
from alga_workflows_core.interpreter.waits import PARK, Wait
from alga_workflows_core.types.json import JsonObject


class OpenWaits:
    """The waits of one run by key, each with its resolution or None.

    `held` is that of a former execution, and is kept up: it is part of the state of the run.
    """

    __slots__ = ("_load", "_waiting", "held")

    def __init__(self, load: Load, held: dict[str, JsonObject | None]) -> None:
        self._load = load
        self.held = held
        self._waiting: dict[str, Wait] = {}

    @property
    def open(self) -> Sequence[Wait]:
        """Those that nothing has resolved, as far as their steps have come back to them."""
        return [wait for key, wait in self._waiting.items() if self.held.get(key) is None]

    @property
    def open_keys(self) -> Sequence[str]:
        """The keys of all that nothing has resolved, from the beginning of an execution on."""
        return [key for key, found in self.held.items() if found is None]

    @property
    def is_parked(self) -> bool:
        """Whether a step waits for an operator."""
        return any(found is None and f"{PARK}#" in key for key, found in self.held.items())

    def resolve(self, key: str, resolution: JsonObject) -> bool:
        """What has ended a wait. False if it is not open, or was resolved before.

        What the run cannot carry fails the step that waits for it, with SIZE_LIMIT.
        """
        if self.held.get(key, resolution) is not None:
            return False
        self.held[key] = self._load.receive(resolution)
        return True

    def resolution(self, key: str) -> JsonObject | None:
        """What has resolved the wait; None if nothing has yet."""
        return self.held.get(key)

    def expect(self, wait: Wait) -> None:
        """Take what resolves the wait from now on. StepError `SIZE_LIMIT` if it has no room."""
        if wait.key not in self.held:
            self._load.expect(wait.key, wait.path)
            self.held[wait.key] = None
        self._waiting[wait.key] = wait

    def forget(self, key: str) -> None:
        """The wait is over."""
        self._waiting.pop(key, None)
        if key in self.held:
            self._load.forget(key, self.held.pop(key))
