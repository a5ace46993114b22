"""A run that is ended behind our back takes along what it waits for, its children and its slot."""

from __future__ import annotations

from uuid import UUID

from alga_workflows_core.types.states import RunStatus
from tests.api.asking import asking, detail
from tests.api.calling import call, children, definition, give, publish, rest, start, until
from tests.api.inbox import published_in_spite_of_warnings, until_waiting
from tests.api.reconciled import BY_ROWS, MakeWorld, eventually

EVENT = {
    "id": "hear",
    "type": "event.wait",
    "config": {"eventName": "HEARD", "timeout": "P1D"},
}


async def test_waits_tasks_children_and_slot_end_with_it(make: MakeWorld) -> None:
    """All of them are closed, the child is cancelled with its clean-up, and the next one begins."""
    world = await make(**BY_ROWS)
    api = world.api
    branches = [
        {"id": "event", "steps": [EVENT]},
        {"id": "time", "steps": [rest()]},
        {"id": "people", "steps": asking("unused", timeout="P1D")["steps"][:1]},
        {"id": "child", "steps": [call("family-child")]},
    ]
    wait_for_all = {"id": "all", "type": "control.parallel", "join": "all", "branches": branches}
    await publish(api, definition("family-child", rest(), give(1)))
    await published_in_spite_of_warnings(
        api, definition("family", wait_for_all, concurrency={"limit": 1})
    )
    run_id, queued = [await start(api, "family", {"what": "it"}) for _ in range(2)]
    waits = await until_waiting(api, run_id, 4)
    (child,) = await children(api, run_id, at_least=1)
    await until(api, child["runId"], {"WAITING"})
    assert (await api.get(f"/runs/{queued}")).json()["status"] == "QUEUED"

    await world.handle(UUID(run_id)).terminate(reason="by hand")
    await world.becomes(UUID(run_id), RunStatus.FAILED)
    closed = (await api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert {wait["kind"]: wait["status"] for wait in closed} == dict.fromkeys(
        ("event", "time", "task", "child"), "CANCELED"
    )
    (task,) = [wait["waitId"] for wait in waits if wait["kind"] == "task"]
    assert (await detail(api, task))["state"] == "CANCELED"
    assert (await until(api, child["runId"]))["status"] == "CANCELED"

    async def has_begun() -> bool:
        return (await api.get(f"/runs/{queued}")).json()["startedAt"] is not None

    await eventually(has_begun)
    await world.handle(UUID(queued)).terminate()
    await until(api, queued)
