"""Pure actions on JSON values and their text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, cast

from pydantic import Field

from alga_workflows_core.actions.builtin.members import Path
from alga_workflows_core.actions.builtin.refusals import refused, too_large
from alga_workflows_core.actions.contract import Action, action
from alga_workflows_core.actions.lanes import MAX_REMOTE_BYTES
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.strict_json import loads

# The reader's own sentences may quote the text.
_REASONS: Mapping[str, str] = {
    "JSON_SYNTAX": "is not well formed JSON",
    "JSON_DUPLICATE_KEY": "has a key twice in one object",
    "JSON_NUMBER": "has a number that not every reader keeps exactly",
    "JSON_DEPTH": "is nested too deeply",
    "JSON_TEXT": "has half a surrogate pair or a byte order mark",
}


class ParseInput(Model):
    """A text that is JSON."""

    text: Annotated[str, Field(max_length=1_000_000, description="The JSON text.")]


class ParseOutput(Model):
    """What the text says."""

    value: Annotated[Json, Field(description="The value that the text stands for.")]


@action("json.parse", version=1, kind=ActionKind.PURE)
async def parse(request: ParseInput) -> ParseOutput:
    """The value of a JSON text, read strictly: no duplicate keys, no numbers that lose digits."""
    try:
        return ParseOutput(value=loads(request.text))
    except InputError as error:
        line, column = error.details["line"], error.details["column"]
        raise refused(
            error.error_code,
            f"The text {_REASONS[error.error_code]} (line {line}, column {column}).",
            "Correct the text, or have its source do so.",
            line=line,
            column=column,
        ) from error


class FormatInput(Model):
    """Any value, and how its text shall look."""

    value: Annotated[Json, Field(description="What to write.")]
    indent: Annotated[
        int, Field(ge=0, le=4, description="Blanks by which each level is indented; 0: one line.")
    ] = 0
    sort_keys: Annotated[
        bool, Field(description="Whether the members of objects are sorted by name.")
    ] = False


class FormatOutput(Model):
    """A JSON text."""

    text: Annotated[str, Field(description="The value as JSON.")]


@action("json.format", version=1, kind=ActionKind.PURE)
async def format_value(request: FormatInput) -> FormatOutput:
    """A value as JSON text, on one line or indented."""
    encoder = json.JSONEncoder(
        ensure_ascii=False,
        allow_nan=False,
        sort_keys=request.sort_keys,
        indent=request.indent or None,
        separators=None if request.indent else (",", ":"),
    )
    parts: list[str] = []
    length = 0
    # Deep indentation makes a text hundreds of times larger than what it tells.
    for part in encoder.iterencode(request.value):
        length += len(part)
        if length > MAX_REMOTE_BYTES:
            raise too_large("The text", "Indent by less, or write a part of the value.")
        parts.append(part)
    return FormatOutput(text="".join(parts))


_Object = dict[str, Json]
_Paths = Annotated[list[Path], Field(min_length=1, max_length=200)]


class SelectInput(Model):
    """An object, and which of its members are meant."""

    value: Annotated[_Object, Field(description="The object; it may hold others.")]
    paths: Annotated[
        _Paths,
        Field(description="Which members: names with dots between them, not into lists."),
    ]


class ObjectOutput(Model):
    """An object."""

    value: Annotated[_Object, Field(description="The object that was made.")]


@action("json.pick", version=1, kind=ActionKind.PURE)
async def pick(request: SelectInput) -> ObjectOutput:
    """An object with the named members only; those that are not there are left out."""
    return ObjectOutput(value=_picked(request.value, _tree(request.paths)))


@action("json.omit", version=1, kind=ActionKind.PURE)
async def omit(request: SelectInput) -> ObjectOutput:
    """An object without the named members."""
    return ObjectOutput(value=_omitted(request.value, _tree(request.paths)))


def _tree(paths: Sequence[str]) -> JsonObject:
    """The names by level; one that leads to nothing more stands for all that is below it."""
    tree: JsonObject = {}
    for path in paths:
        *parents, last = path.split(".")
        level: JsonObject | None = tree
        for name in parents:
            level = level.setdefault(name, {}) if level is not None else None
        if level is not None:
            level[last] = None
    return tree


def _picked(value: JsonObject, tree: JsonObject) -> JsonObject:
    made: JsonObject = {}
    for name, member in value.items():
        if name in tree:
            below = tree[name]
            if below is None:
                made[name] = member
            elif isinstance(member, dict):
                inside = _picked(cast("JsonObject", member), below)
                if inside:
                    made[name] = inside
    return made


def _omitted(value: JsonObject, tree: JsonObject) -> JsonObject:
    made: JsonObject = {}
    for name, member in value.items():
        if name not in tree:
            made[name] = member
        elif tree[name] is not None:
            is_object = isinstance(member, dict)
            made[name] = _omitted(cast("JsonObject", member), tree[name]) if is_object else member
    return made


class MergeInput(Model):
    """Objects, from the least to the most important."""

    objects: Annotated[
        list[_Object],
        Field(min_length=1, max_length=100, description="The objects; later ones win."),
    ]
    lists: Annotated[
        Literal["replace", "append"],
        Field(description="Whether a later list replaces an earlier one or follows it."),
    ] = "replace"
    nulls: Annotated[
        Literal["keep", "remove"],
        Field(description="Whether a later null is kept, or removes the member (RFC 7396)."),
    ] = "keep"


@action("json.merge", version=1, kind=ActionKind.PURE)
async def merge(request: MergeInput) -> ObjectOutput:
    """One object of several: objects are merged member by member, of all else the later wins."""
    made: JsonObject = {}
    for each in request.objects:
        made = _merged(made, each, request)
    return ObjectOutput(value=made)


def _merged(earlier: JsonObject, later: JsonObject, request: MergeInput) -> JsonObject:
    made = dict(earlier)
    for name, member in later.items():
        held: Json = made.get(name)
        if member is None and request.nulls == "remove":
            made.pop(name, None)
        elif isinstance(member, dict):
            below = cast("JsonObject", held) if isinstance(held, dict) else {}
            made[name] = _merged(below, cast("JsonObject", member), request)
        elif request.lists == "append" and isinstance(held, list) and isinstance(member, list):
            made[name] = [*cast("list[Json]", held), *cast("list[Json]", member)]
        else:
            made[name] = member
    return made


def actions() -> Sequence[Action]:
    """The actions of this family."""
    return [parse, format_value, pick, omit, merge]
