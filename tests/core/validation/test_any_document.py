"""Validation answers for everything that can be called a document, and never raises."""

from __future__ import annotations

import copy
import json
from typing import Any, cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.definition.steps.union import STEP_MODELS
from alga_workflows_core.definition.tree import BLOCK_NAMES
from alga_workflows_core.validation.findings import Code
from alga_workflows_core.validation.validate import UNSTORABLE, validate
from tests.core.validation.documents import LEAVE, SAMPLE, at, json_values
from tests.core.validation.test_table import DEFINITIONS
from tests.core.validation.world import CATALOGUE

MISSING = {
    *(Code.FIELD_MISSING, Code.ACTION_INPUT_MISSING),
    *(Code.TRIGGER_INPUT_MISSING, Code.WORKFLOW_INPUT_MISSING),
}
"""What they blame is not there."""

GOOD = [SAMPLE, LEAVE, *DEFINITIONS.values()]

WORDS = st.sampled_from(
    [
        *STEP_MODELS,
        *sorted(BLOCK_NAMES),
        *("id", "name", "type", "config", "assign", "condition", "value", "retry", "onError"),
        *("payloadSchema", "payloadSchemaRef", "resultSchema", "trigger", "concurrency", "zone"),
        *("inputMapping", "actionId", "version", "saveAs", "workflowId", "compensate", "timeout"),
        *("items", "itemVar", "output", "cases", "when", "branches", "join", "maxIterations"),
        *("catchOn", "captureErrorAs", "eventName", "correlationKey", "filters", "path", "op"),
        *("any", "all", "onTimeout", "form", "assignees", "dueIn", "escalateTo", "quorum"),
        *("mode", "duration", "until", "calendar", "policy", "continue", "park", "businessTime"),
        *("properties", "required", "additionalProperties", "array", "object", "string", "$ref"),
        *("text.slug", "tickets.create", "send-invoice", "TICKET_CREATED", "MAIL_API_KEY"),
        *("P1D", "PT0S", "Europe/Vienna", "Transient", "THROWN", "line", "item", "#", "#/$defs/a"),
        *("$expr", "$secret", "vars.a", "vars.a.b", "payload.x", "item.sku", "error.code", "$x"),
        *("event.payload.id", "system.runId", "$count(vars.a)", "$exists(vars.b) and (", "f()"),
        *("a/b", "~", "[key]", "", "\x00", "\ud800"),
    ]
)
"""Words of the grammar, so that chance meets its rules often enough."""

JSON = json_values(WORDS, whole=False)


def holders(value: Any) -> list[tuple[Any, Any]]:
    """Every list and object inside `value`, with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, (list, dict)):
        inside = cast("list[Any] | dict[str, Any]", value)
        pairs = inside.items() if isinstance(inside, dict) else enumerate(inside)
        for key, member in list(pairs):
            found += [(inside, key), *holders(member)]
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A good document in which up to four places were replaced, removed, added to or swapped."""
    document = copy.deepcopy(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        places = holders(document)
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.integers(0, 3)):
            case 0:
                holder[key] = draw(JSON)
            case 1:
                del holder[key]
            case 2 if isinstance(holder, dict):
                holder[draw(WORDS)] = draw(JSON)
            case _:
                other, place = draw(st.sampled_from(places))
                holder[key] = copy.deepcopy(other[place])
    return document


TOKENS = st.sampled_from(
    [
        *("payload", "vars", "item", "event", "error", "system", "result", "$x", "$count", "foo"),
        *(".", "[", "]", "(", ")", "{", "}", ",", ";", ":", "?", "??", ":=", "~>", "=", "and"),
        *("+", "-", "*", "**", "%", "^", "#$i", "@$v", "|", "'a'", "1", "null", "function($x)"),
        *("$exists(", "$coalesce(", "$eval(", "count(", "/a/", "`a b`", '"b"', "\\", "λ", "\n"),
    ]
)
TEXTS = st.lists(TOKENS, max_size=8).map("".join) | st.lists(TOKENS, max_size=8).map(" ".join)
"""Expressions, some of which are well formed."""


@st.composite
def rearranged(draw: st.DrawFn) -> Any:
    """A good document with steps of others, and with other expressions: its structure is right."""
    document = copy.deepcopy(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 3))):
        source = draw(st.sampled_from(blocks(draw(st.sampled_from(GOOD)))))
        target = draw(st.sampled_from(blocks(document)))
        place = draw(st.integers(0, len(target)))
        target.insert(place, copy.deepcopy(draw(st.sampled_from(source))))
    for holder, key in holders(document):
        if key == "$expr" and draw(st.integers(0, 9)) == 0:
            holder[key] = draw(TEXTS)
    return document


def blocks(document: Any) -> list[list[Any]]:
    """Every list of steps."""
    return [holder[key] for holder, key in holders(document) if key in BLOCK_NAMES]


def check(document: Any) -> None:
    """What is promised for whatever document."""
    before = copy.deepcopy(document)
    validated = validate(document, CATALOGUE)
    assert repr(document) == repr(before)
    assert validated.publishable <= (validated.definition is not None)
    for found in validated.findings:
        assert found.path == "" or found.path.startswith("/")
        assert found.message.endswith(".")
        assert len(found.message) < 1000
        if found.code not in UNSTORABLE | MISSING:
            at(document, found.path)


@given(JSON)
@settings(max_examples=300, deadline=None)
@example(float("nan"))
@example({"id": "a", "name": "A", "steps": [{"type": 1, "id": {}}, [], None, "x"]})
@example({"id": "a", "name": "A", "steps": [{"id": "b", "type": "action.call", "[key]": 1}]})
@example({"[key]": 1})
@example({1: 2, None: 3})
@example(json.loads("[" * 200 + "]" * 200))
@example({"id": "a", "name": "A", "steps": [{"id": "b", "type": "control.return", "value": "x"}]})
def test_any_json_is_answered(document: Any) -> None:
    """Findings, whose places exist in the document, and the document is left as it was."""
    check(document)


@given(mutated())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_variation_of_a_good_document_is_answered(document: Any) -> None:
    """The same for documents that are nearly right, which reach every check."""
    check(document)


@given(rearranged())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_arrangement_of_good_steps_is_answered(document: Any) -> None:
    """The same for documents of the right structure, in which nothing needs to make sense."""
    check(document)
