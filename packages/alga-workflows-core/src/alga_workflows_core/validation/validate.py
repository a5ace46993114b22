"""Validate a document against the grammar and a frozen catalogue of actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.canonical import canonical
from alga_workflows_core.definition.document import MAX_DOCUMENT_BYTES, Definition, walk
from alga_workflows_core.definition.steps import ActionStep, AssignStep, IfStep, ReturnStep, Step
from alga_workflows_core.types.json import Json
from alga_workflows_core.validation.calls import check_call
from alga_workflows_core.validation.findings import Code, Finding, Severity, error, warning
from alga_workflows_core.validation.payload import schema_fault
from alga_workflows_core.validation.structure import read_definition
from alga_workflows_core.validation.values import check_condition, check_value

ActionCatalogue = Mapping[tuple[str, int], ActionSpec]


@dataclass(frozen=True, slots=True)
class Validated:
    """The findings, and the parsed definition if the document has the right structure."""

    findings: list[Finding]
    definition: Definition | None

    @property
    def publishable(self) -> bool:
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def validate(document: Json, catalogue: ActionCatalogue) -> Validated:
    """Everything that is wrong with `document`, in document order. Never raises for content."""
    size = len(canonical(document))
    if size > MAX_DOCUMENT_BYTES:
        message = f"The document has {size} bytes; {MAX_DOCUMENT_BYTES} is the limit."
        return Validated([error(Code.DOCUMENT_TOO_LARGE, "", message)], None)
    definition, findings = read_definition(document)
    if definition is None:
        return Validated(findings, None)
    findings += _check_definition(definition, catalogue)
    return Validated(findings, definition)


def _check_definition(definition: Definition, catalogue: ActionCatalogue) -> Iterator[Finding]:
    if definition.payload_schema is not None:
        fault = schema_fault(definition.payload_schema)
        if fault is not None:
            yield error(Code.PAYLOAD_SCHEMA_INVALID, "/payloadSchema", f"Not a schema: {fault}")
    seen: dict[str, str] = {}
    for pointer, step in walk(definition.steps):
        if step.id in seen:
            yield error(
                Code.STEP_ID_DUPLICATE,
                f"{pointer}/id",
                f"The id {step.id!r} is used at {seen[step.id]} already.",
                "Give each step an id of its own; it names the step in paths and logs.",
            )
        seen.setdefault(step.id, pointer)
        yield from _check_step(pointer, step, catalogue)
    yield from _unreachable(definition.steps, "/steps")


def _check_step(pointer: str, step: Step, catalogue: ActionCatalogue) -> Iterator[Finding]:
    match step:
        case AssignStep():
            for path, value in step.config.assign.items():
                yield from check_value(value, f"{pointer}/config/assign/{path}")
        case IfStep():
            yield from check_condition(step.condition, f"{pointer}/condition")
        case ActionStep():
            for name, value in step.config.input_mapping.items():
                yield from check_value(value, f"{pointer}/config/inputMapping/{name}")
            yield from check_call(step.config, f"{pointer}/config", catalogue)
        case ReturnStep():
            yield from check_value(step.value, f"{pointer}/value")


def _unreachable(steps: list[Step], pointer: str) -> Iterator[Finding]:
    ended = False
    for index, step in enumerate(steps):
        here = f"{pointer}/{index}"
        if ended:
            yield warning(
                Code.STEP_UNREACHABLE, here, f"Step {step.id!r} stands behind a control.return."
            )
            return
        if isinstance(step, IfStep):
            yield from _unreachable(step.then, f"{here}/then")
            yield from _unreachable(step.otherwise, f"{here}/else")
        ended = isinstance(step, ReturnStep)
