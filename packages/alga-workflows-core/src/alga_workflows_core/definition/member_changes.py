"""How the members of steps and of the document differ, in the words that people have for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from alga_workflows_core.definition.differences import (
    Change,
    Comparer,
    Sides,
    added,
    assignments,
    changed,
    entries,
    itself,
    mapping,
    members,
    moved,
    presence,
    removed,
    schema,
    whole,
)
from alga_workflows_core.definition.matching import in_order, matched
from alga_workflows_core.definition.wording import direction, from_to, shown
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer


def _filters(of: str, sides: Sides) -> Iterator[Change]:
    if sides.lists is None:
        return
    old, new = sides.lists
    found = matched(old, new, itself, _compared, _path)
    for index, entry in enumerate(new):
        where = sides.path + pointer(index)
        if index not in found:
            yield added(where, f"The filter {_filter(entry)} was added{_to(of)}.")
        elif canonical(entry) != canonical(former := old[found[index]]):
            text = f"The filter{of} changed from {_filter(former)} to {_filter(entry)}."
            yield changed(where, text)
    kept = set(found.values())
    for index, entry in enumerate(old):
        if index not in kept:
            text = f"The filter {_filter(entry)} was removed{_from(of)}."
            yield removed(sides.was + pointer(index), text)
    if not in_order(found):
        yield moved(sides.path, f"The order of the filters{of} changed.")


def _filter(entry: Json) -> str:
    parts = cast("JsonObject", entry)
    compared = f"{parts.get('path')} {parts.get('op')}"
    return f"{compared} {shown(parts['value'])}" if "value" in parts else compared


def _to(of: str) -> str:
    return of.replace(" of ", " to ", 1)


def _from(of: str) -> str:
    return of.replace(" of ", " from ", 1)


def _path(entry: Json) -> tuple[str]:
    return (str(cast("JsonObject", entry).get("path")),)


def _compared(entry: Json) -> tuple[str]:
    return (f"{_path(entry)[0]} {cast('JsonObject', entry).get('op')}",)


def _alternatives(of: str, sides: Sides) -> Iterator[Change]:
    """The events of `any` or `all`."""
    if sides.lists is None:
        return
    old, new = sides.lists
    found = matched(old, new, itself, _keyed_event, _event)
    for index, entry in enumerate(new):
        where = sides.path + pointer(index)
        if index in found:
            inner = sides.member(index, of_old=found[index])
            yield from members(f" of event {_shown_event(entry)}{of}", inner, NOUNS, COMPARERS)
        else:
            yield added(where, f"Event {_shown_event(entry)} was added{_to(of)}: {shown(entry)}.")
    kept = set(found.values())
    for index, entry in enumerate(old):
        if index not in kept:
            text = f"Event {_shown_event(entry)} was removed{_from(of)}; it was {shown(entry)}."
            yield removed(sides.was + pointer(index), text)
    if not in_order(found):
        names = [cast("JsonObject", entry).get("eventName") for entry in new]
        yield moved(sides.path, f"The order of the events{of} changed; it is now {shown(names)}.")


def _event(entry: Json) -> tuple[str]:
    return (str(cast("JsonObject", entry).get("eventName")),)


def _keyed_event(entry: Json) -> tuple[bytes]:
    members = cast("JsonObject", entry)
    return (canonical([members.get("eventName"), members.get("correlationKey")]),)


def _shown_event(entry: Json) -> str:
    return quoted(_event(entry)[0])


_DELAYS = frozenset({"backoffMs", "backoffMultiplier", "maxDelayMs"})
_BOUNDS = frozenset({"maxAttempts", "maxElapsed"})


def _retry(of: str, sides: Sides) -> Iterator[Change]:
    """Wider: it tries more often, longer, or after more errors. Slower: its delays are longer."""
    if sides.objects is None:
        return
    old, new = sides.objects
    for name in sorted(old.keys() | new.keys()):
        what = f"The {name} of the retry{of}"
        yield from presence(what, name, sides)
        if name not in old or name not in new:
            continue
        inner = sides.member(name)
        way = direction(inner.old, inner.new)
        if name == "retryOn":
            yield from list(_retried(of, inner)) or whole(what, inner)
        elif way and name in _BOUNDS | _DELAYS:
            verbs = ("widened", "narrowed") if name in _BOUNDS else ("slowed down", "sped up")
            verb = verbs[0 if way > 0 else 1]
            text = f"The retry{of} was {verb}: {name} {from_to(inner.old, inner.new)}."
            yield changed(inner.path, text)
        else:
            yield from whole(what, inner)


_retried = entries(
    "errors that are retried",
    gain="The retry{of} was widened: it tries again after {entry} too.",
    loss="The retry{of} was narrowed: it no longer tries again after {entry}.",
)


def _parts(of_it: str, nouns: Mapping[str, str] | None = None) -> Comparer:
    """Compares objects by member; `of_it` stands between the member's name and its owner's."""

    def compare(of: str, sides: Sides) -> Iterator[Change]:
        if sides.objects is not None:
            yield from members(of_it + of, sides, {**NOUNS, **(nouns or {})}, COMPARERS)

    return compare


def member_changes(of: str, sides: Sides) -> Iterator[Change]:
    """How the members of a step, of its config, or of the document differ.

    `of` says whose they are, as in ` of 'first'`.
    """
    yield from members(of, sides, NOUNS, COMPARERS)


NOUNS: Mapping[str, str] = {
    "actionId": "action",
    "assign": "list of assignments",
    "assignees": "list of assignees",
    "candidateGroups": "list of candidate groups",
    "captureErrorAs": "path that keeps the error",
    "catchOn": "list of caught errors",
    "compensate": "undo",
    "correlationKey": "key",
    "dueIn": "time until it is due",
    "escalateTo": "list of groups to escalate to",
    "eventName": "event",
    "filters": "list of filters",
    "inputMapping": "input",
    "itemVar": "name of the item",
    "items": "list of items",
    "maxIterations": "limit of turns",
    "onError": "error policy",
    "onFailure": "policy on failure",
    "onItemError": "policy on items that fail",
    "onLimit": "policy at the limit",
    "onTimeout": "policy on timeout",
    "payloadMapping": "payload mapping",
    "remindEvery": "time between reminders",
    "saveAs": "path that gets the output",
    "taskType": "type of the task",
    "until": "time",
    "version": "version of the action",
    "when": "condition",
    "workflowId": "called definition",
    "workflowVersion": "version of the called definition",
    "zone": "time zone",
}

COMPARERS: Mapping[str, Comparer] = {
    "all": _alternatives,
    "any": _alternatives,
    "assign": assignments,
    "assignees": entries("list of assignees"),
    "candidateGroups": entries("list of candidate groups"),
    "catchOn": entries("list of caught errors"),
    "compensate": _parts(" of the undo"),
    "concurrency": _parts(" of the concurrency"),
    "escalateTo": entries("list of groups to escalate to"),
    "filters": _filters,
    "form": schema("form", "form"),
    "inputMapping": mapping("Input"),
    "onError": _parts("", {"policy": "error policy", "saveAs": "path that gets the error"}),
    "payloadMapping": mapping("Payload field"),
    "payloadSchema": schema("payload", "payloadSchema"),
    "resultSchema": schema("result", "resultSchema"),
    "retry": _retry,
    "trigger": _parts(" of the trigger"),
}
