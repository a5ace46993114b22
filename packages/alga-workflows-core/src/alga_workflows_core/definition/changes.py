"""The difference between two published documents, in words; steps are matched by their ids.

Values are equal when their canonical JSON is, so documents with the same identity have no changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from alga_workflows_core.definition.differences import (
    Change,
    ChangeKind,
    Sides,
    added,
    changed,
    moved,
    presence,
    removed,
    whole,
)
from alga_workflows_core.definition.matching import in_order
from alga_workflows_core.definition.member_changes import member_changes
from alga_workflows_core.definition.step_places import Placed, Trees, moved_steps, trees
from alga_workflows_core.definition.tree import BLOCK_NAMES
from alga_workflows_core.definition.wording import from_to, shown
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.pointers import pointer

__all__ = ["Change", "ChangeKind", "changes"]


def changes(before: JsonObject, after: JsonObject) -> list[Change]:
    """What has to be done to `before` to get `after`, in an order that depends on them only.

    Both are documents that were published; `{}` stands for nothing yet. First the members of the
    document, then the steps as `after` has them, then those that were removed.
    """
    hidden = {"steps"} if before and after else {"steps", "id"}
    own = Sides("", "", _without(before, hidden), _without(after, hidden))
    return [*member_changes("", own), *_step_changes(trees(before, after))]


def _without(members: JsonObject, hidden: set[str]) -> JsonObject:
    return {name: value for name, value in members.items() if name not in hidden}


def _step_changes(both: Trees) -> Iterator[Change]:
    shifted = moved_steps(both)
    for identity, step in both.new.items():
        former = both.old.get(identity)
        if former is None:
            yield added(step.path, f"{step.title} was added to {step.inside}, {step.behind}.")
            continue
        if identity in shifted:
            way = (
                f"inside {step.inside}"
                if step.block == former.block
                else f"from {former.inside} to {step.inside}"
            )
            yield moved(step.path, f"Step '{identity}' moved {way}, {step.behind}.")
        yield from _inner_changes(identity, former, step, both)
    for identity, step in both.old.items():
        if identity not in both.new:
            yield removed(step.path, f"{step.title} was removed from {step.inside}.")


def _inner_changes(identity: str, former: Placed, step: Placed, both: Trees) -> Iterator[Change]:
    """Changes of a step's own members; the steps inside it are told on their own."""
    of = f" of '{identity}'"
    old, new = former.members, step.members
    hidden = {"id", "type", "config", "cases", "branches"}
    hidden.update(name for name in BLOCK_NAMES if old.get(name) or new.get(name))
    sides = Sides(former.path, step.path, old, new)
    yield from whole(f"The type{of}", sides.member("type"))
    rest = Sides(former.path, step.path, _without(old, hidden), _without(new, hidden))
    yield from member_changes(of, rest)
    yield from _lane_changes(identity, "cases", sides, both)
    yield from _lane_changes(identity, "branches", sides, both)
    if isinstance(old.get("config"), dict) and isinstance(new.get("config"), dict):
        yield from member_changes(of, sides.member("config"))
    else:
        yield from presence(f"The config{of}", "config", sides)


def _lane_changes(identity: str, name: str, sides: Sides, both: Trees) -> Iterator[Change]:
    """Cases and branches that came, went, or differ in what they have besides their steps."""
    old, new = cast("JsonObject", sides.old), cast("JsonObject", sides.new)
    former = cast("list[JsonObject]", old.get(name, []))
    later = cast("list[JsonObject]", new.get(name, []))
    found = both.lanes.get((identity, name), {})
    for index, entry in enumerate(later):
        title, what = _lane(name, index, entry)
        if index in found:
            lane = sides.member(name).member(index, of_old=found[index])
            yield from _own_changes(name, identity, title, lane)
        else:
            where = sides.path + pointer(name, index)
            yield added(where, f"{title} was added to '{identity}'{what}.")
    kept = set(found.values())
    for index, entry in enumerate(former):
        if index not in kept:
            title, what = _lane(name, index, entry)
            where = sides.was + pointer(name, index)
            yield removed(where, f"{title} was removed from '{identity}'{what}.")
    if not in_order(dict(found)):
        yield moved(sides.path + pointer(name), f"{_order(identity, name, later, found)}.")


def _order(identity: str, name: str, later: list[JsonObject], found: Mapping[int, int]) -> str:
    if name == "branches":
        names = shown([entry["id"] for entry in later])
        return f"The order of the branches of '{identity}' changed; it is now {names}"
    numbers = ", ".join(str(index + 1) for index in found.values())
    return f"The order of the cases of '{identity}' changed; by former numbers it is now {numbers}"


def _lane(name: str, index: int, entry: JsonObject) -> tuple[str, str]:
    if name == "cases":
        return f"Case {index + 1}", f": {shown(entry.get('when'))}"
    return f"Branch {quoted(str(entry.get('id')))}", ""


def _own_changes(name: str, identity: str, title: str, lane: Sides) -> Iterator[Change]:
    of = f" of {title[0].lower()}{title[1:]} of '{identity}'"
    old, new = (
        _without(cast("JsonObject", each), {"steps", "id"}) for each in (lane.old, lane.new)
    )
    if name == "branches":
        former, later = (cast("JsonObject", each).get("id") for each in (lane.old, lane.new))
        if former != later:
            text = f"A branch of '{identity}' was renamed {from_to(former, later)}."
            yield changed(lane.path + pointer("id"), text)
    yield from member_changes(of, Sides(lane.was, lane.path, old, new))
