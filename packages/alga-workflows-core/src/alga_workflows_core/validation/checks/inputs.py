"""What is handed over, a field each, against the schema of who takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from alga_workflows_core.definition.values import is_expression, is_special
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.literals import (
    kinds_in_words,
    literal_faults,
    shortened,
    values_in_words,
)
from alga_workflows_core.validation.shapes import Shape, kind_of, never_meets
from alga_workflows_core.validation.types import Scope, Types

_LISTED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Who takes the fields, in words, and the codes of what may be wrong with them.

    `opening`: its name where it opens a sentence. `noun`: what one of its fields is called.
    `help`: the suggestion where there is no better one.
    """

    name: str
    opening: str
    noun: str
    help: str
    missing: Code
    unknown: Code
    invalid: Code
    type: Code


@dataclass(frozen=True, slots=True)
class _Place:
    """A value inside the fields: its JSON Pointer, and its names and indices from the fields on."""

    here: str
    names: tuple[str | int, ...] = ()

    def below(self, name: str | int) -> _Place:
        return _Place(self.here + pointer(name), (*self.names, name))


def check_inputs(
    fields: Mapping[str, Json], here: str, taker: Taker, wanted: Shape, types: Types, scope: Scope
) -> Iterator[Finding]:
    """What is wrong with `fields`, which stand at `here`, for a taker that wants `wanted`.

    Expressions are judged by their types in `scope` only, and secrets not at all.
    """
    yield from _Check(taker, types, scope).fields(fields, _Place(here), wanted)


@dataclass(frozen=True, slots=True)
class _Check:
    taker: Taker
    types: Types
    scope: Scope

    def fields(self, fields: Mapping[str, Json], place: _Place, wanted: Shape) -> Iterator[Finding]:
        if is_special(fields):
            yield from self._special(fields, place, wanted)
            return
        found = False
        for finding in (*self._missing(fields, place, wanted), *self._given(fields, place, wanted)):
            found = True
            yield finding
        if not found and not _holds_special(fields):
            yield from self._literal(fields, place, wanted)

    def _missing(
        self, fields: Mapping[str, Json], place: _Place, wanted: Shape
    ) -> Iterator[Finding]:
        taker = self.taker
        for name in wanted.required:
            if name not in fields:
                yield error(
                    taker.missing,
                    place.below(name).here,
                    f"{taker.opening} needs the {taker.noun} {quoted(name)}.",
                    taker.help,
                )

    def _given(self, fields: Mapping[str, Json], place: _Place, wanted: Shape) -> Iterator[Finding]:
        taker = self.taker
        for name, value in fields.items():
            if wanted.lacks(name):
                yield error(
                    taker.unknown,
                    place.below(name).here,
                    f"{taker.opening} has no {taker.noun} {quoted(name)}.",
                    did_you_mean(name, wanted.names) or self._names(wanted),
                )
            else:
                yield from self._value(value, place.below(name), wanted.member(name))

    def _names(self, wanted: Shape) -> str:
        names = ", ".join(wanted.names[:_LISTED])
        more = ", …" if len(wanted.names) > _LISTED else ""
        return f"Its {self.taker.noun}s are {names}{more}." if names else "It takes none."

    def _value(self, value: Json, place: _Place, wanted: Shape) -> Iterator[Finding]:
        if is_special(value):
            yield from self._special(value, place, wanted)
        elif not isinstance(value, (dict, list)) or not _holds_special(cast("Json", value)):
            yield from self._literal(cast("Json", value), place, wanted)
        elif kind_of(cast("Json", value)) not in wanted.kinds:
            yield self._invalid(place, f"has to be {kinds_in_words(wanted.kinds)}")
        elif isinstance(value, list):
            for index, entry in enumerate(cast("list[Json]", value)):
                yield from self._value(entry, place.below(index), wanted.item(index))
        else:
            yield from self._object(cast("JsonObject", value), place, wanted)

    def _object(self, members: JsonObject, place: _Place, wanted: Shape) -> Iterator[Finding]:
        """A literal inside a field, some of whose parts are known only when it runs."""
        for name in wanted.required:
            if name not in members:
                yield self._invalid(place, f"lacks {quoted(name)}")
        for name, member in members.items():
            inner = place.below(name)
            if wanted.lacks(name):
                near = did_you_mean(name, wanted.names)
                yield self._invalid(inner, "is no part of it", near)
            else:
                yield from self._value(member, inner, wanted.member(name))

    def _literal(self, value: Json, place: _Place, wanted: Shape) -> Iterator[Finding]:
        for names, sentence, asked in literal_faults(value, wanted):
            inner, faulty = place, value
            for name in names:
                inner, faulty = inner.below(name), cast("Mapping[str | int, Json]", faulty)[name]
            near = _nearest(faulty, asked)
            yield self._invalid(inner, sentence, near)

    def _special(self, value: Json, place: _Place, wanted: Shape) -> Iterator[Finding]:
        if not is_expression(value):
            return
        given = self.types.of(value, self.scope)
        if not given.parts or not wanted.parts or not never_meets(given, wanted):
            return
        kinds = given.kinds - {"null"} or given.kinds
        if kinds.isdisjoint(wanted.kinds):
            wish, gift = kinds_in_words(wanted.kinds), kinds_in_words(kinds)
        else:
            wish = f"one of {values_in_words(wanted.choices or [])}"
            gift = values_in_words(given.choices or [])
        yield warning(
            self.taker.type,
            place.here,
            f"{self._label(place)} has to be {wish}, but the expression gives {gift}.",
            self.taker.help,
        )

    def _invalid(self, place: _Place, sentence: str, near: str | None = None) -> Finding:
        message = f"{self._label(place)} {sentence}."
        return error(self.taker.invalid, place.here, message, near or self.taker.help)

    def _label(self, place: _Place) -> str:
        if not place.names:
            return f"What {self.taker.name} gets"
        path = shortened(".".join(map(str, place.names)))
        return f"The {self.taker.noun} {quoted(path)} of {self.taker.name}"


def _holds_special(value: Json) -> bool:
    if is_special(value):
        return True
    if isinstance(value, dict):
        return any(_holds_special(member) for member in cast("JsonObject", value).values())
    return isinstance(value, list) and any(map(_holds_special, cast("list[Json]", value)))


def _nearest(value: Json, asked: Json) -> str | None:
    if not isinstance(value, str) or not isinstance(asked, list):
        return None
    choices = [each for each in cast("list[Json]", asked) if isinstance(each, str)]
    return did_you_mean(value, choices)
