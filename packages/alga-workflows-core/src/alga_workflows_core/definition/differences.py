"""Differences between two values of documents, each in a sentence.

Values are equal when their canonical JSON is. What is compared here is known to be part of two
documents that were published; where it has another form than expected it is compared as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, cast

from alga_workflows_core.definition.matching import in_order, matched
from alga_workflows_core.definition.values import is_special
from alga_workflows_core.definition.wording import direction, from_to, shown
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer


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


@dataclass(frozen=True, slots=True)
class Sides:
    """The same part of the former and of the later document, and where it stands in each."""

    was: str
    path: str
    old: Json
    new: Json

    def member(self, *names: str | int, of_old: int | None = None) -> Sides:
        """What is inside; in the former document under the index `of_old`, if that is given."""
        former = names if of_old is None else (of_old,)
        return Sides(
            self.was + pointer(*former),
            self.path + pointer(*names),
            _held(self.old, former),
            _held(self.new, names),
        )

    @property
    def objects(self) -> tuple[JsonObject, JsonObject] | None:
        """Both as objects, if they are, and neither is an expression."""
        if any(not isinstance(each, dict) or is_special(each) for each in (self.old, self.new)):
            return None
        return cast("JsonObject", self.old), cast("JsonObject", self.new)

    @property
    def lists(self) -> tuple[list[Json], list[Json]] | None:
        """Both as lists, if they are."""
        if not all(isinstance(each, list) for each in (self.old, self.new)):
            return None
        return cast("list[Json]", self.old), cast("list[Json]", self.new)


Comparer: TypeAlias = Callable[[str, Sides], Iterator[Change]]
"""Tells how a member that is on both sides differs. The text says whose it is: ` of 'first'`."""


def _held(value: Json, names: tuple[str | int, ...]) -> Json:
    for name in names:
        value = cast("dict[str | int, Json]", value)[name]
    return value


def added(path: str, message: str) -> Change:
    """That something is new at `path`."""
    return Change(path=path, kind=ChangeKind.ADDED, message=message)


def removed(was: str, message: str) -> Change:
    """That something is gone that stood at `was`."""
    return Change(path=was, kind=ChangeKind.REMOVED, message=message)


def changed(path: str, message: str) -> Change:
    """That something at `path` has another value."""
    return Change(path=path, kind=ChangeKind.CHANGED, message=message)


def moved(path: str, message: str) -> Change:
    """That something at `path` has another place."""
    return Change(path=path, kind=ChangeKind.MOVED, message=message)


def whole(what: str, sides: Sides, verbs: tuple[str, str] | None = None) -> Iterator[Change]:
    """A change, if both are not equal; with `verbs` in words for more and for less."""
    if canonical(sides.old) == canonical(sides.new):
        return
    way = direction(sides.old, sides.new) if verbs else 0
    verb = verbs[0 if way > 0 else 1] if verbs and way else "changed"
    yield changed(sides.path, f"{what} {verb} {from_to(sides.old, sides.new)}.")


def presence(what: str, name: str, sides: Sides) -> Iterator[Change]:
    """A change, if the member `name` is on one side only."""
    old, new = cast("JsonObject", sides.old), cast("JsonObject", sides.new)
    if name in old and name not in new:
        where = sides.was + pointer(name)
        yield removed(where, f"{what} was removed; it was {shown(old[name])}.")
    elif name in new and name not in old:
        yield added(sides.path + pointer(name), f"{what} was added: {shown(new[name])}.")


def mapping(noun: str) -> Comparer:
    """Compares objects of which each member is told on its own: `Input 'text' of 'first' …`."""

    def compare(of: str, sides: Sides) -> Iterator[Change]:
        objects = sides.objects
        if objects is None:
            return
        old, new = objects
        for name in sorted(old.keys() | new.keys()):
            what = f"{noun} {quoted(name)}{of}"
            yield from presence(what, name, sides)
            if name in old and name in new:
                yield from whole(what, sides.member(name))

    return compare


def assignments(of: str, sides: Sides) -> Iterator[Change]:
    """Assignments are carried out in the order in which they are written, so it is compared too."""
    yield from mapping("Assignment")(of, sides)
    if sides.objects is not None:
        old, new = sides.objects
        if [name for name in old if name in new] != [name for name in new if name in old]:
            message = f"The order of the assignments{of} changed; it is now {shown(list(new))}."
            yield moved(sides.path, message)


def schema(noun: str, holder: str) -> Comparer:
    """Compares JSON Schemas by keyword, and by field: `The payload's field 'email' …`."""

    def compare(of: str, sides: Sides) -> Iterator[Change]:
        if sides.objects is None:
            return
        old, new = sides.objects
        for keyword in sorted(old.keys() | new.keys()):
            inner = _inside(sides, keyword) if keyword == "properties" else None
            if inner is not None:
                yield from mapping(f"The {noun}'s field")(of, inner)
                continue
            what = f"The {holder}'s {quoted(keyword)}{of}"
            yield from presence(what, keyword, sides)
            if keyword in old and keyword in new:
                yield from whole(what, sides.member(keyword))

    return compare


def _inside(sides: Sides, name: str) -> Sides | None:
    if name not in cast("JsonObject", sides.old) or name not in cast("JsonObject", sides.new):
        return None
    inner = sides.member(name)
    return inner if inner.objects is not None else None


_GAIN = "{entry} was added to the {what}{of}."
_LOSS = "{entry} was removed from the {what}{of}."


def entries(what: str, *, gain: str = _GAIN, loss: str = _LOSS) -> Comparer:
    """Compares lists of names, in which each entry is told on its own."""

    def compare(of: str, sides: Sides) -> Iterator[Change]:
        if sides.lists is None:
            return
        old, new = sides.lists
        found = matched(old, new, itself)
        for index, entry in enumerate(new):
            if index not in found:
                text = gain.format(entry=shown(entry), what=what, of=of)
                yield added(sides.path + pointer(index), text)
        kept = set(found.values())
        for index, entry in enumerate(old):
            if index not in kept:
                text = loss.format(entry=shown(entry), what=what, of=of)
                yield removed(sides.was + pointer(index), text)
        if not in_order(found):
            yield moved(sides.path, f"The order of the {what}{of} changed; it is now {shown(new)}.")

    return compare


def itself(entry: Json) -> tuple[bytes]:
    """An entry of a list is recognised by its value."""
    return (canonical(entry),)


def members(
    of: str, sides: Sides, nouns: Mapping[str, str], comparers: Mapping[str, Comparer]
) -> Iterator[Change]:
    """Compares objects by member. What a comparer finds no words for is compared as a whole."""
    old, new = cast("JsonObject", sides.old), cast("JsonObject", sides.new)
    for name in sorted(old.keys() | new.keys()):
        what = f"The {nouns.get(name, name)}{of}"
        inner = _both(name, sides)
        if inner is None:
            yield from presence(what, name, sides)
            continue
        comparer = comparers.get(name)
        found = [] if comparer is None else list(comparer(of, inner))
        yield from found or whole(what, inner, QUANTITIES.get(name))


def _both(name: str, sides: Sides) -> Sides | None:
    """The member on both sides; absent is as good as empty where there is something to tell."""
    old, new = cast("JsonObject", sides.old), cast("JsonObject", sides.new)
    if name in old and name in new:
        return sides.member(name)
    empty, there = _EMPTY.get(name), old.get(name, new.get(name))
    if type(there) is not type(empty) or not there or is_special(there):
        return None
    held = old.get(name, empty), new.get(name, empty)
    return Sides(sides.was + pointer(name), sides.path + pointer(name), *held)


_EMPTY: Mapping[str, Json] = {"inputMapping": {}, "assign": {}, "filters": []}
_AMOUNT = ("was raised", "was lowered")
_LENGTH = ("was lengthened", "was shortened")

QUANTITIES: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("limit", "quorum", "maxIterations", "concurrency"), _AMOUNT),
    **dict.fromkeys(("timeout", "duration", "lookback", "dueIn", "remindEvery"), _LENGTH),
    **dict.fromkeys(("timeoutMs", "durationMs"), _LENGTH),
}
"""Words for more and less of the members that are quantities."""
