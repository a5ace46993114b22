"""`control.parallel`: several blocks at the same time.

Node: that of `lanes`, and `{"res": {branch: {"ok", "value" or "error"}}, "won": index for `any`}`.
"""

from __future__ import annotations

from dataclasses import dataclass

from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.catching import because_of
from alga_workflows_core.interpreter.frame import Frame
from alga_workflows_core.interpreter.lanes import Lanes, Stop
from alga_workflows_core.interpreter.outcome import Failed, Outcome
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json, JsonObject


async def run(step: ParallelStep, visit: Visit) -> Outcome:
    """Join as the step says. Of branches that are not part of the join nothing is written."""
    return await _Parallel(step, visit).run()


@dataclass(slots=True)
class _Parallel:
    step: ParallelStep
    visit: Visit

    async def run(self) -> Outcome:
        step, node = self.step, self.visit.node
        if "res" not in node:
            self.visit.held.keep({"res": {}})
        count = len(step.branches)
        lanes = Lanes(
            visit=self.visit,
            count=count,
            walk=self._walk,
            ended=self._ended,
            deals=lambda _: step.join != "all",
        )
        outcome = await lanes.run()
        if outcome is not None:
            return outcome
        if step.join == "any" and "won" not in node:
            return Failed(self._none_succeeded())
        self.visit.output = self._given()
        self.visit.held.drop("res")
        if step.join == "any":
            self.visit.scope.join(lanes.joined(node["won"]), self.visit.path)
        else:
            self.visit.scope.join(lanes.joined(), self.visit.path)
        if step.save_as is not None:
            self.visit.scope.assign(step.save_as, self.visit.output, self.visit.path)
        return None

    async def _walk(self, index: int, frame: Frame, node: JsonObject) -> Outcome:
        branch = self.step.branches[index]
        inside = frame.at(f"{self.visit.path}/{branch.id}")
        return await self.visit.run.walk(branch.steps, inside, node)

    def _ended(self, index: int, outcome: Outcome, scope: Scope) -> Stop | None:
        branch, held = self.step.branches[index], self.visit.held
        if isinstance(outcome, Failed):
            if self.step.join == "all":
                return Stop(outcome)
            held.put("res", branch.id, {"ok": False, "error": outcome.error.as_json()})
            return None
        if outcome is not None:
            return Stop(outcome)
        value = scope.resolve(branch.output, f"{self.visit.path}/{branch.id}")
        held.put("res", branch.id, {"ok": True, "value": value})
        if self.step.join == "any":
            self.visit.node["won"] = index
            return Stop(None)
        return None

    def _given(self) -> Json:
        """What the join gives, by branch in declared order."""
        results: JsonObject = self.visit.node["res"]
        if self.step.join == "any":
            winner: int = self.visit.node["won"]
            won = self.step.branches[winner].id
            return {"branch": won, "value": results[won]["value"]}
        if self.step.join == "settled":
            return {branch.id: results[branch.id] for branch in self.step.branches}
        return {branch.id: results[branch.id]["value"] for branch in self.step.branches}

    def _none_succeeded(self) -> ErrorInfo:
        results = self.visit.node["res"]
        errors = {branch.id: results[branch.id]["error"] for branch in self.step.branches}
        first = ErrorInfo.from_json(next(iter(errors.values())))
        every = ErrorInfo(
            code="ALL_BRANCHES_FAILED",
            category=Category.ACTION,
            message="None of the branches succeeded.",
            details={name: error["code"] for name, error in errors.items()},
            step=self.visit.path,
        )
        return because_of(every, first)
