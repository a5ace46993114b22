"""Shapes: what a JSON Schema certainly says of the values that meet it.

It may be no schema at all; then nothing is said of what is wrong in it.
Only what is plain is followed: `type`, `enum`, `const`, `properties`, `items`, `allOf` and `$ref`
within the schema, and `anyOf`/`oneOf` where that is still certain. Of the rest nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject

ANY_KIND = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""The kinds of JSON values. Of numbers there are two; 5.0 is an integer, as in JSON Schema."""

_NOT_FOLLOWED: JsonObject = {"$comment": "", "not followed": True}
"""Stands for a part of which nothing is known, but that there is one."""

_NO_MEMBERS = ANY_KIND - {"object", "array"}


def kind_of(value: Json) -> str:
    """The one of `ANY_KIND` that `value` is."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "fraction"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


class Shape:
    """What is known of some values: that they meet each of `parts`, schemas of one document.

    Without parts nothing is known. All that it answers holds for every value that is there.
    """

    def __init__(self, parts: Sequence[JsonObject], document: _Document) -> None:
        self.parts = parts
        self._document = document
        self._members: dict[str, Shape] = {}

    @property
    def root(self) -> Json:
        """The document, to which references in `parts` lead."""
        return self._document.root

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds that the values can have; any, if the schema contradicts itself."""
        return self._kinds or ANY_KIND

    @property
    def is_contradictory(self) -> bool:
        """Whether there can be no value, as no kind is left."""
        return not self._kinds

    @cached_property
    def _kinds(self) -> frozenset[str]:
        kinds = ANY_KIND
        for part in self.parts:
            kinds &= self._document.own_kinds(part)
        return kinds

    @cached_property
    def choices(self) -> list[Json] | None:
        """All values that there can be, if they are listed."""
        return self._document.choices(self.parts)

    @cached_property
    def required(self) -> list[str]:
        """Members that every object has, in the order in which the schema names them."""
        named: dict[str, None] = {}
        for part in self.parts:
            names = _list(part, "required")
            named.update((name, None) for name in names if isinstance(name, str))
        return list(named)

    @cached_property
    def names(self) -> list[str]:
        """Members that the schema names."""
        named: dict[str, None] = {}
        for part in self._of_objects:
            named.update(dict.fromkeys(_object(part, "properties")))
        return list(named)

    def member(self, name: str) -> Shape:
        """What is known of the member `name` of an object, if it is there."""
        known = self._members.get(name)
        if known is None:
            known = self._inside([_member(part, name) for part in self._of_objects])
            if name in self.names:
                # Only these: shapes are shared, and there is no end of other names.
                self._members[name] = known
        return known

    def having(self, members: Mapping[str, Shape]) -> Shape:
        """The same of which these members are known instead."""
        shape = Shape(self.parts, self._document)
        shape._members.update(members)
        return shape

    def lacks(self, name: str) -> bool:
        """Whether no value has a member `name`."""
        if self.kinds <= _NO_MEMBERS:
            return True
        return any(
            part.get("additionalProperties") is False
            and "patternProperties" not in part
            and name not in _object(part, "properties")
            for part in self._of_objects
        )

    @cached_property
    def items(self) -> Shape:
        """What is known of each item of a list."""
        return self._inside(
            [part.get("items") for part in self._of("array") if "prefixItems" not in part]
        )

    def item(self, index: int) -> Shape:
        """What is known of the item with this index."""
        held: list[Json] = []
        for part in self._of("array"):
            first = _list(part, "prefixItems")
            held.append(first[index] if index < len(first) else part.get("items"))
        return self._inside(held)

    @cached_property
    def _of_objects(self) -> list[JsonObject]:
        return list(self._of("object"))

    def _of(self, kind: str) -> Iterator[JsonObject]:
        """The parts, and what those values meet besides that are of this kind."""
        for part in self.parts:
            yield part
            for branches in _alternatives(part):
                fitting = [each for each in branches if kind in self._document.kinds(each)]
                if len(fitting) == 1:
                    yield from self._document.parts(fitting[0])

    def _inside(self, held: Sequence[Json]) -> Shape:
        parts = [part for schema in held for part in self._document.parts(schema)]
        parts += [_NOT_FOLLOWED for schema in held if schema is False]
        return Shape(parts, self._document) if parts else UNKNOWN


