"""Which features a definition uses, and those that the engine which will get it does not run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import cast

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.definition.steps.base import StepBase
from alga_workflows_core.definition.steps.time_wait import TimeWaitStep, WaitBusinessTime
from alga_workflows_core.definition.values import is_secret
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.slots import Role, Slot
from alga_workflows_core.validation.subject import Subject

SECRET = "$secret"  # noqa: S105 - the name of a feature
"""The feature of inputs that name secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A use of something that an engine may or may not run, at the JSON Pointer `here`.

    `name`: the type of a step; `payloadSchema`, a field of the document; `action.call.saveAs`, a
    field of a step or its config; `action.call.retry.maxElapsed`, one of a policy. Fields that
    have to be there come with what they are in. `of`: the feature that it is a part of.
    """

    here: str
    name: str
    of: str | None = None


def check(subject: Subject) -> Iterator[Finding]:
    """A finding for each feature that the engine does not run; of its parts none."""
    lacks = subject.catalogue.lacks
    for feature in features_of(subject) if lacks else ():
        if feature.name in lacks and feature.of not in lacks:
            yield error(
                Code.ENGINE_UNSUPPORTED,
                feature.here,
                f"This release does not run `{feature.name}` yet.",
                "Leave it out, or wait for a release that runs it.",
            )


def features_of(subject: Subject) -> Iterator[Feature]:
    """All that a definition uses, besides what only people read."""
    yield from _fields(subject.definition, "", None)
    for visit in subject.visits:
        yield Feature(here=visit.here + pointer("type"), name=visit.step.type)
        yield from _fields(visit.step, visit.here, visit.step.type)
        if isinstance(visit.step, TimeWaitStep) and isinstance(visit.step.config, WaitBusinessTime):
            mode = visit.here + pointer("config", "mode")
            yield Feature(here=mode, name="time.wait.businessTime", of="time.wait")
    for slot in subject.slots:
        if slot.role is Role.INPUT:
            yield from _secrets(slot)


def _fields(part: Part, here: str, of: str | None) -> Iterator[Feature]:
    """The fields that were written in `part`, those of the parts inside it, but not its steps."""
    for field, alias, required in _fields_of(type(part)):
        if field not in part.model_fields_set:
            continue
        there, name = here + pointer(alias), of
        if not required:
            name = alias if of is None else f"{of}.{alias}"
            yield Feature(here=there, name=name, of=of)
        value: object = getattr(part, field)
        if isinstance(value, list):
            for index, entry in enumerate(cast("list[object]", value)):
                if isinstance(entry, Part) and not isinstance(entry, StepBase):
                    yield from _fields(entry, there + pointer(index), name)
        elif isinstance(value, Part):
            yield from _fields(value, there, name)


@cache
def _fields_of(part: type[Part]) -> tuple[tuple[str, str, bool], ...]:
    """(Name, name in documents, whether it has to be there) of what an engine has to know."""
    for_people = {"description"} if part is Definition else {"name"}
    return tuple(
        (name, field.alias or name, field.is_required())
        for name, field in part.model_fields.items()
        if not (name in for_people and (part is Definition or issubclass(part, StepBase)))
    )


def _secrets(slot: Slot) -> Iterator[Feature]:
    waiting: list[tuple[str, Json]] = [(slot.here, slot.value)]
    while waiting:
        here, value = waiting.pop()
        if is_secret(value):
            yield Feature(here=here, name=SECRET)
        elif isinstance(value, list):
            items = cast("list[Json]", value)
            waiting += [(here + pointer(index), item) for index, item in enumerate(items)]
        elif isinstance(value, dict):
            members = cast("JsonObject", value).items()
            waiting += [(here + pointer(name), member) for name, member in members]
