"""Secrets in the inputs of actions: where they belong, and where everybody could read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from alga_workflows_core.definition.action_spec import ActionKind, ActionSpec
from alga_workflows_core.definition.policies import Undo
from alga_workflows_core.definition.steps.action_call import ActionConfig, ActionStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.definition.values import is_expression, is_secret
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import parts, pointer
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.visits import Visit

_SUGGESTION = 'Write {"$secret": "API_KEY"}, and let an administrator set it.'


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with secrets in the inputs of actions that the catalogue knows."""
    for visit in subject.visits:
        for call, here in _calls(visit):
            spec = subject.catalogue.actions.get((call.action_id, call.version))
            if spec is not None:
                yield from _check_call(spec, call.input_mapping, here + "/inputMapping")


def _calls(visit: Visit) -> Iterator[tuple[ActionConfig | Undo, str]]:
    match visit.step:
        case ActionStep(config=config):
            yield config, visit.here + "/config"
            if config.compensate is not None:
                yield config.compensate, visit.here + "/config/compensate"
        case CallWorkflowStep(compensate=Undo() as undo):
            yield undo, visit.here + "/compensate"
        case _:
            pass


def _check_call(spec: ActionSpec, inputs: JsonObject, here: str) -> Iterator[Finding]:
    if spec.kind is ActionKind.PURE:
        yield from _named(spec, inputs, here)
    told: set[str] = set()
    for field in spec.secret_fields:
        for finding in _exposed(spec, inputs, parts(field), here):
            if finding.path not in told:
                told.add(finding.path)
                yield finding


def _named(spec: ActionSpec, value: Json, here: str) -> Iterator[Finding]:
    """A finding for each secret that a pure action is given."""
    if is_secret(value):
        yield error(
            Code.SECRET_IN_PURE_ACTION,
            here,
            f"{spec.id} is pure and gets no secrets: it runs inside the workflow, in whose "
            "history the secret would be written.",
            "Hand the secret to an action that is not pure.",
        )
        return
    for part, member in _members(value).items():
        yield from _named(spec, member, here + pointer(part))


def _exposed(spec: ActionSpec, value: Json, way: Sequence[str], here: str) -> Iterator[Finding]:
    """What at the end of `way`, where a secret belongs, is none."""
    if is_secret(value):
        return
    if is_expression(value):
        yield warning(
            Code.SECRET_FIELD_EXPRESSION,
            here,
            f"{spec.id} takes a secret here; what an expression gives is written into rows and "
            "histories.",
            _SUGGESTION,
        )
        return
    if not way:
        # What is no text is no secret either; that it does not fit is told elsewhere.
        if isinstance(value, str):
            yield error(
                Code.SECRET_FIELD_LITERAL,
                here,
                f"{spec.id} takes a secret as {quoted(parts(here)[-1])}; a literal is there for "
                "everybody to read.",
                _SUGGESTION,
            )
        return
    for part, member in _members(value).items():
        if way[0] in ("*", str(part)):
            yield from _exposed(spec, member, way[1:], here + pointer(part))


def _members(value: Json) -> dict[str | int, Json]:
    if isinstance(value, dict):
        return {**cast("JsonObject", value)}
    return dict(enumerate(cast("list[Json]", value))) if isinstance(value, list) else {}
