"""From the checkpoint of a run that has failed to the state in which its retry goes on.

The step that has failed begins anew, and so does the outermost saga or try with a `finally` around
whatever was under way: what they have done was undone, or cleaned up. Ordinals in what begins anew
begin behind all that there were, so that no call and no wait is taken for a former one. All other
steps that were under way go on from their nodes with the ordinals that they had: the ledger says
what became of their calls. The retry may be by another version that has the same steps under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.steps.if_ import IfStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.steps.saga import SagaStep
from alga_workflows_core.definition.steps.switch import SwitchStep
from alga_workflows_core.definition.steps.try_catch import TryCatchStep
from alga_workflows_core.definition.steps.union import Step
from alga_workflows_core.interpreter.checkpoints import CHECKPOINT_FORMAT
from alga_workflows_core.types.json import Json, JsonObject

ORDINALS = 1_000_000
"""What begins anew in epoch n counts from n times this."""

_Steps = Sequence[Step]


@dataclass(frozen=True, slots=True)
class Resumption:
    """`state` is for a `Run`; none of it counts if there are `unfit` paths: steps, by their ids,
    that were under way and that the version does not have there, with the same type."""

    state: JsonObject
    unfit: Sequence[str]


def waits_under_way(checkpoint: JsonObject) -> Sequence[str]:
    """The keys of the waits that were open."""
    return list(checkpoint["state"]["waits"])


def resume(
    checkpoint: JsonObject,
    *,
    former: Definition,
    definition: Definition,
    epoch: int,
    resolutions: Mapping[str, JsonObject],
) -> Resumption:
    """The state in which epoch `epoch` of a run goes on by `definition`, where `former` was at work
    until it failed. `resolutions`: what is known of waits that were open then, by key. ValueError
    for a checkpoint of another format.
    """
    if checkpoint.get("format") != CHECKPOINT_FORMAT:
        raise ValueError(f"the checkpoint has format {checkpoint.get('format')}")
    state: JsonObject = checkpoint["state"]
    known = {key: found for key, found in state["waits"].items() if found is not None}
    cutter = _Cutter(
        at_once=checkpoint["atOnce"], base=epoch * ORDINALS, known={**resolutions, **known}
    )
    cursor = cutter.steps(state["cursor"], former.steps, definition.steps, "")
    made: JsonObject = {
        "format": state["format"],
        "retry": True,
        "cursor": cursor,
        "vars": state["vars"],
        "meta": state["meta"],
        "seq": 0,
        "lanes": cutter.lanes,
        "due": None,
        "waits": cutter.waits,
        "paused": False,
        "cancel": None,
    }
    return Resumption(made, cutter.unfit)


@dataclass(slots=True, kw_only=True)
class _Cutter:
    """Makes a new cursor; `lanes`, `waits` and `unfit` are what that comes to."""

    at_once: bool
    base: int
    known: Mapping[str, JsonObject]
    lanes: int = 1
    waits: JsonObject = field(default_factory=dict[str, Json])
    unfit: list[str] = field(default_factory=list[str])

    def steps(self, node: JsonObject, former: _Steps, steps: _Steps, path: str) -> JsonObject:
        """A list of steps, from where it stands."""
        if "i" not in node:
            return {}
        place = self._place(node["i"], former, steps, path)
        if place is None:
            return {}
        if "n" not in node:
            return {"i": place} | ({"z": node["z"]} if "z" in node else {})
        index: int = node["i"]
        old, step = former[index], steps[place]
        here = _joined(path, step.id)
        if old.type != step.type:
            self.unfit.append(here)
            return {}
        if node.get("f") or (not self.at_once and _is_undone(old, node["n"])):
            return {"i": place, "z": self.base}
        began = datetime.fromisoformat(node["b"][1])
        return {"i": place, "n": self._node(node["n"], old, step, here, began)}

    def _place(self, index: int, former: _Steps, steps: _Steps, path: str) -> int | None:
        """Where a list goes on: at the same step, or behind the last."""
        behind = index >= len(former)
        wanted = former[-1 if behind else index].id
        for place, step in enumerate(steps):
            if step.id == wanted:
                return place + 1 if behind else place
        self.unfit.append(_joined(path, wanted))
        return None

    def _node(
        self, node: JsonObject, former: Step, step: Step, path: str, began: datetime
    ) -> JsonObject:
        made = dict(node)
        self._wait_again(made, began)
        if "park" in made:
            park = made["park"] = dict(made["park"])
            self._wait_again(park, began)
            if "ws" not in park:
                del made["park"]
        self.lanes += made.get("lim", 1) - 1
        if former.blocks():
            self._inside(made, former, step, path)
        else:
            # A call has all its attempts again.
            for name in ("k", "due"):
                made.pop(name, None)
        return made

    def _inside(self, node: JsonObject, former: Step, step: Step, path: str) -> None:
        if isinstance(former, ParallelStep) and isinstance(step, ParallelStep):
            self._branches(node, former, step, path)
            return
        old, new = _block(former, node), _block(step, node)
        if "s" in node:
            node["s"] = self.steps(node["s"], old, new, path)
        if "run" in node:
            node["run"] = {
                index: {**lane, "n": self.steps(lane["n"], old, new, path)}
                for index, lane in node["run"].items()
            }

    def _branches(
        self, node: JsonObject, former: ParallelStep, step: ParallelStep, path: str
    ) -> None:
        """The branches have to be the same ones: what has ended is known by its index."""
        if [branch.id for branch in former.branches] != [branch.id for branch in step.branches]:
            self.unfit.append(path)
            return
        node["run"] = {
            index: {
                **lane,
                "n": self.steps(
                    lane["n"],
                    former.branches[int(index)].steps,
                    step.branches[int(index)].steps,
                    _joined(path, step.branches[int(index)].id),
                ),
            }
            for index, lane in node.get("run", {}).items()
        }

    def _wait_again(self, node: JsonObject, began: datetime) -> None:
        """Of waits that were open, keep what they have got; all that they lack is waited for anew,
        since a wait that was closed does not open again."""
        if "ws" not in node:
            return
        waits: list[JsonObject] = node["ws"]
        if "rs" in node:
            found: list[JsonObject | None] = [
                given if _counts(wait, given) else None
                for wait, given in zip(waits, node["rs"], strict=True)
            ]
            if None not in found:
                return
        else:
            found = [self._found(wait) for wait in waits]
        for name in ("ws", "rs", "wk"):
            node.pop(name, None)
        if not any(found):
            return
        node["ws"] = kept = [dict(wait) for wait in waits]
        for wait, given in zip(kept, found, strict=True):
            if given is not None:
                self.waits[wait["key"]] = given
        if None in found:
            for wait, given in zip(kept, found, strict=True):
                due: str | None = wait.pop("due")
                wait["for"] = (
                    None if due is None else (datetime.fromisoformat(due) - began).total_seconds()
                )
                wait["key"] = None if given is None else wait["key"]

    def _found(self, wait: JsonObject) -> JsonObject | None:
        given = None if wait["key"] is None else self.known.get(wait["key"])
        return given if _counts(wait, given) else None


def _counts(wait: JsonObject, given: JsonObject | None) -> bool:
    """A called run that did not succeed, for it was asked to end, is called again."""
    if given is None:
        return False
    return wait["kind"] != "child" or given.get("status") == "SUCCEEDED"


def _is_undone(step: Step, node: JsonObject) -> bool:
    """Whether a step that was left while it stood like this has undone, or cleaned up, what it had
    done. One that was at it already goes on with that."""
    if isinstance(step, SagaStep):
        return node.get("ph") != "undo"
    if isinstance(step, TryCatchStep):
        return step.finally_ is not None and node.get("ph") != "finally"
    return False


def _block(step: Step, node: JsonObject) -> _Steps:
    """The block that the step is in; none if it does not have that."""
    if isinstance(step, IfStep):
        found = step.then if node.get("b") == "then" else step.otherwise
    elif isinstance(step, SwitchStep):
        chosen = cast("int", node.get("b", -1))
        cases = [step.default, *(case.steps for case in step.cases)]
        found = cases[chosen + 1] if chosen < len(step.cases) else None
    elif isinstance(step, TryCatchStep):
        blocks = {"try": step.attempt, "catch": step.catch, "finally": step.finally_}
        found = blocks[node.get("ph", "try")]
    else:
        (only,) = step.blocks()
        found = only.steps
    return found or ()


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
