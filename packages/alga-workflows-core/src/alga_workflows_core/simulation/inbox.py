"""The events of a simulated run and the waits that they meet, as the real inbox does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alga_workflows_core.definition.event_matching import Taken, offer
from alga_workflows_core.interpreter.waits import Wait
from alga_workflows_core.types.json import JsonObject


@dataclass(slots=True)
class _Received:
    event: JsonObject
    at: datetime
    spent: bool = False


@dataclass(slots=True)
class Inbox:
    """One run's view of all events. `created`: when the run was.

    An event is spent when a wait took it, or when the filters of an open wait refused it. It goes
    to the oldest open wait that takes it. `resolve` is told of what arrives for an open wait.
    """

    created: datetime
    resolve: Callable[[str, JsonObject], bool]
    _received: list[_Received] = field(default_factory=list[_Received])
    _open: list[Wait] = field(default_factory=list[Wait])

    def receive(self, event: JsonObject, at: datetime) -> None:
        """An event came. One whose source and id have come before is dropped."""
        known = {(each.event["source"], each.event["id"]) for each in self._received}
        if (event["source"], event["id"]) in known:
            return
        received = _Received(event, at)
        self._received.append(received)
        for wait in list(self._open):
            index = self._offer(received, wait)
            if index is not None:
                self._open.remove(wait)
                self.resolve(wait.key, {"match": index, "event": event})
                return

    def open(self, wait: Wait) -> JsonObject | None:
        """Look back over events that are not spent; wait if none of them will do."""
        for received in self._received:
            if received.spent:
                continue
            index = self._offer(received, wait, look_back=True)
            if index is not None:
                return {"match": index, "event": received.event}
        self._open.append(wait)
        return None

    def close(self, key: str) -> None:
        """The wait is over."""
        self._open = [wait for wait in self._open if wait.key != key]

    def _offer(self, received: _Received, wait: Wait, *, look_back: bool = False) -> int | None:
        """Which of the wait's matches takes the event. It is spent if one does, or refuses it."""
        key = received.event["correlationKey"]

        def reaches(match: JsonObject) -> bool:
            earliest = self.created - timedelta(seconds=match["lookback"])
            return not look_back or received.at >= earliest

        keys = () if key is None else (key,)
        found = offer(received.event, keys, wait.detail, reaches=reaches)
        received.spent = received.spent or found is not None
        return found.match if isinstance(found, Taken) else None
