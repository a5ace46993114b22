"""Expressions: the names, functions and variables that they may use at each place."""

from __future__ import annotations

import time
from typing import Any

import pytest

from alga_workflows_core.interpreter.system import SYSTEM_FIELDS
from alga_workflows_core.validation.findings import Code, Finding, Severity
from alga_workflows_core.validation.validate import MAX_FINDINGS, validate
from tests.core.validation.documents import SMALLEST
from tests.core.validation.world import CATALOGUE


def expr(text: str) -> dict[str, str]:
    return {"$expr": text}


def returns(text: str, name: str = "end") -> dict[str, Any]:
    return {"id": name, "type": "control.return", "value": expr(text)}


def assign(text: str, name: str = "set") -> dict[str, Any]:
    return {
        "id": name,
        "type": "transform.assign",
        "config": {"assign": {"vars.a": expr(text)}},
    }


def loop(body: list[dict[str, Any]], item: str = "line", name: str = "loop") -> dict[str, Any]:
    return {
        "id": name,
        "type": "control.forEach",
        "items": expr("payload.lines"),
        "itemVar": item,
        "body": body,
    }


def findings(*steps: dict[str, Any], **members: Any) -> list[Finding]:
    return validate({**SMALLEST, **members, "steps": list(steps)}, CATALOGUE).findings


def told(*steps: dict[str, Any], **members: Any) -> list[str]:
    return [f"{found.code} at {found.path}" for found in findings(*steps, **members)]


