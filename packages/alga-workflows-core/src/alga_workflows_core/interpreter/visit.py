"""What a step gets to see of the walk while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.interpreter.effects import Effects
from alga_workflows_core.interpreter.outcome import Outcome
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(slots=True, kw_only=True)
class Visit:
    """One execution of one step.

    `node` is the step's own part of the cursor. `walk(steps, path, node)` runs steps inside it.
    `output` is what the step's row shows as its output.
    """

    path: str
    node: JsonObject
    scope: Scope
    effects: Effects
    walk: Callable[[Sequence[Step], str, JsonObject], Awaitable[Outcome]]
    output: Json = None
