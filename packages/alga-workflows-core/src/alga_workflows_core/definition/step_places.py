"""Where steps stand in a document, and which of them have another place in a later one.

Blocks are the same where their steps have the same id and the same member; a case is recognised by
its condition, else by its steps, else by its number, and a branch by its id, else by its steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from alga_workflows_core.definition.matching import longest_rise, matched
from alga_workflows_core.definition.tree import raw_blocks
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer

BlockKey: TypeAlias = tuple[str, str, int]
"""The id of a step, the member that holds the block, and which of several blocks it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A step and where it stands. `former`: the id of the step in front of it in its block."""

    path: str
    block: BlockKey | None
    inside: str
    former: str | None
    members: JsonObject

    @property
    def title(self) -> str:
        """What a step is called that came or went."""
        return f"Step '{self.members['id']}' ({self.members['type']})"

    @property
    def behind(self) -> str:
        """Where it stands in its block."""
        return "as the first step" if self.former is None else f"behind '{self.former}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """The steps of two documents by id, in document order.

    `lanes`: by step and member (`cases`, `branches`), which entry of the later document is which
    one of the former.
    """

    old: Mapping[str, Placed]
    new: Mapping[str, Placed]
    lanes: Mapping[tuple[str, str], Mapping[int, int]]


def trees(before: JsonObject, after: JsonObject) -> Trees:
    """The steps of both documents, whose blocks have the same key where they are the same."""
    former, later = _steps_of(before.get("steps")), _steps_of(after.get("steps"))
    lanes = {
        (identity, name): _lanes(name, former[identity][name], later[identity][name])
        for identity in later
        for name in ("cases", "branches")
        if identity in former and name in former[identity] and name in later[identity]
    }
    old, new = (
        _walk(before.get("steps"), "/steps"),
        _walk(after.get("steps"), "/steps", lanes=lanes),
    )
    return Trees(
        old={str(step.members["id"]): step for step in old},
        new={str(step.members["id"]): step for step in new},
        lanes=lanes,
    )


def moved_steps(both: Trees) -> set[str]:
    """The steps that left their block, and as few as can be of those that changed their order."""
    kept = [identity for identity in both.new if identity in both.old]
    found = {name for name in kept if both.old[name].block != both.new[name].block}
    ranks = {identity: rank for rank, identity in enumerate(both.old)}
    blocks: dict[BlockKey | None, list[str]] = {}
    for identity in kept:
        if identity not in found:
            blocks.setdefault(both.new[identity].block, []).append(identity)
    for order in blocks.values():
        staying = longest_rise([ranks[identity] for identity in order])
        found.update(name for index, name in enumerate(order) if index not in staying)
    return found


def _steps_of(steps: Json) -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    waiting = list(cast("list[JsonObject]", steps or []))
    while waiting:
        step = waiting.pop()
        found[str(step["id"])] = step
        for _, inner in raw_blocks(step):
            waiting.extend(cast("list[JsonObject]", inner))
    return found


def _lanes(name: str, old: Json, new: Json) -> Mapping[int, int]:
    former, later = cast("list[Json]", old), cast("list[Json]", new)
    if name == "branches":
        return matched(former, later, _branch_id, _step_ids)
    found = matched(former, later, _condition, _step_ids)
    left = set(range(len(former))) - set(found.values())
    return found | {index: index for index in range(len(later)) if index in left - found.keys()}


def _branch_id(entry: Json) -> tuple[str]:
    return (str(cast("JsonObject", entry).get("id")),)


def _condition(entry: Json) -> tuple[bytes]:
    return (canonical(cast("JsonObject", entry).get("when")),)


def _step_ids(entry: Json) -> list[str]:
    steps = cast("JsonObject", entry).get("steps")
    return [str(step["id"]) for step in cast("list[JsonObject]", steps or [])]


def _walk(
    steps: Json,
    parent: str,
    block: BlockKey | None = None,
    inside: str = "the definition",
    *,
    lanes: Mapping[tuple[str, str], Mapping[int, int]] | None = None,
) -> Iterator[Placed]:
    """`lanes` are given for the later document: entries get the number that they had."""
    former: str | None = None
    for index, step in enumerate(cast("list[JsonObject]", steps or [])):
        path = parent + pointer(index)
        identity = str(step["id"])
        yield Placed(path=path, block=block, inside=inside, former=former, members=step)
        former = identity
        for place, inner in raw_blocks(step):
            name, number = str(place[0]), int(place[1]) if len(place) > 1 else 0
            if len(place) > 1 and lanes is not None:
                number = lanes.get((identity, name), {}).get(number, -1 - number)
            key = identity, name, number
            title = f"{_block_title(step, place)} of '{identity}'"
            yield from _walk(inner, path + pointer(*place), key, title, lanes=lanes)


def _block_title(step: JsonObject, place: Sequence[str | int]) -> str:
    match place:
        case ("cases", int(index), _):
            return f"case {index + 1}"
        case ("branches", int(index), _):
            branch = cast("list[JsonObject]", step["branches"])[index]
            return f"branch '{branch['id']}'"
        case _:
            return f"'{place[0]}'"
