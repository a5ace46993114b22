"""Validate a document against the grammar and a frozen catalogue of what it may refer to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from alga_workflows_core.definition.document import MAX_DOCUMENT_BYTES, Definition
from alga_workflows_core.errors import InputError
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.json import Json
from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.checks import (
    actions,
    borders,
    children,
    ids,
    language,
    policies,
    reach,
    sagas,
    schemas,
    secrets,
    tasks,
    triggers,
    values,
    variables,
    waits,
    writes,
)
from alga_workflows_core.validation.findings import Code, Finding, Severity, error
from alga_workflows_core.validation.order import in_document_order
from alga_workflows_core.validation.structure import read_definition
from alga_workflows_core.validation.subject import Subject, subject_of

MAX_FINDINGS = 200
"""More findings than this are not told of one document."""

UNSTORABLE = frozenset({Code.DOCUMENT_NOT_JSON, Code.DOCUMENT_NOT_OBJECT, Code.DOCUMENT_TOO_LARGE})
"""What a document has that cannot even be kept as a draft; it has no other finding then."""

CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    schemas.check,
    ids.check,
    reach.check,
    borders.check,
    policies.check,
    sagas.check,
    values.check,
    language.check,
    variables.check,
    writes.check,
    actions.check,
    secrets.check,
    children.check,
    triggers.check,
    waits.check,
    tasks.check,
)
"""What is asked of a document whose structure is right."""


@dataclass(frozen=True, slots=True)
class Validated:
    """The findings, and the parsed definition if the document has the right structure."""

    findings: list[Finding]
    definition: Definition | None

    @property
    def publishable(self) -> bool:
        return not any(finding.severity is Severity.ERROR for finding in self.findings)


def validate(document: Json, catalogue: Catalogue) -> Validated:
    """What is wrong with `document`, in document order. Never raises, whatever it is.

    Of more than `MAX_FINDINGS` findings, errors are told before warnings.
    """
    unusable = _unusable(document)
    if unusable is not None:
        return Validated([unusable], None)
    definition, findings = read_definition(document, at_most=MAX_FINDINGS)
    if definition is not None:
        subject = subject_of(definition, catalogue)
        findings = _most_serious(found for check in CHECKS for found in check(subject))
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
