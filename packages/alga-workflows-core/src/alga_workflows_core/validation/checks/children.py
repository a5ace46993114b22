"""Calls of other definitions: are they there, and do they get the payload that they need?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alga_workflows_core.definition.steps.call_workflow import CallWorkflowStep
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.catalogue import WorkflowSpec
from alga_workflows_core.validation.checks.inputs import Taker, check_inputs
from alga_workflows_core.validation.findings import Code, Finding, error, warning
from alga_workflows_core.validation.shapes import UNKNOWN, Shape
from alga_workflows_core.validation.subject import Subject
from alga_workflows_core.validation.types import Scope, Types
from alga_workflows_core.validation.visits import Visit

_SHOWN_VERSIONS = 20
_SHOWN_CIRCLE = 6
_SHOWN_ID = 34


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the calls of other definitions, if it is known which there are."""
    workflows = subject.catalogue.workflows
    if workflows is None:
        return
    types = Types(subject)
    own = subject.definition.id
    circles: dict[str, list[str] | None] = {}
    for visit in subject.visits:
        call = visit.step
        if not isinstance(call, CallWorkflowStep):
            continue
        fault = _not_there(call, visit.here, workflows, own)
        if fault is not None:
            yield fault
            continue
        if call.workflow_id not in circles:
            circles[call.workflow_id] = circle = _circle(call, workflows, own)
            if circle is not None:
                yield _goes_round(circle, visit.here)
        yield from _check_payload(call, visit, subject, types)


def _not_there(
    call: CallWorkflowStep, here: str, workflows: Mapping[str, WorkflowSpec], own: str
) -> Finding | None:
    called, number = call.workflow_id, call.workflow_version
    if called == own and number is None:
        # It is the active one as soon as it is published.
        return None
    spec = workflows.get(called)
    if spec is None and called != own:
        return error(
            Code.WORKFLOW_UNKNOWN,
            here + "/workflowId",
            f"There is no published definition {quoted(called)}.",
            did_you_mean(called, workflows) or "GET /api/v1/definitions lists all; publish it.",
        )
    versions = sorted(spec.versions) if spec else []
    if number is not None and number not in versions:
        return error(
            Code.WORKFLOW_VERSION_UNKNOWN,
            here + "/workflowVersion",
            f"{_short(called)} has no version {number}.",
            _versions(versions),
        )
    if number is None and spec is not None and spec.active is None:
        return error(
            Code.WORKFLOW_VERSION_UNKNOWN,
            here + "/workflowId",
            f"{_short(called)} has no active version.",
            f"POST /api/v1/definitions/{called}/activate, or name a workflowVersion.",
        )
    return None


def _versions(versions: Sequence[int]) -> str:
    if not versions:
        return "Leave workflowVersion out: the active version is called."
    newest = versions[-_SHOWN_VERSIONS:]
    more = "…, " if len(versions) > _SHOWN_VERSIONS else ""
    return f"It has {more}{', '.join(map(str, newest))}."


def _circle(
    call: CallWorkflowStep, workflows: Mapping[str, WorkflowSpec], own: str
) -> list[str] | None:
    """The shortest way from the definition through this call back to it, if there is one."""
    called, number = call.workflow_id, call.workflow_version
    if called == own:
        return [own, own]
    if number is not None and number != workflows[called].active:
        # What other versions than the active one call is not known.
        return None
    ways: dict[str, list[str]] = {called: [own, called]}
    waiting = [called]
    for name in waiting:
        spec = workflows.get(name)
        for following in sorted(spec.calls) if spec else ():
            if following == own:
                return [*ways[name], own]
            if following not in ways:
                ways[following] = [*ways[name], following]
                waiting.append(following)
    return None


def _goes_round(circle: list[str], here: str) -> Finding:
    names = [_short(name) for name in circle]
    if len(names) > _SHOWN_CIRCLE:
        names = [*names[:3], "…", *names[-2:]]
    return warning(
        Code.WORKFLOW_CYCLE,
        here + pointer("workflowId"),
        f"The definition calls itself: {' → '.join(names)}.",
        "See to it that the calls come to an end, or remove this one.",
    )


def _check_payload(
    call: CallWorkflowStep, visit: Visit, subject: Subject, types: Types
) -> Iterator[Finding]:
    wanted = _payload(call, subject, types)
    taker = Taker(
        name=_short(call.workflow_id),
        opening=_short(call.workflow_id),
        noun="payload field",
        help=f"The payloadSchema of {call.workflow_id} says what it needs.",
        missing=Code.WORKFLOW_INPUT_MISSING,
        unknown=Code.WORKFLOW_INPUT_UNKNOWN,
        invalid=Code.WORKFLOW_INPUT_INVALID,
        type=Code.WORKFLOW_INPUT_TYPE,
    )
    here = visit.here + "/inputMapping"
    yield from check_inputs(call.input_mapping, here, taker, wanted, types, Scope(visit))


def _payload(call: CallWorkflowStep, subject: Subject, types: Types) -> Shape:
    number = call.workflow_version
    if call.workflow_id == subject.definition.id and number is None:
        return types.sound_payload
    spec = (subject.catalogue.workflows or {}).get(call.workflow_id)
    if spec is None:
        return UNKNOWN
    version = spec.active if number is None else number
    schema = None if version is None else spec.versions.get(version)
    return UNKNOWN if schema is None else types.shape(schema)


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN_ID else f"{name[: _SHOWN_ID - 1]}…"
