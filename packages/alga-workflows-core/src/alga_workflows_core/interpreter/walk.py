"""The walk over the tree of steps.

The position of a run is its cursor: one small JSON object (a node) per composite step that is being
walked, owned by its parent's node. What a composite step decides, it decides once and keeps in its
node. A list of steps keeps `{"i": index, "n": node of the step at that index}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.expressions.engine import Sources
from alga_workflows_core.interpreter.effects import Effects, StepError
from alga_workflows_core.interpreter.facts import (
    Fact,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from alga_workflows_core.interpreter.outcome import Failed, Outcome, Returned
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.steps import action_call, assign, if_, return_
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import RunStatus, StepStatus

StepRunner = Callable[[Any, Visit], Awaitable[Outcome]]

_RUNNERS: Mapping[str, StepRunner] = MappingProxyType(
    {
        "transform.assign": assign.run,
        "control.if": if_.run,
        "action.call": action_call.run,
        "control.return": return_.run,
    }
)


@dataclass(frozen=True, slots=True)
class Finished:
    """How the run ended: SUCCEEDED with a result, or FAILED with an error."""

    status: RunStatus
    result: Json
    error: ErrorInfo | None


class Interpreter:
    """One run of one definition. Drives `effects`; knows neither Temporal nor a database."""

    def __init__(
        self, definition: Definition, *, payload: Json, system: JsonObject, effects: Effects
    ) -> None:
        self._definition = definition
        self._effects = effects
        self._seq = 0
        self.cursor: JsonObject = {}
        self.scope = Scope(
            payload=payload,
            system=system,
            sources=Sources(now=effects.now, random=effects.random),
        )

    async def run(self) -> Finished:
        """Walk to the end. Author's errors end in FAILED; only bugs are raised."""
        self._observe(RunStarted, payload=self.scope.payload)
        outcome = await self.walk(self._definition.steps, "", self.cursor)
        match outcome:
            case Failed(error):
                finished = Finished(RunStatus.FAILED, None, error)
            case Returned(value):
                finished = Finished(RunStatus.SUCCEEDED, value, None)
            case None:
                finished = Finished(RunStatus.SUCCEEDED, None, None)
        self._observe(
            RunFinished,
            status=finished.status,
            result=finished.result,
            error=None if finished.error is None else finished.error.as_json(),
        )
        return finished

    async def walk(self, steps: Sequence[Step], parent: str, node: JsonObject) -> Outcome:
        """Run `steps` from where `node` says; stops at the first that does not go through."""
        while (index := int(node.setdefault("i", 0))) < len(steps):
            step = steps[index]
            path = f"{parent}/{step.id}" if parent else step.id
            outcome = await self._enter(step, path, node.setdefault("n", {}))
            if outcome is not None:
                return outcome
            node["i"] = index + 1
            del node["n"]
        return None

    async def _enter(self, step: Step, path: str, node: JsonObject) -> Outcome:
        started = self._observe(
            StepStarted, path=path, step_id=step.id, type=step.type, name=step.name
        )
        visit = Visit(path=path, node=node, scope=self.scope, effects=self._effects, walk=self.walk)
        outcome: Outcome
        try:
            outcome = await _RUNNERS[step.type](step, visit)
        except StepError as error:
            outcome = Failed(error.info)
        failure = outcome.error.as_json() if isinstance(outcome, Failed) else None
        self._observe(
            StepFinished,
            path=path,
            step_id=step.id,
            type=step.type,
            name=step.name,
            position=started.seq,
            started_at=started.at,
            status=StepStatus.SUCCEEDED if failure is None else StepStatus.FAILED,
            output=visit.output,
            error=failure,
        )
        return outcome

    def _observe(self, kind: Callable[..., Fact], **fields: Any) -> Fact:
        self._seq += 1
        fact = kind(seq=self._seq, at=self._effects.now(), **fields)
        self._effects.observe(fact)
        return fact
