"""How a run stood when the error came up that it ends with, before anything is cleaned up.

A checkpoint is `{"format", "atOnce", "state"}`: the state as of a run that has settled, though here
steps are in the middle of something; `atOnce`: nothing was cleaned up. In its cursor the list whose
step is to begin anew has `"f": true`. `resuming` makes of it the state in which a retry goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.definition.steps.while_ import WhileStep
from alga_workflows_core.types.json import JsonObject

CHECKPOINT_FORMAT = 1
"""The number of the form in which a checkpoint is written down."""


class Written(Protocol):
    """What keeps a part of the state outside of nodes while it is at work."""

    def keep(self) -> None:
        """Write it into the nodes."""
        ...

    def unkeep(self) -> None:
        """Take it out again."""
        ...


class Checkpoints:
    """The checkpoint of one run: the first error that ends it is the one that counts.

    `taken`: whether that has come. `text`: the checkpoint as JSON, until somebody has taken it to
    write it down.
    """

    __slots__ = ("_outside", "taken", "text")

    def __init__(self, *, taken: bool) -> None:
        self.taken = taken
        self.text: str | None = None
        self._outside: dict[str, Written] = {}

    def opened(self, path: str, lanes: Written) -> None:
        """From now on a part of the state is outside of nodes."""
        self._outside[path] = lanes

    def closed(self, path: str) -> None:
        """It is not any more."""
        del self._outside[path]

    def take(
        self, state: Callable[[], JsonObject], *, at_once: bool, failed: JsonObject | None = None
    ) -> None:
        """Keep how the run stands. `failed`: the list of steps whose step is to begin anew."""
        if self.taken:
            return
        self.taken = True
        for each in self._outside.values():
            each.keep()
        if failed is not None:
            failed["f"] = True
        kept = {"format": CHECKPOINT_FORMAT, "atOnce": at_once, "state": state()}
        self.text = json.dumps(kept)
        if failed is not None:
            del failed["f"]
        for each in self._outside.values():
            each.unkeep()

    def collect(self) -> str | None:
        """The checkpoint, once."""
        text, self.text = self.text, None
        return text


def goes_on_in(step: Step) -> bool:
    """Whether a step that has failed by itself can go on from its node, as it is."""
    return isinstance(step, IfStep | SwitchStep | WhileStep)


def begins_anew(step: Step, node: JsonObject) -> bool:
    """Whether a step that has failed by itself may begin anew without doing again what is done.

    Branches none of which succeeded are tried again from their beginnings: of them nothing is left.
    """
    match step:
        case ForEachStep():
            return "k" not in node and "run" not in node
        case ParallelStep():
            return step.join == "any" and "won" not in node
        case TryCatchStep():
            return "ph" not in node
        case _:
            return True
