"""Calls of actions: is there such an action, and does it get the input that it needs?

The same is asked of the actions that undo a step of a saga.
"""

from __future__ import annotations

from collections.abc import Iterator

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.policies import Undo
from alga_workflows_core.definition.steps.action_call import ActionConfig, ActionStep
from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.checks.inputs import Taker, check_inputs
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.shapes import UNKNOWN, shape_of
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.types import Scope, Types

_OUTCOME = shape_of({"enum": ["succeeded", "unknown"]})


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the calls of actions, against the catalogue."""
    types = Types(subject)
    for visit in subject.visits:
        match visit.step:
            case ActionStep(config=config):
                here = visit.here + "/config"
                yield from _check_call(config, here, subject, types, Scope(visit))
                if config.compensate is not None:
                    called = subject.catalogue.actions.get((config.action_id, config.version))
                    gives = types.shape(called.output_schema) if called else UNKNOWN
                    scope = Scope(visit, {"outcome": _OUTCOME, "result": gives})
                    there = here + "/compensate"
                    yield from _check_call(config.compensate, there, subject, types, scope)
            case CallWorkflowStep(compensate=Undo() as undo):
                scope = Scope(visit, {"outcome": _OUTCOME, "result": UNKNOWN})
                there = visit.here + "/compensate"
                yield from _check_call(undo, there, subject, types, scope)
            case _:
                pass


def _check_call(
    call: ActionConfig | Undo, here: str, subject: Subject, types: Types, scope: Scope
) -> Iterator[Finding]:
    """Findings of one call, whose description stands at `here`."""
    spec = subject.catalogue.actions.get((call.action_id, call.version))
    if spec is None:
        yield _unknown(call, here, subject)
        return
    wanted = types.shape(spec.input_schema)
    inputs: dict[str, Json] = call.input_mapping
    there = here + "/inputMapping"
    yield from check_inputs(inputs, there, _taker(spec), wanted, types, scope)


def _taker(spec: ActionSpec) -> Taker:
    return Taker(
        name=spec.id,
        opening=spec.id,
        noun="input",
        help=f"GET /api/v1/actions describes the inputs of {spec.id}.",
        missing=Code.ACTION_INPUT_MISSING,
        unknown=Code.ACTION_INPUT_UNKNOWN,
        invalid=Code.ACTION_INPUT_INVALID,
        type=Code.ACTION_INPUT_TYPE,
    )


def _unknown(call: ActionConfig | Undo, here: str, subject: Subject) -> Finding:
    known = subject.catalogue.actions
    versions = sorted(version for name, version in known if name == call.action_id)
    if versions:
        return error(
            Code.ACTION_VERSION_UNKNOWN,
            here + pointer("version"),
            f"{call.action_id} has no version {call.version}.",
            f"It has {', '.join(str(version) for version in versions)}.",
        )
    return error(
        Code.ACTION_UNKNOWN,
        here + pointer("actionId"),
        f"There is no action {call.action_id!r}.",
        did_you_mean(call.action_id, (name for name, _ in known))
        or "GET /api/v1/actions lists all.",
    )
