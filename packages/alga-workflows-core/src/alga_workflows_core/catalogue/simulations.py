"""Simulations from their request to their report, both JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import NAMESPACE_OID, uuid5

from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel

from alga_workflows_core.actions.builtin.catalogue import builtin_registry
from alga_workflows_core.actions.calling import call_handler
from alga_workflows_core.actions.contract import Invocation
from alga_workflows_core.actions.errors import ActionError
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.document import Definition
from alga_workflows_core.errors import FindingsError, InputError
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.simulation.script import Script
from alga_workflows_core.simulation.simulate import Simulation, Simulator
from alga_workflows_core.simulation.trace import (
    StepRow,
    WaitRow,
    not_entered,
    not_reached,
    step_rows,
    wait_rows,
)
from alga_workflows_core.types import faults
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.payload import check_payload
from alga_workflows_core.validation.validate import validate

MAX_DEFINITIONS = 50

MAX_FACTS = 20_000
"""A report of more would be read by nobody."""


def simulate_offline(request: Json, advertised: Sequence[ActionSpec] = ()) -> JsonObject:
    """`simulate_request` with the actions that come with the engine, and those that are advertised,
    for a process of its own."""
    registry = builtin_registry()
    others = {(spec.id, spec.version): spec for spec in advertised}
    return simulate_request(request, Catalogue(actions={**others, **registry.specs()}), registry)


def documents_of(request: Json) -> list[Json]:
    """The definitions in a request, which may be none."""
    if not isinstance(request, dict):
        return []
    members = cast("JsonObject", request)
    definition, called = members.get("definition"), members.get("definitions")
    others = cast("list[Json]", called) if isinstance(called, list) else []
    return [definition, *others[:MAX_DEFINITIONS]]


def with_calendars(request: Json, stored: Mapping[str, JsonObject]) -> Json:
    """The request with those of `stored` that its script does not have."""
    if not isinstance(request, dict):
        return request
    members = cast("JsonObject", request)
    scripted: Json = members.get("calendars", {})
    if not stored or not isinstance(scripted, dict):
        # What cannot be read is refused by whoever reads it.
        return members
    return {**members, "calendars": {**stored, **cast("JsonObject", scripted)}}


class SimulationRequest(Script):
    """A definition, those that it may call, and the script of the world around its run."""

    definition: Annotated[JsonObject, Field(description="The definition; it need not be stored.")]
    definitions: Annotated[
        list[JsonObject],
        Field(
            default_factory=list[JsonObject],
            max_length=MAX_DEFINITIONS,
            description="Definitions that it may call.",
        ),
    ]


def simulate_request(request: Json, catalogue: Catalogue, registry: Registry) -> JsonObject:
    """What `report` says of the simulation that `request`, a `SimulationRequest`, asks for.

    FindingsError if a definition has errors, TooLargeError `TOO_MUCH_WORK` for a run of more than
    `MAX_FACTS` facts, InputError for the rest of what can be wrong. Pure actions of `registry` are
    performed; of others the script says what they answer.
    """
    script = _read(request)
    definition = _definition(script.definition, "/definition", catalogue)
    called = [
        _definition(document, f"/definitions/{index}", catalogue)
        for index, document in enumerate(script.definitions)
    ]
    if definition.payload_schema is not None:
        check_payload(definition.payload_schema, script.payload, definition_id=definition.id)
    simulator = Simulator(
        actions=catalogue.actions,
        definitions={each.id: each for each in called},
        perform_pure=_pure(registry),
        most_facts=MAX_FACTS,
    )
    return report(definition, simulator.simulate(definition, script))


def report(definition: Definition, simulation: Simulation) -> JsonObject:
    """`{"status", "result", "error", "variables", "endedAt", "steps", "waits", "calls", "trace",
    "notReached", "blocksNotEntered", "unscripted"}`.

    `notReached` are ids of steps, `blocksNotEntered` JSON Pointers into the definition,
    `unscripted` the paths of calls that the script says nothing of.
    """
    return {
        "status": simulation.status,
        "result": simulation.result,
        "error": None if simulation.error is None else simulation.error.as_json(),
        "variables": simulation.variables,
        "endedAt": simulation.ended_at.isoformat(),
        "steps": [_row(row) for row in step_rows(simulation.facts)],
        "waits": [_row(row) for row in wait_rows(simulation.facts)],
        "calls": [
            {
                "step": call.step,
                "actionId": call.action_id,
                "version": call.version,
                "attempt": call.attempt,
                "input": call.input,
                "secrets": dict(call.secrets),
            }
            for call in simulation.calls
        ],
        "trace": [fact.model_dump(mode="json", by_alias=True) for fact in simulation.facts],
        "notReached": list(not_reached(definition, simulation.facts)),
        "blocksNotEntered": list(not_entered(definition, simulation.facts)),
        "unscripted": simulation.unscripted,
    }


def _row(row: StepRow | WaitRow) -> JsonObject:
    values = {to_camel(field.name): getattr(row, field.name) for field in fields(row)}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _definition(document: Json, here: str, catalogue: Catalogue) -> Definition:
    validated = validate(document, catalogue)
    if validated.definition is not None and validated.publishable:
        return validated.definition
    raise FindingsError(
        "The definition has errors and cannot be simulated.",
        path=here,
        remedy="Correct what the findings name.",
        details={
            "findings": [
                finding.model_dump(mode="json", by_alias=True, exclude_none=True)
                for finding in validated.findings
            ]
        },
    )


def _read(request: Json) -> SimulationRequest:
    try:
        return SimulationRequest.model_validate(request, by_alias=True, by_name=False)
    except ValidationError as error:
        fault = cast("Mapping[str, Any]", error.errors(include_url=False, include_input=False)[0])
        raise InputError(
            f"The request is not valid: {faults.sentence(fault)}.",
            code="SCRIPT_INVALID",
            path=pointer(*fault["loc"]),
            remedy="docs/steps/README.md says what a script can say.",
        ) from error


def _pure(registry: Registry) -> Callable[[ActionCall], Json]:
    def perform(call: ActionCall) -> Json:
        action = registry.find(call.action_id, call.version)
        if action is None:
            raise RuntimeError(f"the registry has no action {call.action_id}")
        invocation = Invocation(
            id=uuid5(NAMESPACE_OID, call.step),
            tenant="simulation",
            run_id=NAMESPACE_OID,
            step=call.step,
            attempt=1,
        )
        # Pure handlers wait for nothing, so one push takes them to their end.
        coroutine = call_handler(action, call.input, invocation)
        try:
            coroutine.send(None)
        except StopIteration as end:
            output: Json = end.value
            return output
        except ActionError as error:
            raise StepError(error.info(step=call.step)) from error
        coroutine.close()
        raise RuntimeError(f"the pure action {call.action_id} waits for something")

    return perform
