"""What a run is told from outside, and what it tells who asks."""

from __future__ import annotations

import json
from uuid import UUID

from pydantic import ValidationError

from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.temporal.names import wait_id
from alga_workflows_core.temporal.outbox import Outbox
from alga_workflows_core.temporal.wire import EventSignal, RunInput, SignalledEvent, WakeSignal
from alga_workflows_core.types.json import JsonObject

MAX_PAYLOAD_BYTES = 256 * 1024
"""Of an event that a run is told by a signal."""


class Told:
    """Signals and queries of one execution."""

    def __init__(self, start: RunInput, run: Run, outbox: Outbox) -> None:
        self._run_id = start.run_id
        self._run = run
        self._outbox = outbox
        self._events = 0

    def wake(self, signal: JsonObject) -> None:
        """Something has ended a wait. A `WakeSignal` for none that is open does nothing: whoever
        sent it has the row to look at. An `EventSignal` goes to the inbox, which knows the waits of
        the run that are open, and those that will be. What is neither does nothing.
        """
        if signal.get("waitId") is None:
            self._tell(signal)
            return
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

    def _tell(self, signal: JsonObject) -> None:
        try:
            told = EventSignal.model_validate(signal, by_alias=True, by_name=False)
            # It may have NaN in it, which is no JSON.
            json.dumps(told.payload, allow_nan=False)
        except (ValidationError, ValueError):
            return
        size = encoded_size(told.payload)
        is_small = size <= MAX_PAYLOAD_BYTES
        self._events += 1
        self._outbox.add_event(
            SignalledEvent(
                number=self._events,
                event_name=told.event_name,
                correlation_key=told.correlation_key or told.task_id,
                event_id=told.event_id or None,
                payload=told.payload if is_small else None,
                too_large=None if is_small else size,
            )
        )

    def _id(self, key: str) -> UUID:
        return wait_id(self._run_id, key)
