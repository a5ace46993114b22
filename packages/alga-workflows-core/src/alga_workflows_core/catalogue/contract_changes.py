"""Would another contract for the same version of an action break the documents that call it?

A published version has pinned kind and queue, and its input was checked against the schema of that
day. Whatever else of a contract may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.types.json import Json, JsonObject

# Keywords that say nothing about which values are accepted.
_NOTES = frozenset(
    {"title", "description", "examples", "default", "deprecated", "$comment", "$defs", "$schema"}
)
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_OF_PARTS = frozenset({"type", "properties", "required", "additionalProperties", "items"})
_NOTHING_SAID: Mapping[str, Any] = MappingProxyType({})


def breaking_change(former: ActionSpec, later: ActionSpec) -> str | None:
    """What breaks, as a clause with both sides; None if callers of `former` notice nothing."""
    if former.queue != later.queue:
        return f"it is served on queue {former.queue!r}, and this is queue {later.queue!r}"
    if former.kind is not later.kind:
        return f"its kind is {former.kind}, and this one's is {later.kind}"
    if not _Schemas(later.input_schema, former.input_schema).cover():
        return "its input schema accepts what this one's does not, or not under the same name"
    return None


class _Schemas:
    """Whether `wide` accepts all that `narrow` does; False also where that cannot be seen."""

    def __init__(self, wide: JsonObject, narrow: JsonObject) -> None:
        self._wide = wide
        self._narrow = narrow
        self._assumed: set[tuple[str, str]] = set()

    def cover(self) -> bool:
        return self._covers(self._wide, self._narrow)

    def _covers(self, wide: Json, narrow: Json) -> bool:
        references = (_reference(wide), _reference(narrow))
        if references[0] and references[1]:
            pair = (references[0], references[1])
            if pair in self._assumed:
                return True
            self._assumed.add(pair)
        wide, narrow = _followed(wide, self._wide), _followed(narrow, self._narrow)
        if wide is True or narrow is False:
            return True
        if not isinstance(wide, dict):
            return False
        outer = _telling(cast("JsonObject", wide))
        if not outer:
            return True
        if not isinstance(narrow, dict):
            return False
        return self._covers_object(outer, _telling(cast("JsonObject", narrow)))

    def _covers_object(self, wide: JsonObject, narrow: JsonObject) -> bool:
        if set(narrow) == {"anyOf"}:
            return all(self._covers(wide, branch) for branch in narrow["anyOf"])
        if set(wide) == {"anyOf"}:
            return any(self._covers(branch, narrow) for branch in wide["anyOf"])
        if "enum" in narrow or "const" in narrow:
            return _covers_choices(wide, narrow)
        return (
            _types(wide) >= _types(narrow)
            and self._covers_members(wide, narrow)
            and self._covers(wide.get("items", True), narrow.get("items", True))
            and _covers_bounds(wide, narrow)
            and all(
                narrow.get(keyword) == value
                for keyword, value in wide.items()
                if keyword not in _OF_PARTS and keyword not in (*_LOWER, *_UPPER)
            )
        )

    def _covers_members(self, wide: JsonObject, narrow: JsonObject) -> bool:
        known = cast("JsonObject", wide.get("properties", _NOTHING_SAID))
        wanted = cast("JsonObject", narrow.get("properties", _NOTHING_SAID))
        # A member that is not described any more would be dropped without a word.
        return (
            all(name in known and self._covers(known[name], wanted[name]) for name in wanted)
            and set(wide.get("required", ())) <= set(narrow.get("required", ()))
            and self._covers(
                wide.get("additionalProperties", True), narrow.get("additionalProperties", True)
            )
        )


def _reference(schema: Json) -> str:
    if not isinstance(schema, dict):
        return ""
    reference = cast("JsonObject", schema).get("$ref")
    return reference if isinstance(reference, str) else ""


def _followed(schema: Json, document: JsonObject) -> Json:
    """What a reference into `$defs` means; another one stays as it is."""
    reference = _reference(schema)
    name = reference.removeprefix("#/$defs/")
    definitions: Mapping[str, Json] = document.get("$defs", _NOTHING_SAID)
    if name == reference or name not in definitions:
        return schema
    beside = {key: value for key, value in cast("JsonObject", schema).items() if key != "$ref"}
    return schema if _telling(beside) else definitions[name]


def _telling(schema: JsonObject) -> JsonObject:
    return {name: value for name, value in schema.items() if name not in _NOTES}


def _types(schema: JsonObject) -> frozenset[str]:
    named: Any = schema.get("type")
    if named is None:
        return frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
    listed: list[str] = [named] if isinstance(named, str) else named
    return frozenset([*listed, "integer"] if "number" in listed else listed)


def _covers_choices(wide: JsonObject, narrow: JsonObject) -> bool:
    """Whether each of the choices that `narrow` lists is one of `wide`'s, or any is of its type."""
    mine = narrow["enum"] if "enum" in narrow else [narrow["const"]]
    if "enum" in wide or "const" in wide:
        theirs = wide["enum"] if "enum" in wide else [wide["const"]]
        return all(choice in theirs for choice in mine)
    return set(wide) == {"type"} and "type" in narrow and _types(wide) >= _types(narrow)


def _covers_bounds(wide: JsonObject, narrow: JsonObject) -> bool:
    return all(
        bound not in wide or (bound in narrow and narrow[bound] >= wide[bound]) for bound in _LOWER
    ) and all(
        bound not in wide or (bound in narrow and narrow[bound] <= wide[bound]) for bound in _UPPER
    )
