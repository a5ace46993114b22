"""Validate a document against the grammar and a frozen catalogue of actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from alga_workflows_core.definition.action_spec import ActionSpec
from alga_workflows_core.definition.canonical import canonical
from alga_workflows_core.definition.document import MAX_DOCUMENT_BYTES, Definition, walk
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.definition.steps import ActionStep, AssignStep, IfStep, ReturnStep, Step
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.json import Json
from alga_workflows_core.validation.calls import check_call
from alga_workflows_core.validation.findings import Code, Finding, Severity, error, warning
from alga_workflows_core.validation.order import in_document_order
from alga_workflows_core.validation.schemas import schema_faults
from alga_workflows_core.validation.structure import read_definition
from alga_workflows_core.validation.values import check_condition, check_value

ActionCatalogue = Mapping[tuple[str, int], ActionSpec]

MAX_FINDINGS = 200
"""More findings than this are not told of one document."""

MAX_STEP_PATH = 1500
"""Characters of a step's path. It is part of an index whose entries may have 2,700 bytes, and loop
indices and the tenant need room beside it."""

UNSTORABLE = frozenset({Code.DOCUMENT_NOT_JSON, Code.DOCUMENT_NOT_OBJECT, Code.DOCUMENT_TOO_LARGE})
"""What a document has that cannot even be kept as a draft; it has no other finding then."""


@dataclass(frozen=True, slots=True)
class Validated:
    """The findings, and the parsed definition if the document has the right structure."""

    findings: list[Finding]
    definition: Definition | None

    @property
    def publishable(self) -> bool:
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def validate(document: Json, catalogue: ActionCatalogue) -> Validated:
    """What is wrong with `document`, in document order. Never raises, whatever it is.

    Of more than `MAX_FINDINGS` findings, errors are told before warnings.
    """
    unusable = _unusable(document)
    if unusable is not None:
        return Validated([unusable], None)
    definition, findings = read_definition(document, at_most=MAX_FINDINGS)
    if definition is not None:
        findings = _most_serious(_check_definition(definition, catalogue))
    return Validated(in_document_order(findings, document), definition)


def _unusable(document: Json) -> Finding | None:
    try:
        size = len(canonical(document))
    except InputError as refusal:
        where = refusal.path or ""
        return error(Code.DOCUMENT_NOT_JSON, where, refusal.message, refusal.remedy)
    if size <= MAX_DOCUMENT_BYTES:
        return None
    return error(
        Code.DOCUMENT_TOO_LARGE,
        "",
        f"The document has {size} bytes; {MAX_DOCUMENT_BYTES} is the limit.",
        "Move large literals into the payload or behind an action.",
    )


def _most_serious(findings: Iterable[Finding]) -> list[Finding]:
    listed = list(findings)
    if len(listed) <= MAX_FINDINGS:
        return listed
    return sorted(listed, key=lambda finding: finding.severity is Severity.WARNING)[:MAX_FINDINGS]


def _check_definition(definition: Definition, catalogue: ActionCatalogue) -> Iterator[Finding]:
    if definition.payload_schema is not None:
        for where, message in schema_faults(definition.payload_schema):
            yield error(Code.PAYLOAD_SCHEMA_INVALID, pointer("payloadSchema") + where, message)
    seen: dict[str, str] = {}
    for here, step in walk(definition.steps):
        if step.id in seen:
            yield error(
                Code.STEP_ID_DUPLICATE,
                here + pointer("id"),
                f"The id {step.id!r} is used at {seen[step.id]} already.",
                "Give each step an id of its own; it names the step in paths and logs.",
            )
        seen.setdefault(step.id, here)
        yield from _check_step(here, step, catalogue)
    yield from _too_deep(definition.steps, pointer("steps"), 0)
    yield from _unreachable(definition.steps, pointer("steps"))


def _too_deep(steps: list[Step], parent: str, used: int) -> Iterator[Finding]:
    """The first step of each branch whose path in a run would be too long for its row's key."""
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        length = used + len(step.id)
        if length > MAX_STEP_PATH:
            yield error(
                Code.STEP_PATH_TOO_LONG,
                here + pointer("id"),
                f"The ids from the outermost step to {step.id!r} have {length} characters "
                f"together; {MAX_STEP_PATH} is the limit.",
                "Nest less deeply, or use shorter ids.",
            )
        elif isinstance(step, IfStep):
            yield from _too_deep(step.then, here + pointer("then"), length + 1)
            yield from _too_deep(step.otherwise, here + pointer("else"), length + 1)


def _check_step(here: str, step: Step, catalogue: ActionCatalogue) -> Iterator[Finding]:
    match step:
        case AssignStep():
            for path, value in step.config.assign.items():
                yield from check_value(value, here + pointer("config", "assign", path))
        case IfStep():
            yield from check_condition(step.condition, here + pointer("condition"))
        case ActionStep():
            yield from check_value(
                step.config.input_mapping, here + pointer("config", "inputMapping")
            )
            yield from check_call(step.config, here + pointer("config"), catalogue)
        case ReturnStep():
            yield from check_value(step.value, here + pointer("value"))


def _unreachable(steps: list[Step], parent: str) -> Iterator[Finding]:
    ended = False
    for index, step in enumerate(steps):
        here = parent + pointer(index)
        if ended:
            yield warning(
                Code.STEP_UNREACHABLE,
                here,
                f"Step {step.id!r} is never reached: the run has ended before it.",
                "Remove it, or move it in front of the control.return.",
            )
            return
        if isinstance(step, IfStep):
            yield from _unreachable(step.then, here + pointer("then"))
            yield from _unreachable(step.otherwise, here + pointer("else"))
        ended = _ends_run(step)


def _ends_run(step: Step) -> bool:
    """Whether nothing behind `step` can run, whichever branch is taken."""
    if isinstance(step, IfStep):
        branches = (step.then, step.otherwise)
        return all(any(_ends_run(inner) for inner in branch) for branch in branches)
    return isinstance(step, ReturnStep)
