"""Which fields of an action's input are typed as secrets (`SecretStr`, `SecretBytes`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer


def secret_fields(schema: JsonObject) -> tuple[str, ...]:
    """Where in an input that meets `schema`, one of Pydantic's, secrets belong.

    JSON Pointers; `*` in one stands for every item or member. Of a model that holds itself, the
    fields of the outermost one only.
    """
    return tuple(dict.fromkeys(_found(schema, schema, "", ())))


def _found(root: JsonObject, schema: Json, here: str, inside: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    part = cast("JsonObject", schema)
    if part.get("writeOnly") is True and part.get("format") == "password":
        yield here
        return
    reference = part.get("$ref")
    if isinstance(reference, str) and reference not in inside:
        referred = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"))
        yield from _found(root, referred, here, (*inside, reference))
    for inner, there in _inner(part, here):
        yield from _found(root, inner, there, inside)


def _inner(part: JsonObject, here: str) -> Iterator[tuple[Json, str]]:
    """The schemas inside `part`, and where what they describe is."""
    for keyword in ("anyOf", "oneOf", "allOf"):
        for branch in part.get(keyword, ()):
            yield branch, here
    for name, member in part.get("properties", {}).items():
        yield member, here + pointer(name)
    for index, item in enumerate(part.get("prefixItems", ())):
        yield item, here + pointer(index)
    for keyword in ("items", "additionalProperties"):
        yield part.get(keyword), here + pointer("*")
    for member in part.get("patternProperties", {}).values():
        yield member, here + pointer("*")
