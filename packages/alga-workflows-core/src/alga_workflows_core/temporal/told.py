"""What a run is told from outside, and what it tells who asks."""

from __future__ import annotations

from uuid import UUID

from pydantic import ValidationError

from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.temporal.names import wait_id
from alga_workflows_core.temporal.wire import RunInput, WakeSignal
from alga_workflows_core.types.json import JsonObject


class Told:
    """Signals and queries of one execution."""

    def __init__(self, start: RunInput, run: Run) -> None:
        self._run_id = start.run_id
        self._run = run

    def wake(self, signal: JsonObject) -> None:
        """Something has ended a wait. What is no `WakeSignal`, or for none that is open, does
        nothing: whoever sent it has the row to look at.
        """
        try:
            wake = WakeSignal.model_validate(signal, by_alias=True, by_name=False)
        except ValidationError:
            return
        for key in self._run.waits.open_keys:
            if self._id(key) == wake.wait_id:
                self._run.waits.resolve(key, wake.resolution)
                return

    def waits(self) -> list[JsonObject]:
        """The open ones."""
        return [
            {
                "id": str(self._id(wait.key)),
                "path": wait.path,
                "kind": wait.kind,
                "due": None if wait.due is None else wait.due.isoformat(),
            }
            for wait in self._run.waits.open
        ]

    def backoffs(self) -> list[JsonObject]:
        """What is to be tried again."""
        return [
            {
                "path": each.path,
                "attempt": each.attempt,
                "due": each.due.isoformat(),
                "since": None if each.since is None else each.since.isoformat(),
                "code": each.code,
            }
            for each in self._run.backoffs.values()
        ]

    def _id(self, key: str) -> UUID:
        return wait_id(self._run_id, key)
