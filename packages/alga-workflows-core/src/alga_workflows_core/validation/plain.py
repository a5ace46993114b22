"""Schemas that are seen at a glance to be good ones, as most are.

Holding a schema against the meta-schema takes milliseconds, and there may be hundreds of forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def is_plain(schema: Json) -> bool:
    """Whether it is a JSON Schema 2020-12 of well-known keywords only, without references.

    False says nothing.
    """
    if not isinstance(schema, dict):
        return isinstance(schema, bool)
    return all(
        name in _KEYWORDS and _KEYWORDS[name](value)
        for name, value in cast("JsonObject", schema).items()
    )


def _is_type(value: Json) -> bool:
    if isinstance(value, str):
        return value in _TYPES
    return _is_names(value) and bool(value) and _TYPES.issuperset(cast("list[str]", value))


def _is_names(value: Json) -> bool:
    if not isinstance(value, list):
        return False
    names = cast("list[Json]", value)
    return all(isinstance(name, str) for name in names) and len(
        set(cast("list[str]", names))
    ) == len(names)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_list(value: Json) -> bool:
    return isinstance(value, list)


def _is_flag(value: Json) -> bool:
    return isinstance(value, bool)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_anything(_value: Json) -> bool:
    return True


def _is_properties(value: Json) -> bool:
    return isinstance(value, dict) and all(
        is_plain(each) for each in cast("JsonObject", value).values()
    )


_KEYWORDS: Mapping[str, Callable[[Json], bool]] = MappingProxyType(
    {
        "type": _is_type,
        "required": _is_names,
        "properties": _is_properties,
        **dict.fromkeys(("items", "additionalProperties"), is_plain),
        **dict.fromkeys(("title", "description", "format"), _is_text),
        **dict.fromkeys(("enum", "examples"), _is_list),
        **dict.fromkeys(("const", "default"), _is_anything),
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_count),
        **dict.fromkeys(("minimum", "maximum"), _is_number),
        **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _is_number),
        **dict.fromkeys(("uniqueItems", "readOnly"), _is_flag),
    }
)
