"""Reads of variables and of the payload: can what is read ever be there?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from alga_workflows_core.expressions.engine import Read
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.expressions import ReadExpression
from alga_workflows_core.validation.findings import Code, Finding, warning
from alga_workflows_core.validation.shapes import Shape, shape_of
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.written import written_paths

_ENOUGH = 200  # More findings than this are never told.
_MAX_COMPARED = 500
_MAX_LISTS = 16
# Beside other keywords than these members may be described elsewhere than in `properties`.
_PLAIN = frozenset(
    {"type", "properties", "required", "minProperties", "maxProperties", "enum", "const", "format"}
    | {"minLength", "maxLength", "pattern", "minimum", "maximum", "$ref", "$defs", "$anchor"}
    | {"$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"}
    | {"readOnly", "writeOnly"}
)


def check(subject: Subject) -> Iterator[Finding]:
    """Reads of what no step sets, and of what the payload does not have."""
    yield from islice(_found(subject), _ENOUGH)


def _found(subject: Subject) -> Iterator[Finding]:
    written = _Written.by(subject)
    schema = _payload_schema(subject)
    payload = None if schema is None else shape_of(schema)
    for expression in subject.expressions:
        if expression.reads is None:
            continue
        told: set[tuple[str, ...]] = set()
        for found in _missing(expression, expression.reads.reads, written, payload):
            if found.path not in told:
                told.add(found.path)
                yield warning(found.code, expression.here, found.message, found.suggestion)


def _missing(
    expression: ReadExpression, reads: Sequence[Read], written: _Written, payload: Shape | None
) -> Iterator[_Missing]:
    # What a path asks of its items along the way begins where the path does.
    asked = {read.position for read in reads if read.asked}
    for read in reads:
        root = read.path[0]
        found = None
        if len(read.path) == 1 or root not in expression.names:
            continue
        if root == "vars" and read.position not in asked:
            found = written.missing(read.path)
        elif root == "payload" and payload is not None:
            found = _Payload(payload, expression.names).missing(read)
        if found is not None:
            yield found


def _payload_schema(subject: Subject) -> JsonObject | None:
    definition, events = subject.definition, subject.catalogue.events
    if definition.payload_schema_ref is None or events is None:
        return definition.payload_schema
    return events.get(definition.payload_schema_ref)


@dataclass(frozen=True, slots=True)
class _Missing:
    """`path` is the shortest part of what is read that is not there."""

    code: Code
    path: tuple[str, ...]
    message: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class _Written:
    """What the steps of a definition write: `paths`, and all that these begin with."""

    paths: frozenset[tuple[str, ...]]
    beginnings: frozenset[tuple[str, ...]]

    @classmethod
    def by(cls, subject: Subject) -> _Written:
        paths = frozenset(
            tuple(path.split("."))
            for visit in subject.visits
            for _, path in written_paths(visit.step)
        )
        return cls(paths, frozenset(each for path in paths for each in _beginnings(path)))

    def missing(self, read: tuple[str, ...]) -> _Missing | None:
        """What of the path `read` nothing sets."""
        for path in _beginnings(read):
            if path in self.paths:
                return None
            if path not in self.beginnings and len(path) > 1:
                return self._missing(path)
        return None

    def _missing(self, path: tuple[str, ...]) -> _Missing:
        holder = path[:-1]
        beside = {each[-1] for each in self.beginnings if each[:-1] == holder}
        name = quoted(".".join(path))
        return _Missing(
            Code.VARIABLE_NEVER_SET,
            path,
            f"The expression reads {name}, which no step sets.",
            did_you_mean(path[-1], sorted(beside)[:_MAX_COMPARED])
            or "Set it before, or ask with $exists(…) whether it is there.",
        )


def _beginnings(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (path[:length] for length in range(1, len(path) + 1))


@dataclass(frozen=True, slots=True)
class _Payload:
    """What a payload has, for the reads of an expression that sees `names`."""

    shape: Shape
    names: frozenset[str]

    def missing(self, read: Read) -> _Missing | None:
        """What of `read` the schema does not describe; None if that is not certain.

        As in JSONata, a name that is asked of a list is asked of each of its items.
        """
        shape = self.shape
        for length, name in enumerate(read.path[1:], 2):
            shape = _item(shape)
            if shape is None:
                return None
            if shape.lacks(name) or (not read.asked and _is_undescribed(shape, name)):
                return self._missing(read.path[:length], shape)
            shape = shape.member(name)
        return None

    def _missing(self, path: tuple[str, ...], shape: Shape) -> _Missing:
        name = path[-1]
        if name in self.names:
            suggestion = f"Behind a dot and in [ ] the names are those of the item: $$.{name}."
        elif name == "length":
            suggestion = "$count(…) counts a list, $length(…) the characters of a text."
        else:
            suggestion = did_you_mean(name, shape.names[:_MAX_COMPARED]) or _described(shape, name)
        return _Missing(
            Code.PAYLOAD_FIELD_UNKNOWN,
            path,
            f"The expression reads {quoted('.'.join(path))}, which is not in the payloadSchema.",
            suggestion,
        )


def _described(shape: Shape, name: str) -> str:
    if not shape.names:
        return "There is nothing below it."
    listed = ", ".join(shape.names[:10]) + (", …" if len(shape.names) > 10 else "")
    more = "" if shape.lacks(name) else ", or describe it in the payloadSchema"
    return f"Read one of {listed}{more}."


def _item(shape: Shape) -> Shape | None:
    """`shape`, or that of the items of the list; None if it is not certain which."""
    for _ in range(_MAX_LISTS):
        if "array" not in shape.kinds:
            return shape
        if "object" in shape.kinds:
            return None
        shape = shape.items
    return None


def _is_undescribed(shape: Shape, name: str) -> bool:
    """Whether `name` is nothing that the schema describes, though it may be there."""
    return (
        all(part.keys() <= _PLAIN for part in shape.parts)
        and bool(shape.names)
        and name not in shape.names
        and name not in shape.required
    )
