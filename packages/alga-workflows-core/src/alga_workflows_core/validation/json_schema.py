"""JSON Schema as it is applied to values that come from outside: nothing is fetched, and patterns
are matched in bounded time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from jsonschema import validators
from jsonschema.exceptions import ValidationError
from referencing import Registry

from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.patterns import matches


def faults_of(
    value: Json, schema: JsonObject, *, root: JsonObject | None = None
) -> Iterator[ValidationError]:
    """What is wrong with `value`, by `schema`, which is a part of `root` if that is given.

    The schemas are ones in which `schema_faults` found nothing. ValueError if they have a
    `pattern_fault` all the same, RecursionError if the value is nested too deeply.
    """
    registry: Registry[Json] = Registry()
    validator = _VALIDATOR(schema if root is None else root, registry=registry)
    if root is not None:
        validator = validator.evolve(schema=schema)
    return validator.iter_errors(value)


def _pattern(
    validator: Any, wanted: str, instance: Json, _schema: JsonObject
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not matches(wanted, instance):
        yield ValidationError(f"{instance!r} does not match {wanted!r}")


def _pattern_properties(
    validator: Any, wanted: Mapping[str, Json], instance: Json, _schema: JsonObject
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, schema in wanted.items():
        for name, value in cast("JsonObject", instance).items():
            if matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Json, instance: Json, schema: JsonObject
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    members = cast("JsonObject", instance)
    additional = list(_additional(members, schema))
    if isinstance(wanted, dict):
        for name in additional:
            yield from validator.descend(members[name], wanted, path=name)
    elif wanted is False and additional:
        named = ", ".join(map(repr, additional))
        yield ValidationError(f"Additional properties are not allowed ({named})")


def _additional(members: Iterable[str], schema: JsonObject) -> Iterator[str]:
    properties = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name in members:
        if name not in properties and not any(matches(pattern, name) for pattern in patterns):
            yield name


def _make_validator() -> Any:
    keywords: dict[str, Any] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    }
    library = cast("Any", validators)
    made = library.extend(library.Draft202012Validator, keywords)
    evolve = cast("Callable[..., Any]", made.evolve)

    def evolve_as_this(self: Any, **changes: Any) -> Any:
        # For a schema with `$schema` the library would go on with its own validator.
        schema: Json = changes.get("schema", self.schema)
        if isinstance(schema, dict) and "$schema" in schema:
            members = cast("JsonObject", schema)
            changes["schema"] = {name: members[name] for name in members if name != "$schema"}
        return evolve(self, **changes)

    made.evolve = evolve_as_this
    return made


_VALIDATOR = _make_validator()
