"""Members of JSON values: by dotted paths, and as keys by which items belong together."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, cast

from pydantic import Field

from alga_workflows_core.actions.builtin.refusals import refused
from alga_workflows_core.types.json import Json, JsonObject

Path: TypeAlias = Annotated[
    str, Field(max_length=500, pattern=r"^[^.\x00]+(\.[^.\x00]+){0,31}$", examples=["customer.id"])
]
"""Names with dots in between, which lead into objects; they do not lead into lists."""

Kind: TypeAlias = Literal["null", "boolean", "number", "text"]
Identity: TypeAlias = tuple[Kind, Json]
"""A scalar as something that can be compared and hashed: 1 and 1.0 are equal, 1 and true not."""


def at(value: Json, path: str | None) -> Json:
    """What `path` leads to from `value`: itself without a path, None if nothing is there."""
    for name in path.split(".") if path is not None else ():
        if not isinstance(value, dict):
            return None
        value = cast("JsonObject", value).get(name)
    return value


def key_of(item: Json, path: str | None, *, of: str, index: int) -> Identity:
    """The key of an item of the list `of`. ActionError COLLECTION_KEY if it is no scalar."""
    key = at(item, path)
    match key:
        case None:
            return "null", None
        case bool():
            return "boolean", key
        case int() | float():
            return "number", key
        case str():
            return "text", key
        case _:
            raise refused(
                "COLLECTION_KEY",
                f"The key of item {index} of `{of}` is a list or an object.",
                "Name a member that is text, a number, true, false or null.",
                index=index,
            )
