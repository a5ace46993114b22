"""POST /simulate: a run in virtual time, in a process that can be ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.service import check_problem

LOOP: dict[str, Any] = {
    "id": "loop",
    "name": "Loop",
    "steps": [
        {
            "id": "each",
            "type": "control.forEach",
            "items": {"$expr": "payload.lines"},
            "itemVar": "line",
            "concurrency": 2,
            "body": [
                {
                    "id": "paid",
                    "type": "event.wait",
                    "config": {
                        "eventName": "PAID",
                        "correlationKey": {"$expr": "line"},
                        "timeout": "P30D",
                        "assign": {"vars.amount": {"$expr": "event.payload.amount"}},
                    },
                }
            ],
            "output": {"$expr": "vars.amount"},
            "saveAs": "vars.amounts",
        },
        {"id": "end", "type": "control.return", "value": {"$expr": "$sum(vars.amounts)"}},
    ],
}
# Each turn takes the time limit of expressions, nearly: far more than a simulation gets.
SLOW: dict[str, Any] = {
    "id": "slow",
    "name": "Slow",
    "steps": [
        {
            "id": "again",
            "type": "control.while",
            "condition": True,
            "maxIterations": 100_000,
            "body": [
                {
                    "id": "count",
                    "type": "transform.assign",
                    "config": {
                        "assign": {
                            "vars.n": {
                                "$expr": "$sum($map([1..3000], function($v) {"
                                " $sum($map([1..20], function($w) { $w * $v })) }))"
                            }
                        }
                    },
                }
            ],
        }
    ],
}
LONG: dict[str, Any] = {
    **SLOW,
    "steps": [
        {
            **SLOW["steps"][0],
            "body": [
                {"id": "turn", "type": "transform.assign", "config": {"assign": {"vars.n": 1}}}
            ],
        }
    ],
}


async def test_a_definition_is_run_without_being_stored(api: httpx.AsyncClient) -> None:
    """Thirty days in a moment; what is not published yet can be simulated."""
    events = [
        {"at": "P29D", "name": "PAID", "correlationKey": "b", "payload": {"amount": 5}},
        {"at": "P1D", "name": "PAID", "correlationKey": "a", "payload": {"amount": 7}},
    ]
    request = {"definition": LOOP, "payload": {"lines": ["a", "b"]}, "events": events}
    answer = await api.post("/simulate", json=request)
    report = answer.json()
    assert answer.status_code == 200, report
    assert (report["status"], report["result"]) == ("SUCCEEDED", 12)
    assert [row["path"] for row in report["steps"]] == [
        "each",
        "each[0]/paid",
        "each[1]/paid",
        "end",
    ]
    assert {row["kind"] for row in report["waits"]} == {"event"}
    assert (await api.get("/definitions/loop")).status_code == 404


async def test_a_definition_with_errors_is_refused(api: httpx.AsyncClient) -> None:
    """With its findings, as when it is published."""
    answer = await api.post("/simulate", json={"definition": {"id": "a", "name": "A", "steps": []}})
    problem = check_problem(answer, 422, "DEFINITION_INVALID", path="/definition")
    assert [found["code"] for found in problem["findings"]] == ["BLOCK_EMPTY"]


async def test_a_script_that_is_wrong_is_refused(api: httpx.AsyncClient) -> None:
    """With the place in the request."""
    answer = await api.post("/simulate", json={"definition": LOOP, "events": [{"name": "PAID"}]})
    check_problem(answer, 422, "SCRIPT_INVALID", path="/events/0/at")


@pytest.mark.parametrize("definition", [SLOW, LONG], ids=["slow", "long"])
async def test_a_simulation_that_does_not_end_is_ended(
    api: httpx.AsyncClient, definition: dict[str, Any]
) -> None:
    """By time or by length; it takes a process with it, and the API answers afterwards."""
    answer = await api.post("/simulate", json={"definition": definition}, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MUCH_WORK")
    again = await api.post("/simulate", json={"definition": LOOP, "payload": {}})
    assert again.status_code == 200
