"""Filters of events: can they be compared so, and can an event meet them at all?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from alga_workflows_core.definition.events import EventFilter
from alga_workflows_core.definition.values import is_special
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.literals import kinds_in_words, values_in_words
from alga_workflows_core.validation.shapes import UNKNOWN, Shape, kind_of, same

_LISTS = frozenset({"in", "not_in"})
_TEXTS = frozenset({"contains", "starts_with", "ends_with"})
_ORDERS = frozenset({"<", "<=", ">", ">="})
_EQUALS = frozenset({"=", "!="})
_NEGATIVE = frozenset({"!=", "not_in"})

_NUMBERS = frozenset({"integer", "fraction"})
_HAS_TEXT = frozenset({"string", "array"})
_COMPOSED = frozenset({"array", "object"})


def check_filters(filters: Sequence[EventFilter], here: str, event: Shape) -> Iterator[Finding]:
    """What is wrong with `filters`, a list at `here`, on events that look like `event`."""
    for index, condition in enumerate(filters):
        there = here + pointer(index)
        fault = _shape_fault(condition)
        if fault is not None:
            place, sentence, remedy = fault
            where = there + "/value" + pointer(*place)
            yield error(Code.FILTER_VALUE_INVALID, where, sentence, remedy)
            continue
        yield from _check_path(condition, there, event)


def _shape_fault(condition: EventFilter) -> tuple[tuple[int, ...], str, str] | None:
    """A literal that cannot be compared so: where in it, what is wrong, what to do."""
    op, value = condition.op, condition.value
    if is_special(value):
        return None
    if op in _LISTS:
        return _list_fault(op, value)
    kind = kind_of(value)
    if op in _TEXTS and kind != "string":
        return (), f"`{op}` compares with text.", "Write it in quotes, or use another operator."
    if op in _ORDERS and kind not in _NUMBERS | {"string"}:
        return (), f"`{op}` compares with a number or a text.", "Write one, or use `=`."
    if op in _EQUALS and kind in _COMPOSED:
        instead = "`in` compares with a list; a filter on a member of an object names it in `path`."
        return (), f"`{op}` compares with a text, a number, true, false or null.", instead
    return None


def _list_fault(op: str, value: Json) -> tuple[tuple[int, ...], str, str] | None:
    if not isinstance(value, list):
        return (), f"`{op}` compares with a list.", 'Write ["high", "urgent"].'
    for index, entry in enumerate(cast("list[Json]", value)):
        if not is_special(entry) and kind_of(entry) in _COMPOSED:
            what = "texts, numbers, true, false or null"
            return (index,), f"`{op}` compares with a list of {what}.", "Write such a value."
    return None


def _check_path(condition: EventFilter, here: str, event: Shape) -> Iterator[Finding]:
    shape = event
    walked: list[str] = []
    for name in condition.path.split("."):
        walked.append(name)
        if shape.lacks(name):
            near = did_you_mean(name, shape.names)
            yield warning(
                Code.FILTER_PATH_UNKNOWN,
                here + "/path",
                f"These events have no {quoted('.'.join(walked))}.",
                near or "Correct the path, or the event's schema.",
            )
            return
        # How a path goes through lists is not for a schema to say.
        shape = UNKNOWN if "array" in shape.kinds else shape.member(name)
    if not is_special(condition.value):
        yield from _check_sense(condition, here + "/value", shape)


def _check_sense(condition: EventFilter, here: str, there: Shape) -> Iterator[Finding]:
    """Literals that the value `there` in the event can never be equal to, or compared with."""
    op, value = condition.op, condition.value
    if op in _LISTS:
        entries = cast("list[Json]", value)
        if not entries and op == "in":
            yield _senseless(condition, here, "an empty list", None)
        for index, entry in enumerate(entries):
            yield from _check_equal(condition, entry, here + pointer(index), there)
    elif op in _EQUALS:
        yield from _check_equal(condition, value, here, there)
    elif op in _TEXTS | _ORDERS:
        wanted = _NUMBERS if op in _ORDERS and kind_of(value) in _NUMBERS else _HAS_TEXT
        if there.kinds.isdisjoint(wanted):
            given = f"{kinds_in_words(wanted)}, and the event has {kinds_in_words(there.kinds)}"
            yield _senseless(condition, here, given, None)


def _check_equal(condition: EventFilter, value: Json, here: str, there: Shape) -> Iterator[Finding]:
    if value is None or is_special(value):
        return
    if kind_of(value) not in there.kinds:
        given = f"{kinds_in_words({kind_of(value)})}, and the event has "
        yield _senseless(condition, here, given + kinds_in_words(there.kinds), None)
        return
    choices = there.choices
    if choices is not None and not any(same(value, each) for each in choices):
        names = [each for each in choices if isinstance(each, str)]
        near = did_you_mean(value, names) if isinstance(value, str) else None
        given = f"what is none of {values_in_words(choices)}"
        yield _senseless(condition, here, given, near)


def _senseless(condition: EventFilter, here: str, given: str, near: str | None) -> Finding:
    holds = "always" if condition.op in _NEGATIVE else "never"
    return warning(
        Code.FILTER_VALUE_INVALID,
        here,
        f"This {holds} holds: {quoted(condition.path)} is compared with {given}.",
        near or "Correct the value, or the path.",
    )
