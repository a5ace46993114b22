"""`control.forEach`: a block for each item, one after the other or several at a time.

Node: `{"items", "c": concurrency, "res": {index: result}}`, and `{"k": index, "s": steps}` for one
after the other or that of `lanes` for several.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.interpreter.catching import is_fatal
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.frame import Frame
from alga_workflows_core.interpreter.lanes import Lanes, Stop, how_it_ended
from alga_workflows_core.interpreter.outcome import (
    Broke,
    Cancelled,
    Continued,
    Failed,
    Outcome,
    Settled,
)
from alga_workflows_core.interpreter.scope import Scope
from alga_workflows_core.interpreter.visit import Visit
from alga_workflows_core.types.json import Json, JsonObject

MAX_CONCURRENCY = 100


async def run(step: ForEachStep, visit: Visit) -> Outcome:
    """Decide the items once, walk the block for each, and keep what they give by index."""
    return await _Loop(step, visit).run()


@dataclass(slots=True)
class _Loop:
    step: ForEachStep
    visit: Visit

    async def run(self) -> Outcome:
        step, visit, node = self.step, self.visit, self.visit.node
        if "items" not in node:
            items = visit.scope.items(step.items, visit.path)
            visit.held.keep({"items": items, "res": {}})
            node["c"] = self._concurrency()
        outcome = await (self._in_turn() if node["c"] == 1 else self._at_once())
        if outcome is not None:
            return outcome
        visit.output = {"items": len(self._items)}
        if step.save_as is not None:
            # A break leaves no outputs behind it; an item that failed gives null.
            ended: int = node.get("k", len(self._items))
            results = cast("JsonObject", node["res"])
            given = [results.get(str(index)) for index in range(ended)]
            visit.held.drop("items", "res")
            visit.scope.assign(step.save_as, given, visit.path)
        return None

    @property
    def _items(self) -> list[Json]:
        return cast("list[Json]", self.visit.node["items"])

    def _concurrency(self) -> int:
        wanted = self.visit.scope.resolve(self.step.concurrency, self.visit.path)
        is_whole = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        if is_whole and wanted == int(wanted) and 1 <= wanted <= MAX_CONCURRENCY:
            return int(wanted)
        raise self.visit.error(
            "CONCURRENCY_INVALID",
            Category.VALIDATION,
            f"The concurrency is {wanted!r:.40}, not a whole number from 1 to {MAX_CONCURRENCY}.",
        )

    async def _in_turn(self) -> Outcome:
        node, scope = self.visit.node, self.visit.scope
        frame = self.visit.frame.dealing(self._deals)
        node.setdefault("k", 0)
        while (index := cast("int", node["k"])) < len(self._items):
            outcome = await self._walk(index, frame, node.setdefault("s", {}))
            if isinstance(outcome, Settled | Cancelled):
                return outcome
            if isinstance(outcome, Broke):
                break
            stop = how_it_ended(
                self._ended,
                index,
                outcome,
                scope,
                lambda error: self.visit.run.fails(error, frame.deals),
            )
            if stop is not None:
                return stop.outcome
            node["k"] = index + 1
            del node["s"]
        return None

    async def _at_once(self) -> Outcome:
        lanes = Lanes(
            visit=self.visit,
            count=len(self._items),
            walk=self._walk,
            ended=self._ended,
            deals=self._deals,
            wanted=self.visit.node["c"],
        )
        outcome = await lanes.run()
        if outcome is None:
            self.visit.scope.join(lanes.joined(), self.visit.path)
        return outcome

    async def _walk(self, index: int, frame: Frame, node: JsonObject) -> Outcome:
        inside = frame.naming(self._names(index)).at(f"{self.visit.path}[{index}]")
        return await self.visit.run.walk(self.step.body, inside, node)

    def _ended(self, index: int, outcome: Outcome, scope: Scope) -> Stop | None:
        held, policy = self.visit.held, self.step.on_item_error
        if isinstance(outcome, Failed):
            if policy == "fail" or is_fatal(outcome.error):
                details = {**(outcome.error.details or {}), "index": index}
                return Stop(Failed(replace(outcome.error, details=details)))
            if policy == "collect" and self.step.save_as is not None:
                failed = {"ok": False, "error": outcome.error.as_json()}
                held.put("res", str(index), failed)
            return None
        if isinstance(outcome, Broke):
            raise self._break_refused(index)
        if outcome is not None and not isinstance(outcome, Continued):
            return Stop(outcome)
        if self.step.save_as is not None:
            seen = scope.with_names(self._names(index))
            value = seen.resolve(self.step.output, f"{self.visit.path}[{index}]")
            given: Json = {"ok": True, "value": value} if policy == "collect" else value
            held.put("res", str(index), given)
        return None

    def _deals(self, _error: ErrorInfo) -> bool:
        return self.step.on_item_error != "fail"

    def _break_refused(self, index: int) -> StepError:
        """Which items have begun is left to chance, so none of them can end the loop."""
        return StepError(
            ErrorInfo(
                code="BREAK_IN_CONCURRENT_LOOP",
                category=Category.VALIDATION,
                message="A loop with several items at a time cannot be left by a break.",
                step=f"{self.visit.path}[{index}]",
            )
        )

    def _names(self, index: int) -> JsonObject:
        item, length = self._items[index], len(self._items)
        return {
            "item": item,
            self.step.item_var: item,
            "index": index,
            "length": length,
            "isFirst": index == 0,
            "isLast": index == length - 1,
        }
