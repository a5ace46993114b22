"""Types: what a value of a definition certainly is when it is worked out, as far as that is plain.

Followed are literals, and expressions that are a literal or a path from `payload`, a variable that
one place sets, an item of a loop, an event or the result of a call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from alga_workflows_core.definition.steps.action_call import ActionStep
from alga_workflows_core.definition.steps.assign import AssignStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.steps.event_wait import EventWaitStep
from alga_workflows_core.definition.steps.for_each import ForEachStep
from alga_workflows_core.definition.steps.parallel import ParallelStep
from alga_workflows_core.definition.values import is_expression, is_special
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.schema_faults import schema_faults
from alga_workflows_core.validation.shapes import (
    UNKNOWN,
    Shape,
    kind_of,
    object_shape,
    shape_of,
)
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit
from alga_workflows_core.validation.written import overlap, written_paths

_NAME = r"(?:[A-Za-z_][A-Za-z0-9_]*|`[^`.]+`)"
_PATH = re.compile(rf"\s*({_NAME}(?:\.{_NAME})*)\s*")
_LITERAL = re.compile(
    r"""\s*(?:(-?(?:0|[1-9]\d*)(?:\.\d+)?)|'([^'\\]*)'|"([^"\\]*)")\s*""", re.ASCII
)
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}
_OPERATORS = frozenset({"and", "or", "in"})

_TEXT = shape_of({"type": "string"})
_WHOLE = shape_of({"type": "integer"})
_FLAG = shape_of({"type": "boolean"})
_A_LIST = shape_of({"type": "array"})
_AN_OBJECT = object_shape({})
_DETACHED = object_shape({"runId": _TEXT})
_OF_EVENTS: Mapping[str, Shape] = {"id": _TEXT, "name": _TEXT, "source": _TEXT, "time": _TEXT}
_OF_LOOPS: Mapping[str, Shape] = {
    "index": _WHOLE,
    "length": _WHOLE,
    "isFirst": _FLAG,
    "isLast": _FLAG,
}

_MAX_STEPS_BACK = 8
"""A value is followed through so many variables and loops."""

_MAX_WRITES = 16
"""A variable that is set in more places is not followed."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression sees: the names around `visit` (None: no step), and these `names`."""

    visit: Visit | None
    names: Mapping[str, Shape] = field(default_factory=dict[str, Shape])


@dataclass(frozen=True, slots=True)
class _Write:
    """A step writes to `path`; its definition says so at `where`, a pointer from the step."""

    path: str
    where: str
    visit: Visit


