"""The stack of a saga: one entry per call that may have to be undone, as `undo` describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.catching import shortened
from alga_workflows_core.interpreter.load import Share
from alga_workflows_core.interpreter.weighing import entry_weight
from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True)
class UndoStack:
    """`entries` lie in the saga's node, the newest last; `share` is the saga's."""

    entries: list[JsonObject]
    share: Share

    def find(self, path: str) -> JsonObject | None:
        """The newest entry for the call at `path`."""
        return next((entry for entry in reversed(self.entries) if entry["p"] == path), None)

    def push(self, entry: JsonObject) -> None:
        """Put it on top. StepError `SIZE_LIMIT` if the run cannot carry it."""
        self.share.grow(entry_weight(entry), cast("str", entry["p"]))
        self.entries.append(entry)

    def complete(self, entry: JsonObject, made: JsonObject) -> None:
        """An entry has this input, or all stays: StepError `SIZE_LIMIT` if it is too much."""
        completed = {**_bare(entry), **made}
        self.share.grow(entry_weight(completed) - entry_weight(entry), cast("str", entry["p"]))
        _become(entry, completed)

    def give_up(self, entry: JsonObject, error: ErrorInfo) -> None:
        """Say why an entry has no input; shortened, for that there is always room."""
        given_up: JsonObject = {**_bare(entry), "err": error.as_json()}
        growth = entry_weight(given_up) - entry_weight(entry)
        if not self.share.load.fits(growth):
            given_up["err"] = shortened(error).as_json()
            growth = entry_weight(given_up) - entry_weight(entry)
        self.share.take(growth)
        _become(entry, given_up)

    def remove(self, entry: JsonObject) -> None:
        """Take it off."""
        self.entries.remove(entry)
        self.share.take(-entry_weight(entry))

    def take_over(self, inner: UndoStack) -> None:
        """Have the entries of a saga inside this one, which is over."""
        weight = sum(map(entry_weight, inner.entries))
        inner.share.take(-weight)
        self.share.take(weight)
        self.entries.extend(inner.entries)


def _bare(entry: JsonObject) -> JsonObject:
    """An entry without what a former attempt of its call has left."""
    return {name: entry[name] for name in ("p", "a", "v", "o")}


def _become(entry: JsonObject, other: JsonObject) -> None:
    entry.clear()
    entry.update(other)