@dataclass(slots=True)
class _Document:
    """A schema with all that is inside it. What was asked once is remembered, by identity."""

    root: Json = None
    _kinds: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])

    def parts(self, schema: Json) -> list[JsonObject]:
        """`schema` and all that its values meet besides; not what has a base of its own."""
        found: list[JsonObject] = []
        seen: set[int] = set()
        waiting = [schema]
        while waiting:
            part = waiting.pop()
            if not isinstance(part, dict):
                if part is not schema:
                    found.append(_NOT_FOLLOWED)
                continue
            members = cast("JsonObject", part)
            if id(members) in seen:
                continue
            seen.add(id(members))
            if "$id" in members and members is not self.root:
                found.append(_NOT_FOLLOWED)
                continue
            found.append(members)
            if "$ref" in members:
                waiting.append(self._referred(members["$ref"]))
            if "allOf" in members:
                waiting += reversed(_list(members, "allOf"))
        return found

    def kinds(self, schema: Json) -> frozenset[str]:
        """The kinds of values that can meet `schema`."""
        if not isinstance(schema, dict):
            return frozenset() if schema is False else ANY_KIND
        known = self._kinds.get(id(cast("JsonObject", schema)))
        if known is not None:
            return known
        # What comes back to itself is not followed there.
        self._kinds[id(cast("JsonObject", schema))] = ANY_KIND
        kinds = ANY_KIND
        for part in self.parts(cast("Json", schema)):
            kinds &= self.own_kinds(part)
        self._kinds[id(cast("JsonObject", schema))] = kinds
        return kinds

    def own_kinds(self, part: JsonObject) -> frozenset[str]:
        """By the part's own keywords, without what `parts` tells apart."""
        kinds = ANY_KIND
        if "type" in part:
            kinds = _kinds_of_types(part["type"])
        if "const" in part:
            kinds &= {kind_of(part["const"])}
        if "enum" in part:
            kinds &= set(map(kind_of, _list(part, "enum")))
        for branches in _alternatives(part):
            kinds &= frozenset[str]().union(*map(self.kinds, branches))
        return kinds

    def choices(self, parts: Sequence[JsonObject]) -> list[Json] | None:
        """The shortest list of values that one of `parts` allows."""
        listed = [self._own_choices(part) for part in parts]
        return min((each for each in listed if each is not None), key=len, default=None)

    def _own_choices(self, part: JsonObject) -> list[Json] | None:
        plain = _plain_choices(part)
        if plain is not None:
            return plain
        for branches in _alternatives(part):
            each = [self._choices_of_branch(branch) for branch in branches]
            known = [choices for choices in each if choices is not None]
            if len(known) == len(each):
                return [choice for choices in known for choice in choices]
        return None

    def _choices_of_branch(self, branch: Json) -> list[Json] | None:
        listed = (_plain_choices(part) for part in self.parts(branch))
        return next((choices for choices in listed if choices is not None), None)

    def _referred(self, reference: Json) -> Json:
        """What a pointer within the document leads to, if it is a plain one."""
        if reference == "#":
            return self.root
        if not isinstance(reference, str) or not reference.startswith("#/") or "%" in reference:
            return None
        found = self.root
        for name in reference.split("/")[1:]:
            if not isinstance(found, dict):
                return None
            plain = name.replace("~1", "/").replace("~0", "~")
            found = cast("JsonObject", found).get(plain)
        return found


UNKNOWN = Shape((), _Document())
"""Nothing is known."""


def shape_of(schema: Json) -> Shape:
    """What the document `schema` says; nothing if it is None."""
    document = _Document(schema)
    return Shape(document.parts(schema), document)


def object_shape(members: Mapping[str, Shape]) -> Shape:
    """Of objects of which these members are known."""
    return shape_of({"type": "object"}).having(members)


def never_meets(source: Shape, target: Shape) -> bool:
    """Whether no value of `source` that is there is one of `target`.

    That nothing is there (null) is not held against `source`, as long as it can be something.
    """
    kinds = source.kinds - {"null"} or source.kinds
    if kinds.isdisjoint(target.kinds):
        return True
    given, wanted = source.choices, target.choices
    if given is None or wanted is None:
        return False
    there = [value for value in given if value is not None] or given
    return not any(same(one, other) for one in there for other in wanted)


def same(one: Json, other: Json) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, but not true."""
    if kind_of(one) != kind_of(other):
        return False
    if isinstance(one, list):
        mine, its = cast("list[Json]", one), cast("list[Json]", other)
        return len(mine) == len(its) and all(map(same, mine, its))
    if isinstance(one, dict):
        members, others = cast("JsonObject", one), cast("JsonObject", other)
        return members.keys() == others.keys() and all(
            same(member, others[name]) for name, member in members.items()
        )
    return bool(one == other)


def _kinds_of_types(types: Json) -> frozenset[str]:
    named = cast("list[Json]", types) if isinstance(types, list) else [types]
    kinds = frozenset(name for name in named if isinstance(name, str)) & ANY_KIND
    return kinds | {"integer", "fraction"} if "number" in named else kinds


def _plain_choices(part: JsonObject) -> list[Json] | None:
    if "const" in part:
        return [part["const"]]
    if "enum" in part:
        return _list(part, "enum")
    return [None] if part.get("type") == "null" else None


def _alternatives(part: JsonObject) -> Iterator[list[Json]]:
    """Of which one has to be met."""
    if "anyOf" in part:
        yield _list(part, "anyOf")
    if "oneOf" in part:
        yield _list(part, "oneOf")


def _member(part: JsonObject, name: str) -> Json:
    properties = _object(part, "properties")
    if name in properties:
        return properties[name]
    return None if "patternProperties" in part else part.get("additionalProperties")


def _list(part: JsonObject, keyword: str) -> list[Json]:
    held = part.get(keyword)
    return cast("list[Json]", held) if isinstance(held, list) else []


def _object(part: JsonObject, keyword: str) -> JsonObject:
    held = part.get(keyword)
    return cast("JsonObject", held) if isinstance(held, dict) else {}
