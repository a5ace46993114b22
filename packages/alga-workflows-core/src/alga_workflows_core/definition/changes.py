"""The difference between two published documents, in words; steps are matched by their ids.

Values are equal when their canonical JSON is, so documents with the same identity have no changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from alga_workflows_core.definition.canonical import canonical
from alga_workflows_core.definition.faults import quoted
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.definition.wording import from_to, shown
from alga_workflows_core.types.json import Json, JsonObject

_BLOCKS = ("then", "else")
_MAPS = {"inputMapping": "Input", "assign": "Assignment"}
_NAMES = {
    "actionId": "action",
    "version": "version of the action",
    "saveAs": "path that gets the output",
}


class ChangeKind(StrEnum):
    """What happened to a step, or to a member of a step or of the document."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference in a sentence.

    `path` is a JSON Pointer into the later document; for what was removed, into the former one.
    """

    path: str
    kind: ChangeKind
    message: str


def changes(before: JsonObject, after: JsonObject) -> list[Change]:
    """What has to be done to `before` to get `after`, in an order that depends on them only.

    Both are documents that were published; `{}` stands for nothing yet. First the members of the
    document, then the steps as `after` has them, then those that were removed.
    """
    return [*_document_changes(before, after), *_step_changes(before, after)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A step and where it stands: `block` is the id of the step around it and the member's name."""

    path: str
    block: tuple[str, str] | None
    former: str | None
    members: JsonObject

    @property
    def title(self) -> str:
        return f"Step '{self.members['id']}' ({self.members['type']})"

    @property
    def inside(self) -> str:
        return "the definition" if self.block is None else f"'{self.block[1]}' of '{self.block[0]}'"

    @property
    def behind(self) -> str:
        return "as the first step" if self.former is None else f"behind '{self.former}'"


def _document_changes(before: JsonObject, after: JsonObject) -> Iterator[Change]:
    for name in sorted((before.keys() | after.keys()) - {"id", "steps", "payloadSchema"}):
        yield from _member_changes(f"The {name}", pointer(name), name, before, after)
    name = "payloadSchema"
    old, new = before.get(name), after.get(name)
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield from _member_changes("The payloadSchema", pointer(name), name, before, after)
        return
    old, new = cast("JsonObject", old), cast("JsonObject", new)
    for keyword in sorted(old.keys() | new.keys()):
        path = pointer(name, keyword)
        inner = (old.get(keyword), new.get(keyword))
        if keyword == "properties" and all(isinstance(each, dict) for each in inner):
            former, later = (cast("JsonObject", each) for each in inner)
            for field in sorted(former.keys() | later.keys()):
                what = f"The payload's field {quoted(field)}"
                yield from _member_changes(what, path + pointer(field), field, former, later)
        else:
            what = f"The payloadSchema's {quoted(keyword)}"
            yield from _member_changes(what, path, keyword, old, new)


def _step_changes(before: JsonObject, after: JsonObject) -> Iterator[Change]:
    old = {str(step.members["id"]): step for step in _walk(before.get("steps"), "/steps", None)}
    new = {str(step.members["id"]): step for step in _walk(after.get("steps"), "/steps", None)}
    moved = _moved(old, new)
    for identity, step in new.items():
        former = old.get(identity)
        if former is None:
            message = f"{step.title} was added to {step.inside}, {step.behind}."
            yield Change(path=step.path, kind=ChangeKind.ADDED, message=message)
            continue
        if identity in moved:
            way = (
                f"inside {step.inside}"
                if step.block == former.block
                else f"from {former.inside} to {step.inside}"
            )
            message = f"Step '{identity}' moved {way}, {step.behind}."
            yield Change(path=step.path, kind=ChangeKind.MOVED, message=message)
        yield from _inner_changes(identity, step.path, former.members, step.members)
    for identity, step in old.items():
        if identity not in new:
            message = f"{step.title} was removed from {step.inside}."
            yield Change(path=step.path, kind=ChangeKind.REMOVED, message=message)


