"""A definition with a limit has no more runs at a time, and a run that waits says what for."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from alga_workflows_core.types.states import RunStatus
from tests.api.calling import (
    ANSWER,
    call,
    called,
    children,
    definition,
    give,
    publish,
    rest,
    run_of,
    start,
    until,
)
from tests.api.reconciled import BY_SWEEP, MakeWorld
from tests.api.service import Service, check_problem

BY_CLIENT = {"$expr": "payload.client"}


def limited(identity: str, *steps: dict[str, Any], **concurrency: Any) -> dict[str, Any]:
    return definition(identity, *steps, concurrency={"key": BY_CLIENT, "limit": 1, **concurrency})


async def wake(service: Service, run_id: str) -> None:
    """End its wait for a time."""
    (wait,) = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert (await service.api.post(f"/waits/{wait['waitId']}/resolve")).status_code == 202


async def test_a_run_too_many_waits_its_turn(service: Service) -> None:
    """It is QUEUED, says who is before it, and begins as soon as it can; other keys do not care."""
    api = service.api
    await publish(api, limited("serial", rest(), give(1)))
    first = await start(api, "serial", {"client": "a"})
    await until(api, first, {"WAITING"})
    second = await start(api, "serial", {"client": "a"})
    third = await start(api, "serial", {"client": "a"})
    other = await start(api, "serial", {"client": "b"})
    await until(api, other, {"WAITING"})
    run = await run_of(api, third)
    (blocked,) = run["blockedOn"]
    assert run["status"] == "QUEUED"
    assert blocked.pop("since") >= run["createdAt"]
    assert blocked == {
        "kind": "slot",
        "of": "definition",
        "id": "serial",
        "key": "a",
        "limit": 1,
        "position": 2,
        "holders": [first],
    }
    assert (await api.post(f"/runs/{second}/cancel", json={})).status_code == 202
    assert (await run_of(api, second))["status"] == "CANCELED"
    assert (await run_of(api, third))["blockedOn"][0]["position"] == 1
    await wake(service, first)
    (resting,) = (await until(api, third, {"WAITING"}))["blockedOn"]
    assert resting["kind"] == "time"


async def test_a_run_too_many_is_refused_with_409(service: Service) -> None:
    """The problem says what the limit is; nothing of it is kept, so it can be sent again."""
    api = service.api
    await publish(api, limited("strict", rest(), give(1), onLimit="reject"))
    run_id = await start(api, "strict", {"client": "a"})
    again: dict[str, Any] = {
        "json": {"payload": {"client": "a"}},
        "headers": {"Idempotency-Key": "again"},
    }
    refused = await api.post("/definitions/strict/runs", **again)
    problem = check_problem(refused, 409, "CONCURRENCY_LIMIT")
    assert (problem["limit"], problem["key"]) == (1, '"a"')
    await until(api, run_id, {"WAITING"})
    await wake(service, run_id)
    await until(api, run_id)
    assert (await api.post("/definitions/strict/runs", **again)).status_code == 201


async def test_the_oldest_run_is_cancelled_for_the_newest(service: Service) -> None:
    """It ends with its clean-up and says why; then the new one begins."""
    api = service.api
    await publish(api, limited("latest", rest(), give(1), onLimit="cancelOldest"))
    first = await start(api, "latest", {"client": "a"})
    await until(api, first, {"WAITING"})
    second = await start(api, "latest", {"client": "a"})
    run = await until(api, first)
    assert (run["status"], run["error"]["message"]) == (
        "CANCELED",
        "A newer run takes its place.",
    )
    assert (await until(api, second, {"WAITING"}))["startedAt"] >= run["closedAt"]


async def test_a_limited_definition_calls_itself(service: Service) -> None:
    """A child shares the slot of the run that waits for it, so nothing waits for itself."""
    api = service.api
    deeper = {
        "id": "if",
        "type": "control.if",
        "condition": {"$expr": "payload.n > 0"},
        "then": [
            call("nested", inputMapping={"client": BY_CLIENT, "n": {"$expr": "payload.n - 1"}})
        ],
    }
    document = limited("nested", deeper, give({"$expr": "payload.n"}))
    await api.put("/definitions/nested/draft", json=document)
    assert (await api.post("/definitions/nested/publish")).status_code == 201
    outer = limited("outer", call("nested", inputMapping={"client": "a", "n": 3}), give(ANSWER))
    await publish(api, outer)
    run = await called(api, "outer", {"client": "a"})
    assert (run["status"], run["result"]) == ("SUCCEEDED", 3)


async def test_a_child_that_is_one_too_many(service: Service) -> None:
    """Queued, its caller waits for it; rejected, the call fails with the limit as its cause."""
    api = service.api
    await publish(api, limited("shared", rest(), give(1)))
    await publish(api, limited("refusing", rest(), give(1), onLimit="reject"))
    for name in ("shared", "refusing"):
        calls = call(name, inputMapping={"client": "a"})
        await publish(api, definition(f"calling-{name}", calls, give(ANSWER)))
    held = [await start(api, name, {"client": "a"}) for name in ("shared", "refusing")]
    for run_id in held:
        await until(api, run_id, {"WAITING"})
    refused = await called(api, "calling-refusing")
    assert refused["error"]["code"] == "CHILD_FAILED"
    cause = refused["error"]["cause"]
    assert (cause["code"], cause["category"]) == ("CONCURRENCY_LIMIT", "Limit")
    patient = await start(api, "calling-shared")
    (child,) = await children(api, patient, at_least=1)
    assert (await run_of(api, child["runId"]))["blockedOn"][0]["holders"] == [held[0]]
    # A child that has not begun is over at once when its caller is cancelled.
    assert (await api.post(f"/runs/{patient}/cancel", json={})).status_code == 202
    assert (await until(api, patient))["status"] == "CANCELED"
    assert (await run_of(api, child["runId"]))["startedAt"] is None


async def test_a_limited_definition_does_not_hold_up_others(service: Service) -> None:
    """A hundred runs in the queue of one definition; another one's run begins at once."""
    api = service.api
    await publish(api, limited("crowded", rest(), give(1)), definition("quick", give(1)))
    await asyncio.gather(*(start(api, "crowded", {"client": "a"}) for _ in range(100)))
    run = await called(api, "quick")
    assert run["status"] == "SUCCEEDED"
    waited = await api.get("/runs", params={"definition": "crowded", "status": "QUEUED"})
    assert waited.json()["next"] is not None


async def test_a_payload_without_a_key_starts_nothing(service: Service) -> None:
    """The problem names the definition and the place."""
    api = service.api
    document = limited("picky", give(1))
    document["concurrency"]["key"] = {"$expr": "$number(payload.client)"}
    await publish(api, document)
    refused = await api.post("/definitions/picky/runs", json={"payload": {"client": "x"}})
    check_problem(refused, 422, "CONCURRENCY_KEY_INVALID", path="/payload")


async def test_a_run_whose_rows_were_lost_gets_its_slot_back(make: MakeWorld) -> None:
    """The row is made anew with the slot, so that the next run still waits for it."""
    world = await make(**BY_SWEEP)
    await publish(world.api, limited("kept", rest(), give(1)))
    first = UUID(await start(world.api, "kept", {"client": "a"}))
    await until(world.api, str(first), {"WAITING"})
    await world.execute("DELETE FROM alga_run_slots")
    await world.execute("DELETE FROM workflow_runs")
    await world.becomes(first, RunStatus.RUNNING, RunStatus.WAITING)
    second = await start(world.api, "kept", {"client": "a"})
    assert (await run_of(world.api, second))["blockedOn"][0]["holders"] == [str(first)]