class Types:
    """Answers for one definition. What is not certain is `UNKNOWN`."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._shapes: dict[int, Shape] = {}
        self._depth = 0

    def shape(self, schema: Json) -> Shape:
        """The shape of a schema that lives as long as the definition and its catalogue."""
        known = self._shapes.get(id(schema))
        if known is None:
            known = self._shapes[id(schema)] = shape_of(schema)
        return known

    @cached_property
    def payload(self) -> Shape:
        """Of the run's payload."""
        definition = self._subject.definition
        if definition.payload_schema_ref is not None:
            return self.event_payload(definition.payload_schema_ref)
        return self.shape(definition.payload_schema)

    @cached_property
    def sound_payload(self) -> Shape:
        """The same, unless the definition's own schema has faults and nothing can be held to it."""
        schema = self._subject.definition.payload_schema
        is_sound = schema is None or next(schema_faults(schema), None) is None
        return self.payload if is_sound else UNKNOWN

    def event_payload(self, name: str) -> Shape:
        """Of the payload of events with this name."""
        return self.shape((self._subject.catalogue.events or {}).get(name))

    def event(self, name: str) -> Shape:
        """Of what expressions see of such an event as `event`."""
        return object_shape({**_OF_EVENTS, "payload": self.event_payload(name)})

    def of(self, value: Json, scope: Scope) -> Shape:
        """Of what `value` comes to."""
        if is_expression(value):
            text = cast("JsonObject", value)["$expr"]
            return self._expression(text, scope) if isinstance(text, str) else UNKNOWN
        if is_special(value):
            return UNKNOWN
        kind = kind_of(value)
        if kind in ("object", "array"):
            return shape_of({"type": kind})
        return shape_of({"const": value})

    def _expression(self, text: str, scope: Scope) -> Shape:
        literal = _LITERAL.fullmatch(text)
        if literal is not None:
            number, one, other = literal.groups()
            value = json.loads(number) if number is not None else one if one is not None else other
            return shape_of({"const": value})
        path = _PATH.fullmatch(text)
        if path is None:
            return UNKNOWN
        names = [name.strip("`") for name in path[1].split(".")]
        if len(names) == 1 and names[0] in _WORDS:
            return shape_of({"const": _WORDS[names[0]]})
        if _OPERATORS.intersection(names):
            return UNKNOWN
        return self._path(names, scope)

    def _path(self, names: Sequence[str], scope: Scope) -> Shape:
        if names[0] in scope.names:
            return _below(scope.names[names[0]], names[1:])
        if names[0] == "payload" and scope.visit is not None:
            return _below(self.payload, names[1:])
        if names[0] == "vars":
            return self._variable(names[1:])
        return self._of_loop(names, scope.visit)

    def _of_loop(self, names: Sequence[str], visit: Visit | None) -> Shape:
        for around in reversed(visit.around if visit else ()):
            loop = around.step
            if not isinstance(loop, ForEachStep):
                continue
            if names[0] in ("item", loop.item_var):
                return _below(self._item(loop, self._visit_at[around.here]), names[1:])
            if names[0] in _OF_LOOPS:
                return _below(_OF_LOOPS[names[0]], names[1:])
        return UNKNOWN

    def _item(self, loop: ForEachStep, visit: Visit) -> Shape:
        if not is_expression(loop.items):
            entries = cast("list[Json]", loop.items)
            plain = not any(isinstance(entry, (dict, list)) for entry in entries)
            return shape_of({"enum": entries}) if plain else UNKNOWN
        items = self._deeper(loop.items, Scope(visit))
        # Anything else than a list is one item.
        is_list = "array" in items.kinds and items.kinds <= {"array", "null"}
        return items.items if is_list else UNKNOWN

    def _variable(self, names: Sequence[str]) -> Shape:
        """What the only place gives that may have set any of it."""
        if not names:
            return UNKNOWN
        path = ".".join(("vars", *names))
        all_of_it = self._writes.get(names[0], ())
        if len(all_of_it) > _MAX_WRITES:
            return UNKNOWN
        writes = [write for write in all_of_it if overlap(write.path, path)]
        if len(writes) != 1 or len(writes[0].path) > len(path):
            return UNKNOWN
        return self._written(writes[0], path[len(writes[0].path) :].split(".")[1:])

    def _written(self, write: _Write, below: Sequence[str]) -> Shape:
        """What is known of the value that is written, or of what is `below` it."""
        match write.visit.step:
            case ActionStep(config=config) if write.where == "/config/saveAs":
                spec = self._subject.catalogue.actions.get((config.action_id, config.version))
                return _below(self.shape(spec.output_schema), below) if spec else UNKNOWN
            case CallWorkflowStep(mode="detach") if write.where == "/saveAs":
                return _below(_DETACHED, below)
            case ForEachStep():
                return _below(_A_LIST, below)
            case ParallelStep():
                return _below(_AN_OBJECT, below)
            case AssignStep(config=config):
                return self._assigned(config.assign[write.path], below, Scope(write.visit))
            case EventWaitStep(config=config):
                for place, event in config.matches():
                    if write.where == "/config" + pointer(*place, "assign", write.path):
                        names = {"event": self.event(event.event_name)}
                        value = (event.assign or {})[write.path]
                        return self._assigned(value, below, Scope(write.visit, names))
            case _:
                pass
        return UNKNOWN

    def _assigned(self, value: Json, below: Sequence[str], scope: Scope) -> Shape:
        rest = list(below)
        while rest and isinstance(value, dict) and not is_special(cast("Json", value)):
            members = cast("JsonObject", value)
            if rest[0] not in members:
                return UNKNOWN
            value = members[rest.pop(0)]
        return _below(self._deeper(value, scope), rest)

    def _deeper(self, value: Json, scope: Scope) -> Shape:
        if self._depth == _MAX_STEPS_BACK:
            return UNKNOWN
        self._depth += 1
        try:
            return self.of(value, scope)
        finally:
            self._depth -= 1

    @cached_property
    def _visit_at(self) -> Mapping[str, Visit]:
        return {visit.here: visit for visit in self._subject.visits}

    @cached_property
    def _writes(self) -> Mapping[str, Sequence[_Write]]:
        """By the first name behind `vars`."""
        found: dict[str, list[_Write]] = {}
        for visit in self._subject.visits:
            for where, path in written_paths(visit.step):
                found.setdefault(path.split(".")[1], []).append(_Write(path, where, visit))
        return found


def _below(shape: Shape, names: Sequence[str]) -> Shape:
    for name in names:
        if "array" in shape.kinds:
            # A path goes through lists, and what comes out has many forms.
            return UNKNOWN
        shape = shape.member(name)
    return shape
