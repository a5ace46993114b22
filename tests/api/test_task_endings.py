"""However a task's wait ends, the task ends with it, and the run goes its way."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client

from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.storage.event_rows import EventFilter
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.tasks.answering import TaskAnswers
from alga_workflows_core.tasks.people import Person
from alga_workflows_core.tasks.telling import SOURCE
from alga_workflows_core.types.states import RunStatus
from tests.api.asking import YES, act, acted, asked, asking, begun, detail, task_ids
from tests.api.reconciled import BY_ROWS, MakeWorld, eventually, world
from tests.api.service import Service, check_problem, published
from tests.api.test_waits import until_status


async def until_state(api: httpx.AsyncClient, task_id: str, *states: str) -> dict[str, Any]:
    """All of a task as soon as it is in one of these states."""

    async def look() -> dict[str, Any] | None:
        seen = await detail(api, task_id)
        return seen if seen["state"] in states else None

    return await eventually(look)


@pytest.mark.parametrize(
    ("policy", "status", "result"), [("fail", "FAILED", None), ("continue", "SUCCEEDED", None)]
)
async def test_the_time_is_over(service: Service, policy: str, status: str, result: Any) -> None:
    """EXPIRED, out of the inbox, and an answer comes too late."""
    document = asking(f"late-{policy}", timeout="PT0.5S", onTimeout=policy)
    run_id, task_id = await asked(service.api, document)
    run = await until_status(service.api, run_id, status)
    assert run["result"] == result
    error: dict[str, Any] = run["error"] or {"code": None}
    assert error["code"] == ("TASK_TIMEOUT" if policy == "fail" else None)
    seen = await detail(service.api, task_id)
    assert (seen["state"], seen["closedBy"], seen["answer"]) == ("EXPIRED", None, None)
    assert [each["deed"] for each in seen["log"]] == ["OPENED", "EXPIRED"]
    assert task_id not in await task_ids(service.api, person="ada", state=["OPEN", "CLAIMED"])
    late = await act(service.api, task_id, "complete", by="ada", answer=YES)
    assert check_problem(late, 409, "TASK_CLOSED")["taskState"] == "EXPIRED"


@pytest.mark.parametrize(("do", "status"), [("cancel", "CANCELED"), ("terminate", "FAILED")])
async def test_the_run_is_ended(service: Service, do: str, status: str) -> None:
    """By an operator, with or without clean-up: CANCELED, also if somebody has claimed it."""
    run_id, task_id = await asked(service.api, asking(f"ended-{do}"))
    await acted(service.api, task_id, "claim", by="ada")
    ended = await service.api.post(f"/runs/{run_id}/{do}", json={"reason": "enough"})
    assert ended.status_code == 202
    await until_status(service.api, run_id, status)
    seen = await until_state(service.api, task_id, "CANCELED")
    assert [each["deed"] for each in seen["log"]] == ["OPENED", "CLAIMED", "CANCELED"]


async def test_the_run_took_too_long(service: Service) -> None:
    """The timeout of the definition cancels what it waits for."""
    document = asking("run-timeout")
    document["timeout"] = "PT1S"
    del document["steps"][0]["config"]["timeout"]
    run_id, task_id = await asked(service.api, document)
    await until_status(service.api, run_id, "TIMED_OUT")
    await until_state(service.api, task_id, "CANCELED")


async def test_another_branch_won(service: Service) -> None:
    """The task of the losing branch leaves the inboxes while the run goes on."""
    document = asking("race")
    ask = document["steps"][0]
    del ask["config"]["assign"]
    other = {**ask, "id": "other", "config": {**ask["config"], "assignees": ["bob"]}}
    hour = {"mode": "duration", "duration": "PT1H"}
    steps = [
        {
            "id": "both",
            "type": "control.parallel",
            "join": "any",
            "branches": [{"id": "left", "steps": [ask]}, {"id": "right", "steps": [other]}],
        },
        {"id": "rest", "type": "time.wait", "config": hour},
    ]
    await published(service.api, {**document, "steps": steps})
    run_id = await begun(service.api, "race")

    async def both() -> dict[str, str] | None:
        waits = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
        return {wait["path"]: wait["waitId"] for wait in waits} if len(waits) == 2 else None

    opened = await eventually(both)
    left, right = opened["both/left/ask"], opened["both/right/other"]
    await until_state(service.api, right, "OPEN")
    await acted(service.api, left, "complete", by="ada", answer=YES)
    await until_state(service.api, right, "CANCELED")
    assert (await service.api.get(f"/runs/{run_id}")).json()["status"] in {"RUNNING", "WAITING"}
    await service.api.post(f"/runs/{run_id}/terminate", json={"reason": "done"})


async def test_an_answer_to_a_paused_run_is_kept(service: Service) -> None:
    """People need not know: it takes effect when the run is resumed."""
    run_id, task_id = await asked(service.api, asking("paused"))
    assert (await service.api.post(f"/runs/{run_id}/pause")).status_code == 202
    await until_status(service.api, run_id, "PAUSED")
    done = await acted(service.api, task_id, "complete", by="ada", answer=YES)
    assert done["state"] == "COMPLETED"
    assert (await service.api.get(f"/runs/{run_id}")).json()["status"] == "PAUSED"
    assert (await service.api.post(f"/runs/{run_id}/resume")).status_code == 202
    assert (await until_status(service.api, run_id, "SUCCEEDED"))["result"] == YES


async def test_what_ends_a_run_behind_our_back_ends_its_tasks(make: MakeWorld) -> None:
    """The reconciler finds that the execution was terminated."""
    made = await make(**BY_ROWS)
    run_id, task_id = await asked(made.api, asking("behind"))
    await made.handle(UUID(run_id)).terminate(reason="behind our back")
    await made.becomes(UUID(run_id), RunStatus.FAILED)
    assert (await detail(made.api, task_id))["state"] == "CANCELED"


async def test_tasks_and_waits_never_disagree(service: Service) -> None:
    """After all that was done in this module, and whatever is still open."""
    async with service.storage.database.connect() as connection:
        query = """
            SELECT t.state, w.status, count(*) FROM workflow_tasks t
            JOIN workflow_run_waits w ON w.tenant = t.tenant AND w.id = t.id
            GROUP BY 1, 2
        """
        pairs = {(row.state, row.status) for row in await connection.execute(text(query))}
    assert pairs <= {
        ("OPEN", "WAITING"),
        ("CLAIMED", "WAITING"),
        ("COMPLETED", "RESOLVED"),
        ("CANCELED", "RESOLVED"),
        ("CANCELED", "CANCELED"),
        ("EXPIRED", "TIMED_OUT"),
    }


async def told(storage: Storage, task_id: str) -> list[str]:
    """Types of the events that tell of a task."""
    async with storage.unit_of_work("default") as work:
        found = await work.events.list(EventFilter(source=SOURCE), after=None, limit=1000)
    return [each.type for each in reversed(found) if each.subject == task_id]


async def test_people_are_reminded_and_others_are_asked(service: Service) -> None:
    """All by itself: overdue, escalated, reminded again and again, and the end."""
    document = asking(
        "slow", dueIn="PT0.1S", remindEvery="PT0.2S", escalateTo=["bosses"], assignees=["ada"]
    )
    _, task_id = await asked(service.api, document)

    async def reminded() -> bool:
        return (await told(service.storage, task_id)).count("TASK_REMINDER") >= 2

    await eventually(reminded)
    seen = await detail(service.api, task_id)
    assert seen["overdueAt"] is not None
    assert seen["escalatedAt"] is not None
    assert (seen["candidateGroups"], seen["escalateTo"]) == (["bosses"], ["bosses"])
    assert task_id in await task_ids(service.api, group="bosses")
    await acted(service.api, task_id, "complete", by="eve", groups=["bosses"], answer=YES)

    async def ended() -> bool:
        return "TASK_COMPLETED" in await told(service.storage, task_id)

    await eventually(ended)
    types = await told(service.storage, task_id)
    assert types[0] == "TASK_OPENED"
    for once in ("TASK_OPENED", "TASK_OVERDUE", "TASK_ESCALATED", "TASK_COMPLETED"):
        assert types.count(once) == 1


async def test_a_definition_can_be_started_by_a_task(service: Service) -> None:
    """Notifications are definitions with triggers: who is asked what is in the event."""
    notify = {
        "id": "notify",
        "name": "Notify",
        "trigger": {
            "type": "event",
            "eventName": "TASK_OPENED",
            "filters": [{"path": "payload.taskType", "op": "=", "value": "notified"}],
            "payloadMapping": {
                "people": {"$expr": "event.payload.assignees"},
                "title": {"$expr": "event.payload.title"},
            },
        },
        "steps": [{"id": "end", "type": "control.return", "value": {"$expr": "payload"}}],
    }
    await published(service.api, notify)
    await asked(service.api, asking("telling", taskType="notified"))

    async def notified() -> list[dict[str, Any]]:
        runs = (await service.api.get("/runs", params={"definition": "notify"})).json()["items"]
        return [run for run in runs if run["status"] == "SUCCEEDED"]

    (run,) = await eventually(notified)
    assert run["result"] == {"people": ["ada"], "title": "Approve it"}


async def test_an_answer_of_a_process_that_died_is_delivered(
    database_url: str,
    storage: Storage,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> None:
    """What people did is committed; the run is told when a service is there again."""
    servers = (
        database_url,
        storage,
        temporal_client,
        temporal_server.address,
        temporal_telemetry,
    )
    async with world(*servers) as first:
        run_id, task_id = await asked(first.api, asking("away"))
        await first.becomes(UUID(run_id), RunStatus.WAITING)
    # It commits, and is killed before it can deliver anything.
    ada = Person(name="ada", via="key:gone")
    await TaskAnswers(storage).complete("default", UUID(task_id), ada, YES)
    async with world(*servers) as second:
        row = await second.becomes(UUID(run_id), RunStatus.SUCCEEDED)
        assert row.result == YES
        assert (await detail(second.api, task_id))["log"][-1]["by"] == "ada"

        async def ended() -> bool:
            return "TASK_COMPLETED" in await told(storage, task_id)

        await eventually(ended)
