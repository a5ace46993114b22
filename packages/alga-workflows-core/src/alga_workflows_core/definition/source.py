"""Reads a document from the text that people wrote, JSON or YAML, and remembers the places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Literal, TypeAlias

from alga_workflows_core.definition.json_places import json_places
from alga_workflows_core.definition.places import Place
from alga_workflows_core.definition.yaml_source import load_yaml
from alga_workflows_core.errors import TooLargeError
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.strict_json import decoded, loads

Media: TypeAlias = Literal["json", "yaml"]

MAX_SOURCE_BYTES = 2 * 1024 * 1024
"""No longer text is read."""

_BLANKS = b" \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that was read, the name of its text, and where its parts stand there."""

    name: str
    media: Media
    document: Json
    places: Callable[[], Place] = field(repr=False, compare=False)

    def position(self, pointer: str) -> tuple[int, int] | None:
        """Line and column, from 1, of what the JSON Pointer (RFC 6901) leads to, or None.

        A member of an object stands where its name begins. Columns count characters.
        """
        place = self.places().find(pointer)
        return None if place is None else (place.line, place.column)


def read(text: bytes, *, name: str, media: Media | None = None) -> Source:
    """The document in `text`, which is `media`, else what the ending of `name` says (`.json`,
    `.yaml`, `.yml`), else JSON if its first character is `{`, else YAML.

    Raises InputError as `strict_json.loads` and `load_yaml` do, and with code SIZE_LIMIT for more
    than `MAX_SOURCE_BYTES`; `details` has `line` and `column`.
    """
    if len(text) > MAX_SOURCE_BYTES:
        raise TooLargeError(
            f"The text has more than {MAX_SOURCE_BYTES} bytes.",
            remedy="Move large literals into the payload or behind an action.",
            details={"line": 1, "column": 1},
        )
    media = media or _media(text, name)
    if media == "json":
        characters = decoded(text)
        document = loads(characters)
        places = cache(partial(json_places, characters))
    else:
        document, root = load_yaml(text)
        places = partial(_same, root)
    return Source(name=name, media=media, document=document, places=places)


def _media(text: bytes, name: str) -> Media:
    match name.lower().rpartition("."):
        case _, ".", "json":
            return "json"
        case _, ".", "yaml" | "yml":
            return "yaml"
        case _:
            return "json" if text.lstrip(_BLANKS).startswith(b"{") else "yaml"


def _same(root: Place) -> Place:
    return root
