"""What an engine does not run is refused, not passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from alga_workflows_core.definition.document import parse_definition
from alga_workflows_core.definition.model import Part
from alga_workflows_core.definition.pointers import pointer
from alga_workflows_core.interpreter.features import NOT_RUN
from alga_workflows_core.validation.checks.support import SECRET, Feature, features_of
from alga_workflows_core.validation.findings import Code, Severity
from alga_workflows_core.validation.subject import subject_of
from alga_workflows_core.validation.validate import validate
from tests.core.definition import grammar
from tests.core.validation.blocks import Step, again, assign, call, decide, end, findings, label
from tests.core.validation.documents import CORRECT, edited
from tests.core.validation.test_table import DEFINITIONS
from tests.core.validation.world import CATALOGUE

TODAY = replace(CATALOGUE, lacks=NOT_RUN)

FOR_PEOPLE = {"Definition.description", "StepBase.name"}


def features(document: Any) -> list[Feature]:
    return list(features_of(subject_of(parse_definition(document), CATALOGUE)))


def unsupported(document: Any) -> list[str]:
    """Where the interpreter of today refuses `document`; nothing else is found."""
    found = validate(document, TODAY).findings
    assert {each.code for each in found} <= {Code.ENGINE_UNSUPPORTED}
    assert {each.severity for each in found} <= {Severity.ERROR}
    return [each.path for each in found]


def small(*steps: Step, **fields: Any) -> dict[str, Any]:
    return {"id": "small", "name": "Small", "steps": list(steps), **fields}


def _optional(part: Part, here: str) -> Iterator[tuple[str, str]]:
    """(`Model.field`, where it stands) of each field in `part` that could be left out."""
    for name in part.model_fields_set:
        field = type(part).model_fields[name]
        where = here + pointer(field.alias or name)
        if not field.is_required():
            yield grammar.label(type(part), name), where
        yield from _optional_in(getattr(part, name), where)


def _optional_in(value: Any, here: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Part):
        yield from _optional(value, here)
    elif isinstance(value, list):
        for index, entry in enumerate(cast("list[Any]", value)):
            yield from _optional_in(entry, here + pointer(index))


def test_every_field_that_may_be_left_out_is_a_feature() -> None:
    """Of all models of the grammar, so that nobody forgets a new one."""
    told: set[str] = set()
    untold: set[str] = set()
    for document in DEFINITIONS.values():
        places = {feature.here for feature in features(document)}
        for label_, here in _optional(parse_definition(document), ""):
            (told if here in places else untold).add(label_)
    assert untold == FOR_PEOPLE
    fields = {
        grammar.label(model, name)
        for model in grammar.models()
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    assert fields - told == FOR_PEOPLE


@pytest.mark.parametrize("name", DEFINITIONS)
def test_what_is_not_run_is_refused_where_it_stands(name: str) -> None:
    """Each use of it once, and nothing else."""
    document = DEFINITIONS[name]
    uses = [each.here for each in features(document) if each.name in NOT_RUN]
    assert sorted(unsupported(document)) == sorted(uses)


def test_what_is_not_run_is_what_the_grammar_has() -> None:
    """A feature that is gone from the grammar is gone from the list."""
    known = {each.name for document in DEFINITIONS.values() for each in features(document)}
    assert known >= NOT_RUN


@pytest.mark.parametrize("name", CORRECT)
def test_what_the_interpreter_runs_is_not_refused(name: str) -> None:
    """Definitions that the tests of the worker run."""
    assert unsupported(CORRECT[name]) == []


def test_of_what_is_not_run_the_parts_are_not_told_too() -> None:
    """One finding for a step or a policy, and one for each step inside of it."""
    retry = {"maxAttempts": 3, "backoffMs": 10, "maxElapsed": "PT1M", "retryOn": ["Transient"]}
    poll = again("poll", call("c", retry=retry, saveAs="vars.a"), condition={"$expr": "vars.a"})
    lacks = frozenset({"control.while", "action.call.retry", "action.call.retry.maxElapsed"})
    found = validate(small(poll), replace(CATALOGUE, lacks=lacks)).findings
    assert [each.path for each in found] == ["/steps/0/type", "/steps/0/body/0/retry"]


def test_parts_that_an_engine_does_not_run_are_told_of_what_it_runs() -> None:
    """A retry may be run without all of its settings."""
    retry = {"maxAttempts": 3, "backoffMs": 10, "maxElapsed": "PT1M", "jitter": False}
    known = replace(CATALOGUE, lacks=frozenset({"action.call.retry.maxElapsed"}))
    (only,) = validate(small(call("c", retry=retry)), known).findings
    assert (only.code, only.path) == (Code.ENGINE_UNSUPPORTED, "/steps/0/retry/maxElapsed")
    assert only.message == "This release does not run `action.call.retry.maxElapsed` yet."


def test_a_field_of_the_document_is_not_that_of_a_step() -> None:
    """An engine that runs one `timeout` does not run all."""
    known = replace(CATALOGUE, lacks=frozenset({"action.call.timeout"}))
    document = small(call("c", timeout="PT5S"), timeout="P1D")
    assert [each.path for each in validate(document, known).findings] == ["/steps/0/config/timeout"]


def test_secrets_are_told_one_by_one() -> None:
    """At any depth of an input, where the engine does not open them."""
    document = small(call("c"))
    inputs = {"headers": [{"$secret": "MAIL_API_KEY"}], "token": {"$secret": "BILLING_TOKEN"}}
    mapping = {"url": "https://desk.example", "json": inputs}
    document = edited(
        document,
        ("/steps/0/config/actionId", "http.request"),
        ("/steps/0/config/inputMapping", mapping),
    )
    where = "/steps/0/config/inputMapping/json"
    found = validate(document, replace(CATALOGUE, lacks=frozenset({SECRET}))).findings
    assert [each.path for each in found] == [f"{where}/headers/0", f"{where}/token"]


def test_a_secret_where_none_may_be_is_a_mistake_of_another_kind() -> None:
    """A release that opens secrets would not open it either."""
    document = small(label("g", {"$secret": "MAIL_API_KEY"}))
    known = replace(CATALOGUE, lacks=frozenset({SECRET}))
    assert [each.code for each in validate(document, known).findings] == [Code.SECRET_NOT_ALLOWED]


def test_nothing_is_refused_if_the_engine_is_not_known() -> None:
    """Whoever asks without an engine in mind is told of mistakes only."""
    assert findings(label("g"), assign("a", a=1), decide("i", [end("e")])) == []
