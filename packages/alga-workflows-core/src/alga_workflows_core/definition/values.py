"""Values of a document: literals, expressions (`$expr`) and references to secrets (`$secret`).

A literal is walked recursively, so both may stand at any depth of it. Here is only where they may
be and which literals fit; whether an expression is well formed is for validation to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeAlias, cast

from pydantic import AfterValidator, Field, WithJsonSchema

from alga_workflows_core.calendars import durations
from alga_workflows_core.calendars.working_days import parse_working_time
from alga_workflows_core.definition import paths
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject

SECRET_NAME = r"^[A-Z][A-Z0-9_]{0,127}$"  # noqa: S105 - the pattern of a name
"""The pattern of a secret's name."""

MAX_NAMES = 100
"""Names in a list of people or groups."""

NAME = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""The name of a person or a group: one line that is not blank."""

EXPRESSION_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "$expr": {"type": "string", "minLength": 1, "description": "A JSONata expression."}
    },
    "required": ["$expr"],
    "additionalProperties": False,
}

Value: TypeAlias = Json
"""A literal, in which `{"$expr": "<JSONata>"}` stands for its result."""


def is_expression(value: Json) -> bool:
    """Whether `value` is an object with `$expr`, well formed or not."""
    return isinstance(value, dict) and "$expr" in value


def is_secret(value: Json) -> bool:
    """Whether `value` is an object with `$secret`, well formed or not."""
    return isinstance(value, dict) and "$secret" in value


def is_special(value: Json) -> bool:
    """Whether `value` is an expression or a reference to a secret."""
    return is_expression(value) or is_secret(value)


def _literal(check: Callable[[Json], str | None]) -> AfterValidator:
    """Accepts expressions, and literals in which `check` finds no fault."""

    def validated(value: Json) -> Json:
        fault = None if is_special(value) else check(value)
        if fault:
            raise ValueError(fault)
        return value

    return AfterValidator(validated)


def _or_expression(schema: JsonObject) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, EXPRESSION_SCHEMA]})


def duration_fault(value: Json) -> str | None:
    """Why `value` is no duration that something can be waited for, or None."""
    if not isinstance(value, str):
        return "It has to be a duration as in P30D, PT1H30M or P1M, or an expression"
    try:
        duration = durations.parse_duration(value)
    except ValueError as error:
        return f"{quoted(value)} is not allowed here: {error}"
    return "It has to be longer than nothing" if duration.is_zero else None


def _working_time_fault(value: Json) -> str | None:
    fault = duration_fault(value)
    if fault is None and isinstance(value, str):
        try:
            parse_working_time(value)
        except ValueError as error:
            return f"{quoted(value)} is not allowed here: {error}"
    return fault


def _duration(value: str) -> str:
    fault = duration_fault(value)
    if fault:
        raise ValueError(fault)
    return value


# `fromisoformat` takes other forms too, and more of them with each version of Python.
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)


def moment_fault(value: Json) -> str | None:
    """Why `value` is no date and time, or None."""
    sentence = "It has to be a time as in 2026-12-24T18:00:00+01:00, or an expression"
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return sentence
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return sentence
    return None


def _text_fault(value: Json) -> str | None:
    if not isinstance(value, str):
        return "It has to be text or an expression"
    if not value.strip():
        return "It must not be empty"
    return "It has to have 2000 characters at most" if len(value) > 2000 else None


def _label_fault(value: Json) -> str | None:
    if isinstance(value, str) and (len(value) > 200 or not value.isprintable()):
        return "It has to be one line of 200 characters at most"
    return _text_fault(value)


def _names_fault(value: Json) -> str | None:
    if not isinstance(value, list):
        return "It has to be a list of names or an expression"
    entries = cast("list[Json]", value)
    if not entries:
        return "It must not be empty"
    if len(entries) > MAX_NAMES:
        return f"It has to have {MAX_NAMES} entries at most"
    named = (
        is_expression(entry) or (isinstance(entry, str) and NAME.fullmatch(entry) is not None)
        for entry in entries
    )
    return (
        None
        if all(named)
        else "Its entries have to be names or expressions; a name is one line of 200 characters"
        " at most"
    )


def _items_fault(value: Json) -> str | None:
    return None if isinstance(value, list) else "It has to be a list or an expression"


def _concurrency_fault(value: Json) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return "It has to be a whole number or an expression"
    return None if 1 <= value <= 100 else "It has to be from 1 to 100"


_DURATION_SCHEMA: JsonObject = {"type": "string", "pattern": durations.PATTERN}
_TEXT_SCHEMA: JsonObject = {"type": "string", "minLength": 1, "maxLength": 2000}

DurationText = Annotated[
    str, AfterValidator(_duration), Field(json_schema_extra=cast("Any", _DURATION_SCHEMA))
]
"""A duration as ISO 8601 writes it, longer than nothing."""

DurationValue = Annotated[Json, _literal(duration_fault), _or_expression(_DURATION_SCHEMA)]
"""A duration, or an expression that gives one."""

WorkingTimeValue = Annotated[
    Json,
    _literal(_working_time_fault),
    _or_expression({**_DURATION_SCHEMA, "not": {"pattern": "^P[^T]*[YMW]"}}),
]
"""A duration of working time, or an expression that gives one: days and exact time only."""

MomentValue = Annotated[
    Json, _literal(moment_fault), _or_expression({"type": "string", "format": "date-time"})
]
"""A date and time (ISO 8601; in the definition's zone without an offset), or an expression."""

TextValue = Annotated[Json, _literal(_text_fault), _or_expression(_TEXT_SCHEMA)]
"""Text that is not blank, or an expression that gives it."""

LabelValue = Annotated[
    Json, _literal(_label_fault), _or_expression({**_TEXT_SCHEMA, "maxLength": 200})
]
"""A line that lists and pages show, or an expression that gives it."""

NamesValue = Annotated[
    Json,
    _literal(_names_fault),
    _or_expression(
        {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_NAMES,
            "items": {
                "anyOf": [{"type": "string", "minLength": 1, "maxLength": 200}, EXPRESSION_SCHEMA]
            },
        }
    ),
]
"""A list of names (each may be an expression), or an expression that gives one."""

ItemsValue = Annotated[Json, _literal(_items_fault), _or_expression({"type": "array"})]
"""A list, or an expression that gives one; undefined and null are an empty one."""

ConcurrencyValue = Annotated[
    Json,
    _literal(_concurrency_fault),
    _or_expression({"type": "integer", "minimum": 1, "maximum": 100}),
]
"""A whole number from 1 to 100, or an expression that gives one."""


def _writable(path: str) -> str:
    fault = paths.fault_of(path)
    if fault:
        raise ValueError(f"{quoted(path)} cannot be written to: {fault}")
    return path


WritablePath = Annotated[str, AfterValidator(_writable)]
"""A path that an assignment may write to: `vars.a.b`."""

Assignments = Annotated[
    dict[WritablePath, Value],
    Field(
        min_length=1,
        description="Path (`vars.…`) to value; carried out in order, each sees the former.",
        examples=[{"vars.total": {"$expr": "$sum(payload.lines.price)"}}],
    ),
]
"""What is set, in the order in which it is written."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
RESERVED_NAMES = frozenset(
    {"payload", "vars", "meta", "system", "error", "event"}
    | {"index", "length", "isFirst", "isLast"}
    | {"and", "or", "in", "true", "false", "null", "function"}
)
"""Names with a meaning of their own in expressions."""


def _variable_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("It has to be a name: letters, digits and _, a letter first")
    if name in RESERVED_NAMES:
        raise ValueError(f"`{name}` has a meaning of its own in expressions")
    return name


VariableName = Annotated[str, AfterValidator(_variable_name)]
"""A name that expressions see as it is: `item`."""
