"""Validation answers for everything that can be called a document, and never raises."""

from __future__ import annotations

import copy
import json
from typing import Any, cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alga_workflows_core.validation.findings import Code
from alga_workflows_core.validation.validate import UNSTORABLE, validate
from tests.core.validation.documents import LEAVE, SAMPLE, at, catalogue, json_values

CATALOGUE = catalogue()
MISSING = {Code.FIELD_MISSING, Code.ACTION_INPUT_MISSING}

WORDS = st.sampled_from(
    [
        *("id", "name", "steps", "type", "config", "assign", "condition", "then", "else", "value"),
        *("payloadSchema", "$expr", "$secret", "inputMapping", "actionId", "version", "saveAs"),
        *("control.if", "control.return", "action.call", "transform.assign", "text.slug"),
        *("vars.a", "payload.x", "a/b", "~", "[key]", "", "\x00", "\ud800"),
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
    document = copy.deepcopy(draw(st.sampled_from([SAMPLE, LEAVE])))
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
@settings(max_examples=150, deadline=None)
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
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_variation_of_a_good_document_is_answered(document: Any) -> None:
    """The same for documents that are nearly right, which reach every check."""
    check(document)
