"""What runs wait for can be seen, and people can end it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.service import Service, check_problem, published

NOBODY = "00000000-0000-0000-0000-000000000000"
REFUSED = {"url": "http://127.0.0.1:9/"}


def calling(identity: str) -> dict[str, Any]:
    """A definition whose request is refused; the step is parked then."""
    call = {
        "id": "ask",
        "type": "action.call",
        "config": {
            "actionId": "http.request",
            "version": 1,
            "inputMapping": REFUSED,
            "saveAs": "vars.answer",
        },
        "retry": {"maxAttempts": 1, "backoffMs": 1},
        "onError": {"policy": "park"},
    }
    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars.answer"}}
    return {"id": identity, "name": identity, "steps": [call, end]}


def waiting(identity: str) -> dict[str, Any]:
    """A definition that waits for an hour."""
    wait = {"id": "hour", "type": "time.wait", "config": {"mode": "duration", "duration": "PT1H"}}
    label = {"id": "label", "type": "state.set", "config": {"state": "resting"}}
    end = {"id": "end", "type": "control.return", "value": "rested"}
    return {"id": identity, "name": identity, "steps": [label, wait, end]}


async def started(api: httpx.AsyncClient, document: dict[str, Any]) -> str:
    """A run of it."""
    await published(api, document)
    answer = await api.post(f"/definitions/{document['id']}/runs", json={})
    assert answer.status_code == 201, answer.text
    return answer.json()["runId"]


async def until_status(api: httpx.AsyncClient, run_id: str, *wanted: str) -> dict[str, Any]:
    """The run as soon as it has one of these states."""
    async with asyncio.timeout(30):
        while True:
            run = (await api.get(f"/runs/{run_id}")).json()
            if run["status"] in wanted:
                return run
            await asyncio.sleep(0.05)


async def until_waits(api: httpx.AsyncClient, run_id: str, count: int) -> list[dict[str, Any]]:
    """The waits of a run as soon as it has so many."""
    async with asyncio.timeout(30):
        while True:
            found = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_a_parked_step_says_why_and_is_skipped_with_a_value(service: Service) -> None:
    """The run is PARKED until an operator decides; the value is the output of the step."""
    run_id = await started(service.api, calling("skipping"))
    await until_status(service.api, run_id, "PARKED")
    (wait,) = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (wait["kind"], wait["path"], wait["status"]) == ("park", "ask", "WAITING")
    assert wait["detail"]["error"]["category"] == "Transient"
    answer = await service.api.post(
        f"/runs/{run_id}/steps/ask/resolve", json={"do": "skip", "value": {"body": "by hand"}}
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "RESOLVED"
    run = await until_status(service.api, run_id, "SUCCEEDED")
    assert run["result"] == {"body": "by hand"}
    (wait,) = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (wait["status"], wait["resolution"]["do"]) == ("RESOLVED", "skip")
    again = await service.api.post(f"/runs/{run_id}/steps/ask/resolve", json={"do": "skip"})
    check_problem(again, 409, "STEP_NOT_PARKED")


@pytest.mark.parametrize("decision", ["fail", "retry"])
async def test_a_parked_step_fails_or_is_tried_again(service: Service, decision: str) -> None:
    """Tried again, it parks again with a wait of its own; failed, the run fails with its error."""
    run_id = await started(service.api, calling(f"deciding-{decision}"))
    await until_status(service.api, run_id, "PARKED")
    await service.api.post(f"/runs/{run_id}/steps/ask/resolve", json={"do": decision})
    if decision == "fail":
        run = await until_status(service.api, run_id, "FAILED")
        assert run["error"]["step"] == "ask"
        return
    first, second = await until_waits(service.api, run_id, 2)
    assert (first["status"], second["status"]) == ("RESOLVED", "WAITING")
    await service.api.post(f"/runs/{run_id}/steps/ask/resolve", json={"do": "fail"})
    await until_status(service.api, run_id, "FAILED")


async def test_a_wait_for_a_time_is_ended_before(service: Service) -> None:
    """The run says what it waits for and until when, wears its label, and goes on when told to."""
    run_id = await started(service.api, waiting("resting"))
    run = await until_status(service.api, run_id, "WAITING")
    assert run["label"] == "resting"
    (wait,) = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (wait["kind"], wait["path"], wait["resolution"]) == ("time", "hour", None)
    assert wait["dueAt"] > wait["openedAt"]
    ended = await service.api.post(f"/waits/{wait['waitId']}/resolve")
    assert ended.status_code == 202, ended.text
    assert ended.json()["resolvedBy"]
    run = await until_status(service.api, run_id, "SUCCEEDED")
    assert run["result"] == "rested"
    again = await service.api.post(f"/waits/{wait['waitId']}/resolve")
    check_problem(again, 409, "WAIT_CLOSED")


async def test_waits_of_nobody(service: Service) -> None:
    """Unknown runs and waits are not found, and a wait of another tenant is unknown."""
    check_problem(await service.api.get(f"/runs/{NOBODY}/waits"), 404, "NOT_FOUND")
    answer = await service.api.post(f"/runs/{NOBODY}/steps/a/resolve", json={"do": "skip"})
    check_problem(answer, 404, "NOT_FOUND")
    check_problem(await service.api.post(f"/waits/{NOBODY}/resolve"), 404, "NOT_FOUND")
    run_id = await started(service.api, waiting("private"))
    await until_status(service.api, run_id, "WAITING")
    (wait,) = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    key = await service.key("admin", tenant="globex")
    async with service.client(key) as globex:
        check_problem(await globex.post(f"/waits/{wait['waitId']}/resolve"), 404, "NOT_FOUND")
        check_problem(await globex.get(f"/runs/{run_id}/waits"), 404, "NOT_FOUND")


async def test_bad_decisions_lose_nothing(service: Service) -> None:
    """What is no decision, or too large, changes nothing: the step stays parked."""
    run_id = await started(service.api, calling("bad-decisions"))
    await until_status(service.api, run_id, "PARKED")
    where = f"/runs/{run_id}/steps/ask/resolve"
    assert (await service.api.post(where, json={"do": "explode"})).status_code == 422
    large = await service.api.post(where, json={"do": "skip", "value": "x" * 300_000})
    check_problem(large, 413, "SIZE_LIMIT", path="/value")
    (wait,) = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert wait["status"] == "WAITING"
    ended = await service.api.post(f"/waits/{wait['waitId']}/resolve")
    check_problem(ended, 409, "DECISION_NEEDED")
