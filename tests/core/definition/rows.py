"""What a row of the models' table is: one field of one model, what it takes and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alga_workflows_core.calendars.durations import LONGEST_MS
from alga_workflows_core.validation.findings import Code

REQUIRED = ...
"""The default of a field that has to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A value that a field does not take, with the finding about it.

    `says`: a part of the message. `at`: the field that is to blame, if it is another one. `below`:
    the JSON Pointer from there. `beside`: other fields of the part; `...` takes one away.
    """

    value: Any
    says: str
    code: Code = Code.FIELD_INVALID
    at: str | None = None
    below: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field. `default`: what it is when it is absent. `beside`: what it needs next to it.

    `missed`: the field that is missed when this one is absent, if it is another one.
    """

    takes: Sequence[Any]
    refuses: Sequence[Refused] = ()
    default: Any = REQUIRED
    missed: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A part of a document with no field that it does not need, and the rows of its fields.

    `where`: the part's JSON Pointer in `document`.
    """

    document: Mapping[str, Any]
    where: str
    rows: Mapping[str, Row]


END: dict[str, Any] = {"id": "end", "type": "control.return"}
STEPS: list[Any] = [END]


def document(**members: Any) -> dict[str, Any]:
    """The smallest definition, with `members`."""
    return {"id": "a", "name": "A", "steps": STEPS, **members}


def step(kind: str, **members: Any) -> dict[str, Any]:
    """A definition whose only step is this one."""
    return document(steps=[{"id": "s", "type": kind, **members}])


def no(value: Any, says: str, **more: Any) -> Refused:
    """A refusal; `code`, `at`, `below`, or fields that stand beside."""
    how: dict[str, Any] = {name: more.pop(name) for name in ("code", "at", "below") if name in more}
    return Refused(value=value, says=says, beside=more, **how)


def text(low: int, high: int) -> Row:
    """Text of `low` to `high` characters on one line."""
    return Row(
        takes=["x" * low, "x" * high, "Ünïcode 雪 ☃"],
        refuses=[
            no("", "It must not be empty"),
            no("x" * (high + 1), f"{high} characters at most"),
            no("two\nlines", "one line without control characters"),
            no(5, "It has to be text"),
            no(["x"], "It has to be text"),
        ],
    )


def pattern(longest: int, *more: str, bad: Sequence[str], says: str) -> Row:
    """A name of `longest` characters at most; `more` are names too, `bad` are none."""
    return Row(
        takes=["a", "a" * longest, *more],
        refuses=[
            no(5, "It has to be text"),
            *(no(name, says) for name in ("", "a" * (longest + 1), "a b", "a\n", "ä", *bad)),
        ],
    )


def whole(low: int, high: int | None = None, **more: Any) -> Row:
    """A whole number from `low` to `high`."""
    above = [] if high is None else [no(high + 1, f"It has to be {high} or less")]
    return Row(
        takes=[low, low + 1 if high is None else high],
        refuses=[
            no(low - 1, f"It has to be {low} or more"),
            *above,
            no(low + 0.5, "It has to be a whole number"),
            no(str(low), "It has to be a whole number"),
            no(True, "It has to be a whole number"),
        ],
        **more,
    )


def choice(*options: str, **more: Any) -> Row:
    """One of several words."""
    says = f"It has to be '{options[0]}'"[:-1]
    refused = [no(value, says) for value in ("", "other", options[0].upper(), 5, [options[0]])]
    return Row(takes=options, refuses=[*more.pop("refuses", []), *refused], **more)


def anything(**more: Any) -> Row:
    """Any JSON, in which expressions stand alone and secrets must not be."""
    return Row(
        takes=[0, "", "x", False, [], {}, [1, {"a": {"$expr": "payload"}}], {"$expr": "payload"}],
        refuses=[
            *more.pop("refuses", []),
            no({"$expr": 5}, "$expr stands alone", code=Code.EXPRESSION_MALFORMED),
            no({"$secret": "A"}, "only in the input of an action", code=Code.SECRET_NOT_ALLOWED),
        ],
        **more,
    )


def condition() -> Row:
    """True, false or an expression."""
    says = "A condition is an expression, or true or false"
    literals: list[Any] = ["true", 1, None, [], {}]
    return Row(
        takes=[True, False, {"$expr": "payload.a"}],
        refuses=[
            *(no(it, says, code=Code.CONDITION_LITERAL) for it in literals),
            no({"$expr": ""}, "$expr stands alone", code=Code.EXPRESSION_MALFORMED),
        ],
    )


def block(**more: Any) -> Row:
    """A list with steps in it."""
    steps = [END, {**END, "id": "other"}]
    return Row(
        takes=[STEPS, steps],
        refuses=[
            *more.pop("refuses", []),
            no([], "There is no step in it", code=Code.BLOCK_EMPTY),
            no({}, "It has to be a list"),
            no(END, "It has to be a list"),
        ],
        **more,
    )


def record(**more: Any) -> Row:
    """An object, whatever it holds."""
    says = "It has to be an object"
    return Row(
        takes=[{}, {"type": "object"}],
        refuses=[no([], says), no("x", says), no(True, says)],
        **more,
    )


def mapping(*, secrets: bool = False, **more: Any) -> Row:
    """Names to values; `secrets`: of an action."""
    one = {"a": {"$secret": "A"}}
    not_here = no(one, "only in the input of an action", code=Code.SECRET_NOT_ALLOWED, below="/a")
    says = "It has to be an object"
    return Row(
        takes=[{}, {"a": 1}, {"a": {"$expr": "payload"}, "b": None}, *([one] if secrets else [])],
        refuses=[no([], says), no("x", says), *([] if secrets else [not_here])],
        **more,
    )


def assignments(**more: Any) -> Row:
    """Paths to values, one at least."""
    deepest = "vars" + ".a" * 32
    cannot = "cannot be written to: "
    return Row(
        takes=[{"vars.a": None}, {"vars.b": 1, "vars.a.b-c": {"$expr": "1"}}, {deepest: 1}],
        refuses=[
            no({}, "It must not be empty"),
            no([], "It has to be an object"),
            *(no({path: 1}, cannot + says, below=f"/{path}") for path, says in BAD_PATHS.items()),
        ],
        **more,
    )


BAD_PATHS = {
    "": "it has to begin with `vars.`",
    "payload.a": "it has to begin with `vars.`",
    "vars": "it has to begin with `vars.`",
    "vars.": "it has an empty segment",
    "vars.a..b": "it has an empty segment",
    "vars.a.__proto__": "the name `__proto__` is reserved",
    "vars.2": "`2` is not a name",
    "vars.a\n": "`a\\n` is not a name",
    "vars" + ".a" * 33: "it has more than 32 names",
}
"""Paths that nothing can be assigned to, with the reason."""


def path(**more: Any) -> Row:
    """A path that something can be assigned to."""
    cannot = "cannot be written to: "
    return Row(
        takes=["vars.a", "vars.a.b-c._d", "vars" + ".a" * 32],
        refuses=[
            *more.pop("refuses", []),
            *(no(bad, cannot + says) for bad, says in BAD_PATHS.items()),
            no(5, "It has to be text"),
        ],
        default=None,
        **more,
    )


_NO_DURATION = [
    *(
        no(value, "is not allowed here: a duration is written as in P30D")
        for value in ("", "1 day", "P1D\n", "P", "-P1D")
    ),
    no("P0D", "It has to be longer than nothing"),
    no("P101Y", "a duration is a hundred years at most"),
]


def duration_text(**more: Any) -> Row:
    """A duration that is decided when the document is written."""
    return Row(
        takes=["P1D", "PT0.000001S", "P100Y"],
        refuses=[
            *more.pop("refuses", []),
            *_NO_DURATION,
            no(5, "It has to be text"),
            no({"$expr": "'P1D'"}, "It has to be text"),
        ],
        default=more.pop("default", None),
        **more,
    )


def duration(**more: Any) -> Row:
    """A duration, or an expression that gives one."""
    says = "It has to be a duration as in P30D, PT1H30M or P1M, or an expression"
    no_text: list[Any] = [5, [], {}, True]
    return Row(
        takes=["P1D", "PT0.000001S", "P100Y", {"$expr": "'P1D'"}],
        refuses=[
            *more.pop("refuses", []),
            *_NO_DURATION,
            *(no(value, says) for value in no_text),
        ],
        default=more.pop("default", None),
        **more,
    )


def working_time() -> Row:
    """A duration of working time, or an expression that gives one."""
    row = duration(default=...)
    says = "is not allowed here: working time has days, hours, minutes and seconds only"
    return Row(
        takes=["P2D", "PT8H", "P1DT30M", {"$expr": "'P1W'"}],
        refuses=[*row.refuses, *(no(value, says) for value in ("P1W", "P1M", "P1Y", "P1M1D"))],
        default=...,
    )


def milliseconds(**more: Any) -> Row:
    """What `timeout` and `duration` are in milliseconds."""
    row = whole(1, LONGEST_MS)
    return Row(
        takes=row.takes, refuses=[*more.pop("refuses", []), *row.refuses], default=None, **more
    )


def words(longest: int, *, line: bool, **more: Any) -> Row:
    """Text that is not blank, or an expression that gives it."""
    too_long = (
        f"It has to be one line of {longest} characters at most"
        if line
        else f"It has to have {longest} characters at most"
    )
    no_text: list[Any] = [5, [], {"a": 1}]
    many_lines = [no("two\nlines", too_long)] if line else []
    return Row(
        takes=["x", "x" * longest, {"$expr": "payload.title"}],
        refuses=[
            no("", "It must not be empty"),
            no(" \t " if not line else "   ", "It must not be empty"),
            no("x" * (longest + 1), too_long),
            *many_lines,
            *(no(value, "It has to be text or an expression") for value in no_text),
        ],
        **more,
    )


def names(**more: Any) -> Row:
    """A list of names, or an expression that gives one."""
    no_list: list[Any] = ["ada", 5, {}]
    no_names: list[Any] = [5, "", " ", {}, None, "x" * 201, "a\nb"]
    return Row(
        takes=[
            ["ada"],
            ["ada", {"$expr": "payload.boss"}],
            {"$expr": "payload.bosses"},
            ["x" * 200] * 100,
        ],
        refuses=[
            *more.pop("refuses", []),
            no([], "It must not be empty"),
            no(["ada"] * 101, "It has to have 100 entries at most"),
            *(no(it, "It has to be a list of names or an expression") for it in no_list),
            *(no([it], "entries have to be names or expressions") for it in no_names),
        ],
        default=None,
        **more,
    )


def error_names(**more: Any) -> Row:
    """Codes and categories of errors."""
    says = "It has to be a code as in HTTP_NOT_FOUND, or one of the categories Validation"
    return Row(
        takes=[["Timeout"], ["HTTP_NOT_FOUND", "Transient", "A"], ["X" * 128]],
        refuses=[
            *more.pop("refuses", []),
            no([], "It must not be empty"),
            no("Timeout", "It has to be a list"),
            *(no([it], says, below="/0") for it in ("timeout", "", "a_b", "A b", "X" * 129)),
            no([5], "It has to be text", below="/0"),
        ],
        default=None,
        **more,
    )
