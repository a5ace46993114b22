"""Values: the form of expressions, conditions and references to secrets, wherever they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alga_workflows_core.validation.catalogue import Catalogue
from alga_workflows_core.validation.findings import Severity
from alga_workflows_core.validation.validate import validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE

SECRET = {"$secret": "MAIL_API_KEY"}


def told(*steps: dict[str, Any], catalogue: Catalogue = CATALOGUE, **members: Any) -> list[str]:
    document = {**SMALLEST, **members, "steps": list(steps)}
    return [f"{found.code} at {found.path}" for found in validate(document, catalogue).findings]


def returns(value: Any) -> dict[str, Any]:
    return {"id": "end", "type": "control.return", "value": value}


def calls(**mapping: Any) -> dict[str, Any]:
    config = {"actionId": "http.request", "version": 1, "inputMapping": mapping}
    return {"id": "call", "type": "action.call", "config": config}


def decides(condition: Any) -> dict[str, Any]:
    then = [{"id": "label", "type": "state.set", "config": {"state": "Yes"}}]
    return {"id": "if", "type": "control.if", "condition": condition, "then": then}


@pytest.mark.parametrize("value", [None, 0, "", "a", [], {}, [[{"a": [{"b": None}]}]], {"": 1}])
def test_literals_are_values(value: Any) -> None:
    """Whatever JSON there is, at whatever depth."""
    assert told(returns(value)) == []


@pytest.mark.parametrize("condition", [True, False, {"$expr": "payload.x"}])
def test_conditions(condition: Any) -> None:
    """They are true, false or an expression."""
    assert [each for each in told(decides(condition)) if "CONDITION" in each] == []


@pytest.mark.parametrize("condition", [None, 0, 1, "", "true", [], [True], {}, {"expr": "x"}])
@pytest.mark.parametrize("form", ["if", "while", "switch"])
def test_other_literals_are_no_conditions(condition: Any, form: str) -> None:
    """They would fail when they are asked; one finding tells of each."""
    step, where = decides(condition), "condition"
    if form == "while":
        step = {"id": "while", "type": "control.while", "condition": condition, "maxIterations": 2}
        step["body"] = decides(True)["then"]
    elif form == "switch":
        case = {"when": condition, "steps": decides(True)["then"]}
        step, where = {"id": "s", "type": "control.switch", "cases": [case]}, "cases/0/when"
    assert told(step) == [f"CONDITION_LITERAL at /steps/0/{where}"]


@pytest.mark.parametrize(
    "value",
    [
        {"$expr": 1},
        {"$expr": None},
        {"$expr": ""},
        {"$expr": " \n"},
        {"$expr": ["payload"]},
        {"$expr": {"$expr": "payload"}},
        {"$expr": "paylod", "default": 1},
        {"$expr": "payload", "$secret": "MAIL_API_KEY"},
    ],
)
@pytest.mark.parametrize("step", [returns, calls, decides])
def test_malformed_expressions(value: Any, step: Any) -> None:
    """An `$expr` stands alone with a text, wherever it is; nothing else is said of the object."""
    made = step(url=value) if step is calls else step(value)
    where = {"returns": "value", "calls": "config/inputMapping/url", "decides": "condition"}
    assert told(made) == [f"EXPRESSION_MALFORMED at /steps/0/{where[step.__name__]}"]


def test_values_are_looked_into() -> None:
    """At any depth of lists and objects, with the place of the very part."""
    deep: Any = {"a/b": [0, {"b": [[{"$expr": 1}]]}]}
    assert told(returns(deep)) == ["EXPRESSION_MALFORMED at /steps/0/value/a~1b/1/b/0/0"]
    body: Any = [{"k": {"$secret": "NONE"}}]
    assert told(calls(url="https://a.example", json=body)) == [
        "SECRET_UNKNOWN at /steps/0/config/inputMapping/json/0/k/$secret"
    ]


def test_secrets_stand_in_the_input_of_an_action() -> None:
    """In that of a call or of what undoes it, at any depth."""
    undo = {"actionId": "http.request", "version": 1, "inputMapping": {"url": SECRET}}
    call = calls(url="https://a.example", headers={"authorization": SECRET}, json=[SECRET])
    call["config"]["compensate"] = undo
    saga = {"id": "saga", "type": "control.saga", "steps": [call]}
    assert told(saga) == []


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (returns(SECRET), "value"),
        (returns({"a": [SECRET]}), "value/a/0"),
        (decides(SECRET), "condition"),
        (
            {"id": "s", "type": "transform.assign", "config": {"assign": {"vars.a": SECRET}}},
            "config/assign/vars.a",
        ),
        ({"id": "s", "type": "state.set", "config": {"state": SECRET}}, "config/state"),
        ({"id": "s", "type": "control.throw", "message": SECRET}, "message"),
        (
            {
                "id": "s",
                "type": "control.callWorkflow",
                "workflowId": "onboard-client",
                "inputMapping": {"key": SECRET},
            },
            "inputMapping/key",
        ),
        (
            {
                "id": "s",
                "type": "time.wait",
                "config": {"mode": "duration", "duration": SECRET},
            },
            "config/duration",
        ),
    ],
)
def test_secrets_stand_nowhere_else(step: dict[str, Any], where: str) -> None:
    """They would be written into rows and histories; whether there are such is not asked."""
    assert told(step) == [f"SECRET_NOT_ALLOWED at /steps/0/{where}"]
    unknown = replace(CATALOGUE, secrets=None)
    assert told(step, catalogue=unknown) == [f"SECRET_NOT_ALLOWED at /steps/0/{where}"]


@pytest.mark.parametrize(
    "value", [{"$secret": 1}, {"$secret": None}, {**SECRET, "v": 1}, {"$secret": {"$expr": "a"}}]
)
def test_malformed_secrets(value: Any) -> None:
    """A `$secret` stands alone with a name; nothing inside it is looked at."""
    assert told(calls(url=value)) == ["SECRET_MALFORMED at /steps/0/config/inputMapping/url"]


@pytest.mark.parametrize("name", ["", "a", "mail_api_key", "1A", "_A", "A-B", "A ", "A" * 129, "Ä"])
def test_names_that_no_secret_has(name: str) -> None:
    """The finding blames the name; whether such a secret is there is not asked."""
    assert told(calls(url={"$secret": name})) == [
        "SECRET_NAME_INVALID at /steps/0/config/inputMapping/url/$secret"
    ]


@pytest.mark.parametrize("name", ["A", "A1", "A_1", "A" * 128])
def test_names_that_secrets_have(name: str) -> None:
    """They are right if there is such a secret, or if nothing is known of secrets."""
    step = calls(url={"$secret": name})
    where = "SECRET_UNKNOWN at /steps/0/config/inputMapping/url/$secret"
    assert told(step) == [where]
    assert told(step, catalogue=replace(CATALOGUE, secrets=frozenset())) == [where]
    assert told(step, catalogue=replace(CATALOGUE, secrets=frozenset({name}))) == []
    assert told(step, catalogue=replace(CATALOGUE, secrets=None)) == []


def test_a_key_with_a_dollar_sign_is_a_warning() -> None:
    """It is kept, and what is inside it is looked at all the same."""
    document = {**SMALLEST, "steps": [returns({"$exp": {"$expr": 1}, "a$b": 1})]}
    validated = validate(document, CATALOGUE)
    first, second = validated.findings
    assert (first.severity, first.path) == (Severity.WARNING, "/steps/0/value/$exp")
    assert first.suggestion == "Did you mean '$expr'?"
    assert second.path == "/steps/0/value/$exp"
    assert not validated.publishable
    document["steps"] = [returns({"$exp": 1})]
    assert validate(document, CATALOGUE).publishable


def test_filters_of_triggers_are_looked_at_as_literals() -> None:
    """There is no run yet, so nothing in them can be evaluated or opened."""
    trigger: dict[str, Any] = {
        "type": "event",
        "eventName": "ORDER_SHIPPED",
        "filters": [{"path": "source", "op": "=", "value": SECRET}],
    }
    assert told(returns(1), trigger=trigger) == ["SECRET_NOT_ALLOWED at /trigger/filters/0/value"]
    trigger["filters"] = [{"path": "source", "op": "in", "value": [{"$expr": "paylod ("}]}]
    assert told(returns(1), trigger=trigger) == [
        "FILTER_VALUE_INVALID at /trigger/filters/0/value/0"
    ]
