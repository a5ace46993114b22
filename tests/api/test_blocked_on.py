"""Whoever looks at a run sees in `blockedOn` what it waits for, since when, and what ends it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import httpx

from tests.api.asking import YES, acted, asked, asking
from tests.api.calling import call, children, definition, give, publish, rest, run_of, start, throw
from tests.api.service import Service
from tests.api.test_waits import calling, started, until_status, waiting

DEADLINE = 30.0


async def blocked_on(
    api: httpx.AsyncClient, run_id: str, kind: str | None = None
) -> list[dict[str, Any]]:
    """What a run is blocked on, as soon as that is something of this kind."""
    async with asyncio.timeout(DEADLINE):
        while True:
            found = (await run_of(api, run_id))["blockedOn"]
            if found and kind in (None, found[0]["kind"]):
                return found
            await asyncio.sleep(0.05)


async def the_wait(api: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    (wait,) = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    return wait


async def test_a_wait_for_a_time(service: Service) -> None:
    """Which step, since when, and when it goes on; nothing once the run has ended."""
    run_id = await started(service.api, waiting("blocked-time"))
    (entry,) = await blocked_on(service.api, run_id)
    wait = await the_wait(service.api, run_id)
    assert entry == {
        "kind": "time",
        "waitId": wait["waitId"],
        "step": "hour",
        "since": wait["openedAt"],
        "until": wait["dueAt"],
    }
    await service.api.post(f"/waits/{wait['waitId']}/resolve")
    assert (await until_status(service.api, run_id, "SUCCEEDED"))["blockedOn"] == []


async def test_a_task(service: Service) -> None:
    """Who may answer, who has claimed it, since when, when it is due and when the run gives up."""
    document = asking(
        "blocked-task", assignees=["bob"], candidateGroups=["managers"], dueIn="P2D", timeout="P7D"
    )
    run_id, task_id = await asked(service.api, document)
    (entry,) = await blocked_on(service.api, run_id)
    wait = await the_wait(service.api, run_id)
    assert datetime.fromisoformat(entry.pop("dueAt")) > datetime.fromisoformat(entry["since"])
    expected = {
        "kind": "task",
        "waitId": task_id,
        "step": "ask",
        "since": wait["openedAt"],
        "until": wait["dueAt"],
        "taskType": "approval",
        "title": "Approve it",
        "assignees": ["bob"],
        "candidateGroups": ["managers"],
        "forEverybody": False,
        "claimedBy": None,
        "quorum": 1,
        "answeredBy": [],
    }
    assert entry == expected
    await acted(service.api, task_id, "claim", by="bob")
    (claimed,) = await blocked_on(service.api, run_id)
    assert claimed["claimedBy"] == "bob"
    await acted(service.api, task_id, "complete", by="bob", answer=YES)
    assert (await until_status(service.api, run_id, "SUCCEEDED"))["blockedOn"] == []


async def test_a_task_for_several(service: Service) -> None:
    """How many have to answer, and who has."""
    document = asking("blocked-quorum", assignees=["ada", "bob", "cyd"], quorum=2)
    run_id, task_id = await asked(service.api, document)
    await acted(service.api, task_id, "complete", by="bob", answer=YES)
    (entry,) = await blocked_on(service.api, run_id)
    assert (entry["quorum"], entry["answeredBy"]) == (2, ["bob"])
    await acted(service.api, task_id, "complete", by="ada", answer=YES)
    await until_status(service.api, run_id, "SUCCEEDED")


async def test_a_run_that_was_called(service: Service) -> None:
    """Which run, of which definition, where it stands; what it waits for, it says itself."""
    api = service.api
    await publish(
        api,
        definition("blocked-child", rest(), give(1)),
        definition("blocked-caller", call("blocked-child"), give(2)),
    )
    run_id = await start(api, "blocked-caller")
    (child,) = await children(api, run_id, at_least=1)
    (inner,) = await blocked_on(api, child["runId"])
    await until_status(api, child["runId"], "WAITING")
    (entry,) = await blocked_on(api, run_id)
    wait = await the_wait(api, run_id)
    assert entry == {
        "kind": "run",
        "waitId": wait["waitId"],
        "step": "call",
        "since": wait["openedAt"],
        "runId": child["runId"],
        "definitionId": "blocked-child",
        "status": "WAITING",
    }
    assert (inner["kind"], inner["step"]) == ("time", "rest")
    await api.post(f"/waits/{inner['waitId']}/resolve")
    assert (await until_status(api, run_id, "SUCCEEDED"))["blockedOn"] == []


async def test_a_parked_step(service: Service) -> None:
    """With the error that an operator has to decide about."""
    run_id = await started(service.api, calling("blocked-parked"))
    await until_status(service.api, run_id, "PARKED")
    (entry,) = await blocked_on(service.api, run_id)
    wait = await the_wait(service.api, run_id)
    assert entry == {
        "kind": "decision",
        "waitId": wait["waitId"],
        "step": "ask",
        "since": wait["openedAt"],
        "error": wait["detail"]["error"],
    }
    await service.api.post(f"/runs/{run_id}/steps/ask/resolve", json={"do": "fail"})
    await until_status(service.api, run_id, "FAILED")


async def test_an_action_that_is_tried_again(service: Service) -> None:
    """When, as which attempt, and what error the last one had."""
    document = calling("blocked-action")
    document["steps"][0]["retry"] = {"maxAttempts": 3, "backoffMs": 600_000, "jitter": False}
    run_id = await started(service.api, document)
    (entry,) = await blocked_on(service.api, run_id)
    check_retry(entry, step="ask", minutes=10)
    await service.api.post(f"/runs/{run_id}/cancel", json={})
    assert (await until_status(service.api, run_id, "CANCELED"))["blockedOn"] == []


async def test_a_call_that_is_tried_again(service: Service) -> None:
    """The run itself waits for the time: it says so although no row does."""
    api = service.api
    retry = {"maxAttempts": 2, "backoffMs": 300_000, "jitter": False}
    await publish(
        api,
        definition("blocked-broken", throw("BROKEN")),
        definition("blocked-retry", call("blocked-broken", retry=retry | {"retryOn": ["Child"]})),
    )
    run_id = await start(api, "blocked-retry")
    await children(api, run_id, at_least=1)
    (entry,) = await blocked_on(api, run_id, "retry")
    check_retry(entry, step="call", minutes=5)
    assert entry["code"] == "CHILD_FAILED"
    await api.post(f"/runs/{run_id}/cancel", json={})
    assert (await until_status(api, run_id, "CANCELED"))["blockedOn"] == []


def check_retry(entry: dict[str, Any], *, step: str, minutes: int) -> None:
    """It is the second attempt of this step, so long behind the first."""
    assert (entry["kind"], entry["step"], entry["attempt"]) == ("retry", step, 2)
    between = datetime.fromisoformat(entry["until"]) - datetime.fromisoformat(entry["since"])
    assert abs(between.total_seconds() - minutes * 60) < 5
    assert entry["code"]