@pytest.mark.parametrize(
    "text",
    [
        "payload.x & vars & meta.state",
        "$$.payload.lines[sku = $$.payload.sku]",
        "payload.lines.(price * quantity)",
        "payload.lines{sku: $sum(price)}",
        "payload.lines^(>price).sku",
        "payload.lines#$i[$i < 3].{'at': $i, 'sku': sku}",
        "payload.lines@$l.{'sku': $l.sku}",
        "($total := $sum(payload.prices); $double := function($x) { $x * 2 }; $double($total))",
        "payload.lines ~> $map(function($line, $i) { $line.sku & $i }) ~> $join(', ')",
        "payload.lines ~> |$|{'open': true}|",
        "$map(payload.names, $uppercase)",
        "payload.count + payload.sum + payload.now",
        "payload.kind in ['a', 'b'] and $not(payload.done) or true != null",
        "$nowIso() & $uuid() & $toString($len($coalesce(payload.a, [])))",
        "*.id",
        "$keys($)",
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    """Names of items, variables that are bound and functions of both libraries are no mistakes."""
    assert told(returns(text)) == []


@pytest.mark.parametrize("name", sorted(SYSTEM_FIELDS))
def test_all_that_the_system_says_can_be_read(name: str) -> None:
    """Each field of `system`, alone and beside others."""
    assert told(returns(f"system.{name} & $string(system)")) == []


def test_what_the_system_does_not_say_is_named() -> None:
    """`system` has fixed fields, so any other is a mistake; what is there is told."""
    (found,) = findings(returns("system.user.name"))
    assert (found.code, found.severity) == (Code.EXPRESSION_NAME_UNKNOWN, Severity.ERROR)
    assert "'system.user'" in found.message
    assert found.suggestion is not None
    assert "startedAt" in found.suggestion


@pytest.mark.parametrize(
    "name", ["line", "item", "index", "length", "isFirst", "isLast", "payload", "system"]
)
def test_a_loop_shows_its_names_inside(name: str) -> None:
    """In its body at any depth and in its output, not behind it."""
    inner = {"id": "if", "type": "control.if", "condition": True, "then": [assign(name)]}
    document = {**loop([inner]), "output": expr(name), "saveAs": "vars.all"}
    assert told(document) == []
    hidden = name not in {"payload", "system"}
    assert told(loop([assign("1")]), returns(name)) == (
        ["EXPRESSION_NAME_UNKNOWN at /steps/1/value/$expr"] if hidden else []
    )


def test_the_list_of_a_loop_does_not_see_its_item() -> None:
    """It is decided before there is any; of a loop around it it sees all names."""
    outer = loop([{**loop([assign("cell & row")], "cell", "inner"), "items": expr("row.cells")}])
    outer["itemVar"] = "row"
    assert told(outer) == []
    outer["items"] = expr("row.cells")
    assert told(outer) == ["EXPRESSION_NAME_UNKNOWN at /steps/0/items/$expr"]


def test_only_a_catch_sees_the_error() -> None:
    """Neither the `try` nor the `finally` of the same step does."""
    step = {
        "id": "try",
        "type": "control.tryCatch",
        "try": [assign("error.code", "first")],
        "catch": [loop([assign("error.code & line", "second")])],
        "finally": [assign("error.code", "third")],
    }
    assert told(step) == [
        "EXPRESSION_NAME_UNKNOWN at /steps/0/try/0/config/assign/vars.a/$expr",
        "EXPRESSION_NAME_UNKNOWN at /steps/0/finally/0/config/assign/vars.a/$expr",
    ]


def test_only_what_is_assigned_of_an_event_sees_it() -> None:
    """The key and the filters are resolved before it comes."""
    config = {
        "eventName": "CLIENT_REPLIED",
        "correlationKey": expr("event.payload.ticketId"),
        "filters": [{"path": "payload.text", "op": "=", "value": expr("event.payload.text")}],
        "timeout": "P1D",
        "assign": {"vars.text": expr("event.payload.text & payload.x & event.time")},
    }
    assert told({"id": "wait", "type": "event.wait", "config": config}) == [
        "EXPRESSION_NAME_UNKNOWN at /steps/0/config/correlationKey/$expr",
        "EXPRESSION_NAME_UNKNOWN at /steps/0/config/filters/0/value/$expr",
    ]


def test_what_undoes_a_call_sees_its_outcome() -> None:
    """`outcome` and `result` are there in the input of a `compensate`, not of the call itself."""
    take = {"reservationId": expr("outcome = 'unknown' ? payload.x : result.reservationId")}
    config = {
        "actionId": "stock.reserve",
        "version": 1,
        "inputMapping": {"sku": expr("result.sku"), "quantity": 1},
        "compensate": {"actionId": "stock.release", "version": 1, "inputMapping": take},
    }
    saga = {
        "id": "saga",
        "type": "control.saga",
        "steps": [{"id": "call", "type": "action.call", "config": config}],
    }
    assert told(saga) == [
        "EXPRESSION_NAME_UNKNOWN at /steps/0/steps/0/config/inputMapping/sku/$expr"
    ]


def test_before_a_run_there_is_no_run() -> None:
    """The trigger's mapping sees the event, the concurrency's key the payload."""
    trigger = {
        "type": "event",
        "eventName": "ORDER_SHIPPED",
        "payloadMapping": {"a": expr("event.payload.x & system.tenant"), "b": expr("meta.state")},
    }
    assert told(
        returns("payload.a"),
        trigger=trigger,
        concurrency={"key": expr("payload.x & event.id"), "limit": 1},
    ) == [
        "EXPRESSION_NAME_UNKNOWN at /trigger/payloadMapping/b/$expr",
        "EXPRESSION_NAME_UNKNOWN at /concurrency/key/$expr",
    ]


@pytest.mark.parametrize(
    ("text", "says", "suggests"),
    [
        ("paylod.x", "'paylod'", "Did you mean 'payload'?"),
        ("system.runID", "'system.runID'", "Did you mean 'runId'?"),
        ("payload.ok = True", "'True'", "Did you mean 'true'?"),
        ("payload.a = undefined", "'undefined'", "$exists(…)"),
        ("high", "'high'", "Text stands in quotes"),
        ("zzzz.x", "'zzzz'", "The names here are meta, payload, system, vars."),
        ("item.sku", "'item'", "inside a control.forEach only"),
        ("count(payload.a)", "'count'", "Did you mean '$count'?"),
        ("payload.a.upercase()", "'upercase'", "Did you mean '$uppercase'?"),
        ("$zzzz()", "'$zzzz'", "There are those of JSONata"),
        ("$eval('1')", "'$eval'", "Text is never run"),
        ("$payload.x", "'$payload'", "Did you mean 'payload'?"),
        ("$zzzz", "'$zzzz'", "Bind it with :="),
        ("payload.(", "`payload.(`", "Correct the expression"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(text: str, says: str, suggests: str) -> None:
    """In a sentence that names it, and another one that helps."""
    (found,) = findings(returns(text))
    assert says in found.message
    assert found.message.endswith(".")
    assert found.suggestion is not None
    assert suggests in found.suggestion
    warns = found.code is Code.EXPRESSION_VARIABLE_UNBOUND
    assert found.severity is (Severity.WARNING if warns else Severity.ERROR)


def test_each_name_is_told_once_in_an_expression() -> None:
    """However often it says it, and each of several mistakes is told."""
    text = "a.b + a.c + x() + x() + $y(1) + $z + $z"
    assert told(returns(text)) == [
        "EXPRESSION_NAME_UNKNOWN at /steps/0/value/$expr",
        "EXPRESSION_FUNCTION_UNKNOWN at /steps/0/value/$expr",
        "EXPRESSION_FUNCTION_UNKNOWN at /steps/0/value/$expr",
        "EXPRESSION_VARIABLE_UNBOUND at /steps/0/value/$expr",
    ]


def test_of_what_does_not_compile_nothing_else_is_said() -> None:
    """Its names mean nothing; those of the expression beside it do."""
    document = {"id": "end", "type": "control.return", "value": [expr("paylod ("), expr("paylod")]}
    assert told(document) == [
        "EXPRESSION_SYNTAX at /steps/0/value/0/$expr",
        "EXPRESSION_NAME_UNKNOWN at /steps/0/value/1/$expr",
    ]


def test_long_texts_are_not_repeated() -> None:
    """A message stays below 300 characters, whatever the expression is."""
    for text in ("x" * 5_000, f"({'x' * 5_000}", f"'{'x' * 5_000}", "$" + "x" * 5_000 + "()"):
        for found in findings(returns(text)):
            assert len(found.message) < 300


@pytest.mark.parametrize("form", ["f{}x()", "$f{}x()", "f{}x.y", "$f{}x"])
def test_thousands_of_mistakes_take_no_longer_than_thousands_of_expressions(form: str) -> None:
    """A document of nothing but mistakes is answered at once, with as many as are ever told."""
    value = [expr(form.format(number)) for number in range(15_000)]
    begin = time.perf_counter()
    found = findings({"id": "end", "type": "control.return", "value": value})
    assert len(found) == MAX_FINDINGS
    assert time.perf_counter() - begin < 5
