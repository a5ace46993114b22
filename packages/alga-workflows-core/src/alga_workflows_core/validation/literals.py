"""Literals against schemas: what does not fit, in words for authors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import cast

from jsonschema.exceptions import ValidationError

from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.json_schema import faults_of
from alga_workflows_core.validation.shapes import Shape, kind_of, same

_ANNOTATIONS = frozenset(
    {"$comment", "$defs", "$schema", "default", "deprecated", "description", "examples", "format"}
    | {"readOnly", "title", "writeOnly"}
)
_PLAIN = _ANNOTATIONS | {"$ref", "allOf", "const", "enum", "type"}
"""What a shape has taken into account already."""

_LENGTHS = frozenset({"minLength", "maxLength"})
_BOUNDS = frozenset({"minimum", "maximum"})
_SHOWN = 120

_KINDS: Mapping[str, str] = {
    "null": "null",
    "boolean": "true or false",
    "integer": "a whole number",
    "fraction": "a number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "an object",
}

_SENTENCES: Mapping[str, str] = {
    "minimum": "has to be {} or more",
    "maximum": "has to be {} or less",
    "exclusiveMinimum": "has to be more than {}",
    "exclusiveMaximum": "has to be less than {}",
    "multipleOf": "has to be a multiple of {}",
    "minLength": "has to have {} characters at least",
    "maxLength": "has to have {} characters at most",
    "minItems": "has to have {} entries at least",
    "maxItems": "has to have {} entries at most",
    "minProperties": "has to have {} members at least",
    "maxProperties": "has to have {} members at most",
    "pattern": "has to match the pattern {}",
}


def surely_fits(value: Json, shape: Shape) -> bool:
    """Whether `value` meets all that `shape` could follow; False says nothing."""
    kind = kind_of(value)
    if kind not in shape.kinds or shape.is_contradictory:
        return False
    return all(_plainly_fits(value, kind, part, shape) for part in shape.parts)


def _plainly_fits(value: Json, kind: str, part: JsonObject, shape: Shape) -> bool:
    if "const" in part and not same(value, part["const"]):
        return False
    if "enum" in part and not any(same(value, each) for each in part["enum"]):
        return False
    return _meets_more(value, kind, part, shape)


def _meets_more(value: Json, kind: str, part: JsonObject, shape: Shape) -> bool:
    more = part.keys() - _PLAIN
    if not more:
        return True
    if kind == "string" and more <= _LENGTHS:
        return part.get("minLength", 0) <= len(value) <= part.get("maxLength", len(value))
    if kind in ("integer", "fraction") and more <= _BOUNDS:
        return part.get("minimum", value) <= value <= part.get("maximum", value)
    if kind == "array" and more == {"items"}:
        return all(surely_fits(entry, shape.items) for entry in cast("list[Json]", value))
    if more == {"anyOf"}:
        # Branches that only name types are in the shape's kinds.
        return all(map(_only_names_types, part["anyOf"]))
    return False


def _only_names_types(schema: Json) -> bool:
    return isinstance(schema, dict) and cast("JsonObject", schema).keys() <= {"type"}


def literal_faults(value: Json, shape: Shape) -> Iterator[tuple[tuple[str | int, ...], str, Json]]:
    """Where `value` does not fit, what is wrong there (a predicate), and what the schema asks for.

    The schemas of `shape` have to be ones in which `schema_faults` found nothing.
    """
    if surely_fits(value, shape):
        return
    told: set[tuple[tuple[str | int, ...], str]] = set()
    for part in shape.parts:
        for fault in _faults(value, part, shape.root):
            place = tuple(fault.absolute_path)
            sentence = _sentence(fault)
            if (place, sentence) not in told:
                told.add((place, sentence))
                yield place, sentence, cast("Json", fault.validator_value)


def _faults(value: Json, part: JsonObject, root: JsonObject) -> list[ValidationError]:
    try:
        return list(faults_of(value, part, root=root))
    except (RecursionError, ValueError):
        # Too deep, or a pattern that was let pass once: when it runs it will be told.
        return []


def kinds_in_words(kinds: Collection[str]) -> str:
    """`text or a whole number`."""
    if "fraction" in kinds:
        kinds = frozenset(kinds) - {"integer"}
    return " or ".join(words for kind, words in _KINDS.items() if kind in kinds)


def values_in_words(values: Collection[Json]) -> str:
    """The first of them, in quotes."""
    listed = ", ".join(_value(value) for value in list(values)[:6])
    return shortened(f"{listed}, …" if len(values) > 6 else listed)


def shortened(text: str) -> str:
    """`text`, in 120 characters at most."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _sentence(fault: ValidationError) -> str:
    wanted = cast("Json", fault.validator_value)
    keyword = cast("str", fault.validator)
    if keyword in _SENTENCES:
        return _SENTENCES[keyword].format(shortened(str(wanted)))
    match keyword:
        case "type":
            named = cast("list[str]", wanted) if isinstance(wanted, list) else [str(wanted)]
            return f"has to be {kinds_in_words(named)}"
        case "enum":
            return f"has to be one of {values_in_words(cast('list[Json]', wanted))}"
        case "const":
            return f"has to be {shortened(_value(wanted))}"
        case "anyOf" | "oneOf":
            return "fits none of the forms that are allowed"
        case _:
            return f"does not fit: {shortened(fault.message)}"


def _value(value: Json) -> str:
    return quoted(value) if isinstance(value, str) else shortened(str(value))
