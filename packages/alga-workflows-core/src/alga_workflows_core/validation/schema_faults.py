"""Is a schema a JSON Schema (2020-12) that values can be held against?

The meta-schema does not say all: a schema may also refer to what is not there or is no schema, or
to itself without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.patterns import pattern_faults
from alga_workflows_core.validation.plain import is_plain

DIALECTS = frozenset(
    f"https://json-schema.org/draft/2020-12/schema{fragment}" for fragment in ("", "#")
)
"""What a schema's `$schema` may say."""

Resolver: TypeAlias = Any
"""A `referencing` resolver, a class that the library does not export."""

_SHOWN = 250
_REFERENCES = ("$ref", "$dynamicRef")
# The keywords that apply schemas to the very value that the schema itself is applied to.
_IN_PLACE = ("not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas")
# Keywords that hold one schema, a list of them, or an object of them.
_ONE = (
    *("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
# Together the library matches patterns with Python's engine, whose time has no bound.
_APART = frozenset({"patternProperties", "unevaluatedProperties"})
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_OBJECTS = ("$defs", "dependentSchemas", "patternProperties", "properties")


def schema_faults(schema: JsonObject) -> Iterator[tuple[str, str]]:
    """What makes `schema` unusable, as (JSON Pointer into it, what is wrong there)."""
    if is_plain(schema):
        return
    fault = _own_fault(schema)
    if fault is not None:
        yield fault
        return
    registry: Registry[Json] = Registry()
    try:
        resolver = registry.resolver_with_root(DRAFT202012.create_resource(schema))
        yield from _Walk().faults(schema, resolver)
    except ValueError as error:
        yield "", f"It has an $id that is no URI reference: {error}."


def _own_fault(schema: JsonObject) -> tuple[str, str] | None:
    """What the meta-schema has against it."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return pointer(*error.absolute_path), f"{shortened(error.message)}."
    except (OverflowError, RecursionError):
        return "", "It holds a pattern that is too large."
    return None


def shortened(message: str) -> str:
    """A validator's message, which may quote large values, in 250 characters at most."""
    return message if len(message) <= _SHOWN else f"{message[: _SHOWN - 1]}…"


@dataclass(frozen=True, slots=True)
class _Reference:
    """A reference to something that is no known part of the schema when it is met."""

    target: JsonObject
    where: str
    resolver: Resolver


@dataclass(slots=True)
class _Walk:
    """Goes once through a schema and all that it refers to. Schemas are told apart by identity."""

    _seen: dict[int, str] = field(default_factory=dict[int, str])
    _applies: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    _references: list[_Reference] = field(default_factory=list[_Reference])
    _used: set[str] = field(default_factory=set[str])

    def faults(self, schema: JsonObject, resolver: Resolver) -> Iterator[tuple[str, str]]:
        yield from self._visit(schema, "", resolver)
        while self._references:
            reference = self._references.pop()
            if id(reference.target) in self._seen:
                continue
            fault = _own_fault(reference.target)
            if fault is not None:
                yield reference.where, f"It leads to what is no schema. {fault[1]}"
                return
            yield from self._visit(reference.target, reference.where, reference.resolver)
        if self._used >= _APART:
            yield "", "unevaluatedProperties cannot be used together with patternProperties."
        endless = self._endless()
        if endless is not None:
            yield endless, "It refers to itself without end."

    def _visit(self, schema: Json, where: str, resolver: Resolver) -> Iterator[tuple[str, str]]:
        if not isinstance(schema, dict):
            return
        members = cast("JsonObject", schema)
        if id(members) in self._seen:
            return
        self._seen[id(members)] = where
        applied = self._applies.setdefault(id(members), [])
        if members.get("$schema", next(iter(DIALECTS))) not in DIALECTS:
            named = quoted(str(members["$schema"]))
            yield where + pointer("$schema"), f"Schemas are read as 2020-12, not as {named}."
        for parts, message in pattern_faults(members):
            yield where + pointer(*parts), message
        self._used |= _APART & members.keys()
        for keyword in _REFERENCES:
            if keyword in members:
                here = where + pointer(keyword)
                yield from self._refer(members[keyword], here, resolver, applied)
        for parts, inner in _inner(members):
            if parts[0] in _IN_PLACE:
                applied.append(id(inner))
            below = resolver.in_subresource(DRAFT202012.create_resource(inner))
            yield from self._visit(inner, where + pointer(*parts), below)

    def _refer(
        self, reference: str, where: str, resolver: Resolver, applied: list[int]
    ) -> Iterator[tuple[str, str]]:
        try:
            found = resolver.lookup(reference)
        except Unresolvable:
            yield where, f"{quoted(reference)} is not part of the schema."
            return
        if isinstance(found.contents, dict):
            target = cast("JsonObject", found.contents)
            applied.append(id(target))
            self._references.append(_Reference(target, where, found.resolver))
        elif not isinstance(found.contents, bool):
            yield where, f"{quoted(reference)} leads to what is no schema."

    def _endless(self) -> str | None:
        """A schema that applies itself to the value that it is applied to, if there is one."""
        try:
            TopologicalSorter(self._applies).prepare()
        except CycleError as error:
            return min(self._seen[schema] for schema in cast("list[int]", error.args[1]))
        return None


def _inner(schema: JsonObject) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """The schemas right inside `schema`, with the way to each."""
    for keyword in schema:
        held = schema[keyword]
        if keyword in _ONE:
            yield (keyword,), held
        elif keyword in _LISTS:
            for index, item in enumerate(cast("list[Json]", held)):
                yield (keyword, index), item
        elif keyword in _OBJECTS:
            for name, member in cast("JsonObject", held).items():
                yield (keyword, name), member
