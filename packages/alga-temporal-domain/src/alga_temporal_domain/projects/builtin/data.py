"""Pure work on data: `transformData` and `validateData`."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic_core import SchemaError, SchemaValidator, core_schema
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.projects.builtin.inputs import Rules, TransformData, ValidateData
from alga_workflows_core.types.json import Json


def transform(wanted: TransformData) -> Json:
    """The data in another form; what is no text passes, but for `json-stringify`."""
    value = wanted.data
    if wanted.transformation == "json-stringify":
        return json.dumps(value, indent=2, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    if wanted.transformation == "uppercase":
        return value.upper()
    if wanted.transformation == "lowercase":
        return value.lower()
    if wanted.transformation == "reverse":
        return value[::-1]
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ApplicationError(
            f"transformData: the text is no JSON: {error}", type="JSON_INVALID", non_retryable=True
        ) from None


def faults(wanted: ValidateData) -> list[str]:
    """What the data breaks, a sentence each."""
    value, rules = wanted.data, wanted.rules
    if value is None or value == "":
        return ["Data is required"] if rules.required else []
    found: list[str] = []
    kind = type_name(value)
    if rules.type is not None and kind != rules.type:
        found.append(f"Expected type {rules.type} but got {kind}")
    if isinstance(value, str | list):
        found += _length_faults(len(cast("str | list[Any]", value)), rules)
    if isinstance(value, str) and rules.pattern is not None and not _matches(rules.pattern, value):
        found.append(f"Data does not match pattern {rules.pattern}")
    return found


def type_name(value: Json) -> str:
    """The type of a JSON value, as rules name it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def compact(value: Json) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _length_faults(length: int, rules: Rules) -> list[str]:
    found: list[str] = []
    if rules.min_length is not None and length < rules.min_length:
        found.append(f"Data length {length} is less than minimum {rules.min_length}")
    if rules.max_length is not None and length > rules.max_length:
        found.append(f"Data length {length} exceeds maximum {rules.max_length}")
    return found


def _matches(pattern: str, text: str) -> bool:
    """Searched by the engine that Pydantic brings, whose time grows with the text alone."""
    try:
        validator = SchemaValidator(
            core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
        )
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ApplicationError(
            f"validateData: the pattern cannot be used ({reason}). Write it without look-around "
            "and back references.",
            type="PATTERN_INVALID",
            non_retryable=True,
        ) from None
    return validator.isinstance_python(text)
