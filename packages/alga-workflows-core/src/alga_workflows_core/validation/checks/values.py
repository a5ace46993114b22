"""Values: are their expressions, conditions and references to secrets well formed?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from alga_workflows_core.definition.values import SECRET_NAME
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.slots import Role, Slot
from alga_workflows_core.validation.subject import Subject

_SECRET_NAME = re.compile(SECRET_NAME)
_SPECIAL = ("$expr", "$secret")
_NEARLY_SPECIAL = ("$exp", "$sec")


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the form of values."""
    for slot in subject.slots:
        yield from _check_slot(slot, subject.catalogue.secrets)


def _check_slot(slot: Slot, secrets: frozenset[str] | None) -> Iterator[Finding]:
    if slot.role is Role.CONDITION and not _is_condition(slot.value):
        yield error(
            Code.CONDITION_LITERAL,
            slot.here,
            "A condition is an expression, or true or false.",
            'Write {"$expr": "payload.priority = \'high\'"}.',
        )
    else:
        yield from _Check(slot.role, secrets).value(slot.value, slot.here)


def _is_condition(value: Json) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, dict) and not _SPECIAL_KEYS.isdisjoint(cast("JsonObject", value))
    )


_SPECIAL_KEYS = frozenset(_SPECIAL)


@dataclass(frozen=True, slots=True)
class _Check:
    role: Role
    secrets: frozenset[str] | None

    def value(self, value: Json, here: str) -> Iterator[Finding]:
        if isinstance(value, list):
            for index, item in enumerate(cast("list[Json]", value)):
                yield from self.value(item, here + pointer(index))
        elif isinstance(value, dict):
            members = cast("JsonObject", value)
            if "$expr" in members:
                yield from self._expression(members, here)
            elif "$secret" in members:
                yield from self._secret(members, here)
            else:
                for name, member in members.items():
                    yield from self._key(name, here)
                    yield from self.value(member, here + pointer(name))

    def _expression(self, members: JsonObject, here: str) -> Iterator[Finding]:
        text = members["$expr"]
        if self.role is Role.LITERAL:
            yield error(
                Code.FILTER_VALUE_INVALID,
                here,
                "A trigger's filter compares with a literal: there is no run yet to ask.",
                "Write the value itself, or decide in the run's first step.",
            )
        elif len(members) != 1 or not isinstance(text, str) or not text.strip():
            yield error(
                Code.EXPRESSION_MALFORMED,
                here,
                "$expr stands alone in its object and holds the text of an expression.",
                'Write {"$expr": "payload.name"}.',
            )

    def _secret(self, members: JsonObject, here: str) -> Iterator[Finding]:
        name = members["$secret"]
        if self.role is not Role.INPUT:
            yield error(
                Code.SECRET_NOT_ALLOWED,
                here,
                "A secret may stand only in the input of an action.",
                "Elsewhere it would be written into rows and histories.",
            )
        elif len(members) != 1 or not isinstance(name, str):
            yield error(
                Code.SECRET_MALFORMED,
                here,
                "$secret stands alone in its object and holds the name of a secret.",
                'Write {"$secret": "API_KEY"}.',
            )
        elif not _SECRET_NAME.fullmatch(name):
            yield error(
                Code.SECRET_NAME_INVALID,
                here + pointer("$secret"),
                f"{quoted(name)} cannot be the name of a secret.",
                "Capital letters, digits and _, a letter first: API_KEY.",
            )
        elif self.secrets is not None and name not in self.secrets:
            yield error(
                Code.SECRET_UNKNOWN,
                here + pointer("$secret"),
                f"There is no secret {quoted(name)}.",
                did_you_mean(name, sorted(self.secrets)),
            )

    def _key(self, name: str, here: str) -> Iterator[Finding]:
        # `$set` and `$ref` are keys of other languages, which an HTTP body may well hold.
        if name.lower().startswith(_NEARLY_SPECIAL):
            yield warning(
                Code.VALUE_KEY_UNKNOWN,
                here + pointer(name),
                f"{quoted(name)} has no meaning here; it is kept as the key of a literal.",
                did_you_mean(name.lower(), _SPECIAL),
            )
