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
        """Add `made` to an entry, or nothing: StepError `SIZE_LIMIT` if it is too much."""
        growth = entry_weight({**entry, **made}) - entry_weight(entry)
        self.share.grow(growth, cast("str", entry["p"]))
        entry.update(made)

    def give_up(self, entry: JsonObject, error: ErrorInfo) -> None:
        """Say why an entry has no input; shortened, for that there is always room."""
        whole: JsonObject = {"err": error.as_json()}
        growth = entry_weight({**entry, **whole}) - entry_weight(entry)
        if self.share.load.fits(growth):
            self.share.take(growth)
            entry.update(whole)
        else:
            entry["err"] = shortened(error).as_json()

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
