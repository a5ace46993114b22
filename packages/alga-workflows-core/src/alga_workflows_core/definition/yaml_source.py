"""Reads YAML as far as it is JSON: the core schema of YAML 1.2, aliases written out, in bounds.

Nothing here calls itself for each level of a text, and what aliases stand for is counted before it
is written out, so that no text exhausts stack or memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from alga_workflows_core.definition.places import Place, Within
from alga_workflows_core.definition.yaml_events import (
    SYNTAX,
    UNSUPPORTED,
    Spot,
    fail,
    shown,
    start_of,
    yaml_events,
)
from alga_workflows_core.definition.yaml_scalars import (
    TAG_PREFIX,
    NumberRefusedError,
    TagRefusedError,
    resolve,
    resolve_tagged,
)
from alga_workflows_core.errors import TooLargeError
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.strict_json import MAX_DEPTH, decoded

MAX_NODES = 200_000
"""Scalars, keys, lists and objects of a document with its aliases written out."""

MAX_CHARACTERS = 2 * 1024 * 1024
"""Of all scalars and keys of a document with its aliases written out."""


def load_yaml(data: bytes | str) -> tuple[Json, Place]:
    """The value of the YAML text `data`, and its places.

    What an alias stands for is copied; inside it, places are those of what it stands for. Raises
    InputError as `strict_json.loads` does, with code YAML_SYNTAX instead of JSON_SYNTAX, with
    YAML_UNSUPPORTED for what YAML has and JSON has not (tags of other schemas, keys that are no
    text, several documents, recursion), and with SIZE_LIMIT for more than `MAX_NODES` or
    `MAX_CHARACTERS`.
    """
    composer = _Composer()
    for event in yaml_events(decoded(data, kind="YAML")):
        composer.take(event)
    return composer.result()


@dataclass(frozen=True, slots=True)
class _Node:
    """A complete value, and what it is counted as with its aliases written out."""

    value: Json
    within: Within = ()
    height: int = 0
    nodes: int = 1
    characters: int = 0


@dataclass(slots=True)
class _Open:
    """A list or object of which the end has not been reached. `key` waits for its value."""

    value: list[Json] | JsonObject
    spot: Spot
    anchor: str | None
    nodes_before: int
    characters_before: int
    items: list[Place] = field(default_factory=list[Place])
    members: dict[str, Place] = field(default_factory=dict[str, Place])
    height: int = 1
    key: str | None = None
    key_spot: Spot = (0, 0)

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    def add(self, node: _Node, spot: Spot) -> None:
        self.height = max(self.height, node.height + 1)
        if isinstance(self.value, list):
            self.value.append(node.value)
            self.items.append(Place(*spot, node.within))
        else:
            name = cast("str", self.key)
            self.value[name] = node.value
            self.members[name] = Place(*self.key_spot, node.within)
            self.key = None


class _Composer:
    """Takes events and makes the value of them."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, _Node | _Open] = {}
        self._nodes = 0
        self._characters = 0
        self._root: tuple[Json, Place] | None = None

    def result(self) -> tuple[Json, Place]:
        """The value and its places, once all events have been taken."""
        if self._root is None:
            raise AssertionError("a document has one node")
        return self._root

    def take(self, event: NodeEvent | CollectionEndEvent) -> None:
        """The next event of the document."""
        if isinstance(event, CollectionEndEvent):
            self._end(self._open.pop())
            return
        spot = start_of(event)
        wants_key = bool(self._open) and self._open[-1].wants_key
        if isinstance(event, ScalarEvent):
            self._count(1, len(event.value), spot)
            if wants_key:
                self._take_key(event, spot)
            else:
                self._take_scalar(event, spot)
        elif wants_key:
            self._not_text("A key is a list, an object or an alias", spot)
        elif isinstance(event, AliasEvent):
            self._take_alias(event.anchor or "", spot)
        elif isinstance(event, CollectionStartEvent):
            self._begin(event, spot)

    def _take_scalar(self, event: ScalarEvent, spot: Spot) -> None:
        try:
            value = self._scalar(event, spot)
        except NumberRefusedError:
            fail(
                "JSON_NUMBER",
                f"The number {shown(event.value, 40)} cannot be kept exactly by every JSON reader",
                spot,
                "Use a finite number within ±(2^53 - 1), or write it in quotes.",
                path=self._path(),
            )
        node = _Node(value, characters=len(event.value))
        self._anchor(event.anchor, node)
        self._add(node, spot)

    def _take_key(self, event: ScalarEvent, spot: Spot) -> None:
        try:
            key = self._scalar(event, spot)
        except NumberRefusedError:
            key = None
        if not isinstance(key, str):
            said = f"The key {shown(event.value)}" if event.value else "An empty key"
            self._not_text(f"{said} is not text", spot)
        holder = self._open[-1]
        holder.key, holder.key_spot = key, spot
        if key in holder.value:
            fail(
                "JSON_DUPLICATE_KEY",
                f'The key "{shown(key)}" occurs twice in one object',
                spot,
                "Keep one of the two.",
                path=self._path(),
                key=shown(key),
            )
        self._anchor(event.anchor, _Node(key, characters=len(key)))

    def _scalar(self, event: ScalarEvent, spot: Spot) -> Json:
        text = _whole(event.value, spot)
        if event.tag is None:
            return resolve(text) if event.style is None else text
        try:
            return resolve_tagged(event.tag, text)
        except TagRefusedError:
            self._refuse_tag(event.tag, spot)

    def _take_alias(self, name: str, spot: Spot) -> None:
        node = self._anchors.get(name)
        if node is None:
            what = f"The alias *{shown(name)} has no anchor above it"
            fail(SYNTAX, what, spot, f"Put &{shown(name)} before what it stands for.")
        if isinstance(node, _Open):
            what = f"The alias *{shown(name)} stands inside of what it stands for"
            fail(UNSUPPORTED, what, spot, "Write out what is meant.", path=self._path())
        self._count(node.nodes, node.characters, spot)
        self._check_depth(len(self._open) + node.height, spot)
        self._add(_Node(_copied(node.value), node.within, node.height), spot)

    def _begin(self, event: CollectionStartEvent, spot: Spot) -> None:
        is_object = isinstance(event, MappingStartEvent)
        if event.tag not in (None, f"{TAG_PREFIX}{'map' if is_object else 'seq'}"):
            self._refuse_tag(event.tag or "", spot)
        self._check_depth(len(self._open) + 1, spot)
        opened = _Open({} if is_object else [], spot, event.anchor, self._nodes, self._characters)
        self._count(1, 0, spot)
        self._anchor(event.anchor, opened)
        self._open.append(opened)

    def _end(self, ended: _Open) -> None:
        is_object = isinstance(ended.value, dict)
        node = _Node(
            ended.value,
            ended.members if is_object else ended.items,
            ended.height,
            self._nodes - ended.nodes_before,
            self._characters - ended.characters_before,
        )
        if ended.anchor is not None and self._anchors[ended.anchor] is ended:
            self._anchors[ended.anchor] = node
        self._add(node, ended.spot)

    def _add(self, node: _Node, spot: Spot) -> None:
        if self._open:
            self._open[-1].add(node, spot)
        else:
            self._root = node.value, Place(*spot, node.within)

    def _anchor(self, name: str | None, node: _Node | _Open) -> None:
        if name is not None:
            self._anchors[name] = node

    def _count(self, nodes: int, characters: int, spot: Spot) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes <= MAX_NODES and self._characters <= MAX_CHARACTERS:
            return
        fail(
            TooLargeError.code,
            f"With its aliases written out, the YAML text has more than {MAX_NODES} values"
            f" or {MAX_CHARACTERS} characters",
            spot,
            "Make it smaller.",
            kind=TooLargeError,
        )

    def _check_depth(self, depth: int, spot: Spot) -> None:
        if depth > MAX_DEPTH:
            what = f"The YAML text is nested deeper than {MAX_DEPTH} levels"
            fail("JSON_DEPTH", what, spot, "Make it flatter.")

    def _refuse_tag(self, tag: str, spot: Spot) -> NoReturn:
        fail(
            UNSUPPORTED,
            f"The tag {shown(tag.replace(TAG_PREFIX, '!!'))} is not known, or does not fit here",
            spot,
            "Leave it out; quotes make text of everything.",
            path=self._path(),
        )

    def _not_text(self, what: str, spot: Spot) -> NoReturn:
        fail(UNSUPPORTED, f"{what}; keys have to be text", spot, "Write the key in quotes.")

    def _path(self) -> str:
        """The JSON Pointer of what is being read."""
        parts: list[str | int] = []
        for holder in self._open:
            if isinstance(holder.value, list):
                parts.append(len(holder.value))
            elif holder.key is not None:
                parts.append(holder.key)
        return pointer(*parts)


def _whole(text: str, spot: Spot) -> str:
    r"""`text` with characters in place of surrogate pairs, which JSON writes as `\ud83d\ude00`."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        fail(
            "JSON_TEXT",
            "The YAML text holds half a surrogate pair, which is no character",
            spot,
            "Write both halves, or the character itself.",
        )


def _copied(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in cast("JsonObject", value).items()}
    if isinstance(value, list):
        return [_copied(item) for item in cast("list[Any]", value)]
    return value
