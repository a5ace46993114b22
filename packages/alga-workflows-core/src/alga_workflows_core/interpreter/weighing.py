"""What the parts of a run's state weigh: bytes that are never fewer than those it is written with.

A step's node weighs what it says of where the run stands (a fixed room by the kind of step) and
the values that it holds (`HELD`). An error that a step may have to keep has a room of `ERROR_ROOM`
from the step's beginning, in which a shortened one always fits; of a longer one the rest is
weighed. So catching, cleaning up and parking need no room that might not be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import cast

from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.types.json import Json, JsonObject

STATE_ROOM = 16 * 1024
"""What a run carries besides its nodes, variables and waits: label, cancel, identity."""

NODE_ROOM = 384
"""A step's place in its list and the figures, times and names in its node."""

ERROR_ROOM = 512
"""A shortened error, or an outcome with one."""

LANE_ROOM = 64
"""What is written down of a lane besides its steps and its writes."""

WAIT_ROOM = 192
"""What resolves a wait, at least: room for saying that it was too large."""

ERRORS = frozenset({"e", "err", "out"})
"""Members of nodes that are errors or outcomes."""

HELD = ("items", "res", "in", "sec", "idk", "ws", "rs", *sorted(ERRORS))
"""Members of nodes that hold values of any size, besides a saga's stack."""

_KEPT_ERRORS: Mapping[str, int] = MappingProxyType(
    {
        "action.call": 1,
        "control.callWorkflow": 1,
        "control.forEach": 1,
        "control.parallel": 1,
        "control.saga": 2,
        "control.tryCatch": 2,
    }
)
_WRITES_ROOM = 24
_BETWEEN = len(", ")


def step_room(kind: str) -> int:
    """What a step of a type weighs from its beginning."""
    return NODE_ROOM + ERROR_ROOM * _KEPT_ERRORS.get(kind, 0)


def held_weight(name: str, value: Json) -> int:
    """What a member of a node weighs, one of `HELD`."""
    size = encoded_size(value)
    return max(0, size - ERROR_ROOM) if name in ERRORS else size


def member_weight(container: JsonObject, key: str, value: Json) -> int:
    """By how much an object grows when it gets one more member."""
    return encoded_size(key) + len(": ") + encoded_size(value) + (_BETWEEN if container else 0)


def entry_weight(entry: JsonObject) -> int:
    """An entry of a saga's stack. It can say why it has no input, whatever else it says."""
    known = {name: entry[name] for name in ("p", "a", "v")}
    told = {name: value for name, value in entry.items() if name not in known}
    return encoded_size(known) + max(ERROR_ROOM, encoded_size(told)) + _BETWEEN


def write_weight(path: str, value: Json) -> int:
    """One write of a branch, as `[path, value]` in a list."""
    return len("[, ]") + encoded_size(path) + encoded_size(value) + _BETWEEN


def writes_weight(weights: int) -> int:
    """All writes of a branch, whose `write_weight` is so much in sum."""
    return weights + _WRITES_ROOM if weights else 0


def key_weight(key: str) -> int:
    """The key of an open wait."""
    return encoded_size(key) + len(": ") + _BETWEEN


def state_weight(state: JsonObject) -> int:
    """All that is in a state (`Run.settled_state`) besides the variables of the run."""
    waits = cast("JsonObject", state.get("waits", {}))
    return (
        STATE_ROOM
        + _steps_weight(state.get("cursor", {}))
        + sum(
            key_weight(key) + max(WAIT_ROOM, encoded_size(resolution))
            for key, resolution in waits.items()
        )
    )


def node_weight(node: JsonObject) -> int:
    """What a step's node weighs without those of the steps and branches inside it.

    The kind of step is told by what its node holds: it has that wherever a run can settle.
    """
    held = sum(held_weight(name, node[name]) for name in HELD if name in node)
    stack = sum(entry_weight(entry) for entry in node.get("stack", ()))
    park = sum(held_weight(name, value) for name, value in _parked(node))
    return _room(node) + held + stack + park + LANE_ROOM * cast("int", node.get("lim", 0))


def _parked(node: JsonObject) -> Iterable[tuple[str, Json]]:
    park: JsonObject = node.get("park", {})
    return ((name, park[name]) for name in HELD if name in park)


def _room(node: JsonObject) -> int:
    if "ph" in node:
        return step_room("control.tryCatch")
    if "res" in node:
        return step_room("control.forEach")
    return step_room("action.call" if "t" in node or "err" in node else "")


def _steps_weight(steps: JsonObject) -> int:
    """A list of steps, from the step that it stands at."""
    if "n" not in steps:
        return 0
    node: JsonObject = steps["n"]
    weight = node_weight(node) + _steps_weight(node.get("s", {}))
    for lane in cast("JsonObject", node.get("run", {})).values():
        weight += _steps_weight(lane["n"]) + _written(lane.get("v", ()))
    return weight + sum(map(_written, cast("JsonObject", node.get("fin", {})).values()))


def _written(writes: Iterable[tuple[str, Json]]) -> int:
    return writes_weight(sum(write_weight(path, value) for path, value in writes))
