"""The variables of a run, and of its branches: private copies until their writes are joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import cast

from alga_workflows_core.definition import paths
from alga_workflows_core.interpreter.sizes import encoded_size
from alga_workflows_core.interpreter.weighing import write_weight, writes_weight
from alga_workflows_core.types.json import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """A value: what would change it answers another one that shares all that stayed the same.

    `values` is what expressions see as `vars`; nobody changes it in place. `size` is its
    `encoded_size`, kept up to date by differences, and so is `written_weight`, what the branch's
    writes weigh. `written` is None unless this is a branch; then
    it names what the branch wrote, in an order that gives the same result as all its writes.

    Of `written`, no path lies inside another: a write takes the place of the former ones inside
    it, and one inside a former write is part of what that has become. So the value of each is what
    `values` holds there now, there are no more than the definition has paths, and applying them to
    any variables gives what applying every single write in its order would have given, down to the
    order of names.
    """

    values: JsonObject = field(default_factory=dict[str, Json])
    size: int = len("{}")
    written: tuple[str, ...] | None = None
    written_weight: int = 0

    @classmethod
    def of(cls, values: JsonObject) -> Variables:
        """The variables of a run that starts with `values`."""
        return cls(values=values, size=encoded_size(values))

    def assign(self, path: str, value: Json) -> Variables:
        """These with `value` at `path`, which `paths.fault_of` finds nothing wrong with."""
        growth = _growth(self.values, _segments(path), encoded_size(value))
        made = replace(self, values=paths.assign(self.values, path, value), size=self.size + growth)
        if self.written is None:
            return made
        written = _recorded(self.written, path)
        if written is not self.written:
            growth = write_weight(path, value) - sum(
                write_weight(former, _at(self.values, _segments(former)))
                for former in self.written
                if former not in written or former == path
            )
        return replace(made, written=written, written_weight=self.written_weight + growth)

    @property
    def weight(self) -> int:
        """What a run carries of them: of a branch its writes only."""
        return self.size if self.written is None else writes_weight(self.written_weight)

    def branch(self) -> Variables:
        """A copy for a branch or an item of a loop; its writes are recorded."""
        return replace(self, written=(), written_weight=0)

    def join(self, branches: Sequence[Variables]) -> Variables:
        """These with the writes of each of `branches`, in their order. ValueError for no branch.

        If this is a branch itself, they are its own writes from now on. A branch that is left out
        leaves no trace.
        """
        writes = (write for branch in branches for write in branch.writes())
        return reduce(lambda joined, write: joined.assign(*write), writes, self)

    def writes(self) -> Iterator[tuple[str, Json]]:
        """What a branch wrote: path and value, in the order to apply them. ValueError if none."""
        if self.written is None:
            raise ValueError("these are the variables of the run, not of a branch")
        for path in self.written:
            yield path, _at(self.values, _segments(path))

    def as_json(self) -> JsonObject:
        """`{"values": {name: value}}`; of a branch only `{"writes": [[path, value], …]}`.

        What a branch has in common with its parent, which waits for it and does not change, is
        not repeated.
        """
        if self.written is None:
            return {"values": self.values}
        return {"writes": [[path, value] for path, value in self.writes()]}

    @classmethod
    def from_json(cls, value: JsonObject, parent: Variables | None = None) -> Variables:
        """What `as_json` answered this for. ValueError if a branch's `parent` is missing."""
        if "values" in value:
            return cls.of(value["values"])
        if parent is None:
            raise ValueError("a branch's variables are read on top of its parent's")
        writes = cast("list[tuple[str, Json]]", value["writes"])
        return reduce(lambda made, write: made.assign(*write), writes, parent.branch())


def _segments(path: str) -> list[str]:
    return path.split(".")[1:]


def _at(values: Json, segments: Sequence[str]) -> Json:
    return reduce(lambda here, name: here[name], segments, values)


def _recorded(written: tuple[str, ...], path: str) -> tuple[str, ...]:
    """`written` after a write to `path`; see `Variables`."""
    inside = f"{path}."
    replaced = [former for former in written if former == path or former.startswith(inside)]
    if replaced:
        # In the place of the first, which is where the name came into its object.
        return tuple(
            path if former == replaced[0] else former
            for former in written
            if former == replaced[0] or former not in replaced
        )
    if any(path.startswith(f"{former}.") for former in written):
        return written
    return (*written, path)


def _growth(here: JsonObject, segments: Sequence[str], size: int) -> int:
    """By how many bytes `here` grows when a value of `size` bytes is put at `segments`."""
    name, *inner = segments
    if inner and isinstance(here.get(name), dict):
        return _growth(here[name], inner, size)
    # What is missing further in is made: objects of one member each.
    made = size + sum(len("{}") + _name_size(missing) for missing in inner)
    if name in here:
        return made - encoded_size(here[name])
    return (len(", ") if here else 0) + _name_size(name) + made


def _name_size(name: str) -> int:
    return encoded_size(name) + len(": ")
