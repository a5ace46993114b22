"""Schemas of a definition: can values be held against them, and does what is returned fit?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from alga_workflows_core.definition.steps.human_task import TaskStep
from alga_workflows_core.types.canonical import canonical
from alga_workflows_core.types.faults import quoted
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.pointers import pointer
from alga_workflows_core.types.suggest import did_you_mean
from alga_workflows_core.validation.checks.results import check_results
from alga_workflows_core.validation.findings import Code, Finding, error
from alga_workflows_core.validation.schema_faults import schema_faults
from alga_workflows_core.validation.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the schemas that a definition holds, and what certainly misses them."""
    definition = subject.definition
    if definition.payload_schema is not None:
        for where, message in schema_faults(definition.payload_schema):
            yield error(Code.PAYLOAD_SCHEMA_INVALID, pointer("payloadSchema") + where, message)
    yield from _payload_schema_ref(subject)
    if definition.result_schema is not None:
        faults = list(schema_faults(definition.result_schema))
        for where, message in faults:
            yield error(Code.RESULT_SCHEMA_INVALID, pointer("resultSchema") + where, message)
        if not faults:
            yield from check_results(subject, definition.result_schema)
    yield from _forms(subject)


def _payload_schema_ref(subject: Subject) -> Iterator[Finding]:
    name, events = subject.definition.payload_schema_ref, subject.catalogue.events
    if name is not None and events is not None and name not in events:
        yield error(
            Code.PAYLOAD_SCHEMA_REF_UNKNOWN,
            pointer("payloadSchemaRef"),
            f"There is no event {quoted(name)} whose schema could be taken.",
            did_you_mean(name, sorted(events)) or "Write the schema itself as payloadSchema.",
        )


def _forms(subject: Subject) -> Iterator[Finding]:
    """Forms that answers, which are objects, cannot be held against."""
    judged: dict[bytes, list[tuple[str, str]]] = {}
    for visit in subject.visits:
        if not isinstance(visit.step, TaskStep):
            continue
        form = visit.step.config.form
        key = canonical(form)
        if key not in judged:
            judged[key] = list(_form_faults(form))
        here = visit.here + pointer("config", "form")
        for where, message in judged[key]:
            yield error(Code.FORM_INVALID, here + where, message)


def _form_faults(form: JsonObject) -> Iterator[tuple[str, str]]:
    faults = list(schema_faults(form))
    yield from faults
    types = form.get("type", "object")
    if not faults and types != "object" and "object" not in cast("list[str]", types):
        yield pointer("type"), "Answers are objects, so the form's type has to be 'object'."