def _walk(steps: Json, parent: str, block: tuple[str, str] | None) -> Iterator[_Placed]:
    former: str | None = None
    for index, step in enumerate(cast("list[JsonObject]", steps or [])):
        path = parent + pointer(index)
        identity = str(step["id"])
        yield _Placed(path=path, block=block, former=former, members=step)
        former = identity
        for name in _BLOCKS:
            yield from _walk(step.get(name), path + pointer(name), (identity, name))


def _moved(old: dict[str, _Placed], new: dict[str, _Placed]) -> set[str]:
    """The steps that left their block, and as few as can be of those that changed their order."""
    kept = [identity for identity in new if identity in old]
    moved = {identity for identity in kept if old[identity].block != new[identity].block}
    ranks = {identity: rank for rank, identity in enumerate(old)}
    blocks: dict[tuple[str, str] | None, list[str]] = {}
    for identity in kept:
        if identity not in moved:
            blocks.setdefault(new[identity].block, []).append(identity)
    for order in blocks.values():
        staying = _longest_rise([ranks[identity] for identity in order])
        moved.update(name for index, name in enumerate(order) if index not in staying)
    return moved


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """The indices of a longest increasing subsequence of `numbers`, which are all different."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int | None] = []
    for index, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else None)
        ends[length:] = [number, *ends[length + 1 :]]
        at[length:] = [index, *at[length + 1 :]]
    found: set[int] = set()
    index = at[-1] if at else None
    while index is not None:
        found.add(index)
        index = before[index]
    return found


def _inner_changes(identity: str, path: str, old: JsonObject, new: JsonObject) -> Iterator[Change]:
    """Changes of a step's own members; the steps inside it are told on their own."""
    of = f"of '{identity}'"
    hidden = {"id", "type", "config"}
    hidden.update(name for name in _BLOCKS if old.get(name) or new.get(name))
    yield from _member_changes(f"The type {of}", path + pointer("type"), "type", old, new)
    for name in sorted((old.keys() | new.keys()) - hidden):
        yield from _member_changes(f"The {name} {of}", path + pointer(name), name, old, new)
    former, later = old.get("config"), new.get("config")
    if isinstance(former, dict) and isinstance(later, dict):
        former, later = cast("JsonObject", former), cast("JsonObject", later)
        yield from _config_changes(of, path + pointer("config"), former, later)
    else:
        yield from _member_changes(f"The config {of}", path + pointer("config"), "config", old, new)


def _config_changes(of: str, parent: str, old: JsonObject, new: JsonObject) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        path = parent + pointer(name)
        noun = _MAPS.get(name)
        former, later = old.get(name, {}), new.get(name, {})
        if noun is None or not isinstance(former, dict) or not isinstance(later, dict):
            what = f"The {_NAMES.get(name, name)} {of}"
            yield from _member_changes(what, path, name, old, new)
            continue
        former, later = cast("JsonObject", former), cast("JsonObject", later)
        if not former and not later:
            yield from _member_changes(f"The {name} {of}", path, name, old, new)
        for field in sorted(former.keys() | later.keys()):
            what = f"{noun} {quoted(field)} {of}"
            yield from _member_changes(what, path + pointer(field), field, former, later)
        if name == "assign":
            yield from _order_changes(of, path, former, later)


def _order_changes(of: str, path: str, old: JsonObject, new: JsonObject) -> Iterator[Change]:
    """Assignments are carried out in the order in which they are written."""
    former = [name for name in old if name in new]
    later = [name for name in new if name in old]
    if former != later:
        message = f"The order of the assignments {of} changed; it is now {shown(list(new))}."
        yield Change(path=path, kind=ChangeKind.MOVED, message=message)


def _member_changes(
    what: str, path: str, name: str, old: JsonObject, new: JsonObject
) -> Iterator[Change]:
    if name not in new:
        if name in old:
            message = f"{what} was removed; it was {shown(old[name])}."
            yield Change(path=path, kind=ChangeKind.REMOVED, message=message)
    elif name not in old:
        message = f"{what} was added: {shown(new[name])}."
        yield Change(path=path, kind=ChangeKind.ADDED, message=message)
    elif canonical(old[name]) != canonical(new[name]):
        message = f"{what} changed {from_to(old[name], new[name])}."
        yield Change(path=path, kind=ChangeKind.CHANGED, message=message)
