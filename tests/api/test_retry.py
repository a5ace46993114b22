"""A run that has failed is retried: it goes on at the step that failed, with the same id."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from alga_workflows_core.storage.checkpoints import CheckpointRow
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import RUN_WORKFLOW, workflow_id
from alga_workflows_core.types.states import RunStatus
from tests.api.calling import ANSWER, call, children, definition, give, publish, rest, start, until
from tests.api.reconciled import NEVER, MakeWorld, eventually
from tests.api.service import Service, check_problem


class Shop:
    """A server that answers 404 for what is closed, and counts the answers with 200 by path."""

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.sold: Counter[str] = Counter()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request for each connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        status = "404 Not Found" if path in self.closed else "200 OK"
        if path not in self.closed:
            self.sold[path] += 1
        answer = f"HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    def buy(self, name: str, step: str | None = None, **members: Any) -> dict[str, Any]:
        """A step that buys something, which takes effect once for each call."""
        mapping: dict[str, Any] = {"method": "PUT", "url": f"{self.url}{name}"}
        config = {"actionId": "http.request", "version": 1, "inputMapping": mapping, **members}
        return {"id": step or name, "type": "action.call", "config": config}


@pytest_asyncio.fixture
async def shop() -> AsyncGenerator[Shop]:
    """A shop where `bad` is closed."""
    made = Shop()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    made.closed.add("/bad")
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


def named() -> str:
    return f"retried-{uuid4().hex[:8]}"


async def failed(service: Service, *steps: dict[str, Any], **members: Any) -> str:
    """A run of these steps that has failed."""
    name = named()
    await publish(service.api, definition(name, *steps, **members))
    run_id = await start(service.api, name)
    run = await until(service.api, run_id)
    assert run["status"] in {"FAILED", "TIMED_OUT"}, run
    return run_id


async def retry(service: Service, run_id: str, **body: Any) -> dict[str, Any]:
    """The run as it has ended after a retry."""
    answer = await service.api.post(f"/runs/{run_id}/retry", json=body)
    assert answer.status_code == 202, answer.text
    return await until(service.api, run_id)


async def steps_of(service: Service, run_id: str) -> dict[str, str]:
    items = (await service.api.get(f"/runs/{run_id}/steps")).json()["items"]
    return {item["path"]: item["status"] for item in items}


async def checkpoint_of(service: Service, run_id: str) -> CheckpointRow | None:
    async with service.storage.unit_of_work("default") as work:
        return await work.checkpoints.get(UUID(run_id))


async def test_a_run_goes_on_at_the_step_that_failed(service: Service, shop: Shop) -> None:
    """What is before it is not done again; the row is that of a run that has just ended well."""
    run_id = await failed(service, shop.buy("a"), shop.buy("bad"), shop.buy("b"), give(1))
    assert await checkpoint_of(service, run_id) is not None
    shop.closed.clear()
    run = await retry(service, run_id, reason="the shop is open again")
    assert (run["status"], run["result"], run["error"], run["epoch"]) == ("SUCCEEDED", 1, None, 1)
    assert shop.sold == {"/a": 1, "/bad": 1, "/b": 1}
    assert await steps_of(service, run_id) == dict.fromkeys(["a", "bad", "b", "end"], "SUCCEEDED")
    assert await checkpoint_of(service, run_id) is None


async def test_a_run_is_retried_twice(service: Service, shop: Shop) -> None:
    """And again only in the epoch that was looked at, if that is said."""
    run_id = await failed(service, shop.buy("a"), shop.buy("bad"))
    assert (await retry(service, run_id))["status"] == "FAILED"
    problem = await service.api.post(f"/runs/{run_id}/retry", json={"epoch": 0})
    check_problem(problem, 409, "EPOCH_CHANGED")
    shop.closed.clear()
    run = await retry(service, run_id, epoch=1)
    assert (run["status"], run["epoch"]) == ("SUCCEEDED", 2)
    assert shop.sold == {"/a": 1, "/bad": 1}
    check_problem(await service.api.post(f"/runs/{run_id}/retry"), 409, "RUN_NOT_FAILED")


async def test_loops_and_branches_go_on(service: Service, shop: Shop) -> None:
    """Items that are done stay done, branches that were cancelled go on, also in a new execution of
    a loop with several items at a time."""
    loop: dict[str, Any] = {
        "id": "each",
        "type": "control.forEach",
        "items": ["x", "bad", "y"],
        "itemVar": "name",
        "concurrency": 2,
        "body": [shop.buy("", "buy")],
    }
    loop["body"][0]["config"]["inputMapping"]["url"] = {"$expr": f"'{shop.url}' & item"}
    lanes = [
        {"id": "one", "steps": [shop.buy("one", "first"), loop]},
        {"id": "two", "steps": [rest("PT2S"), shop.buy("two", "second")]},
    ]
    run_id = await failed(
        service, {"id": "all", "type": "control.parallel", "branches": lanes}, give("done")
    )
    shop.closed.clear()
    run = await retry(service, run_id)
    assert (run["status"], run["result"]) == ("SUCCEEDED", "done")
    assert {path: shop.sold[path] for path in ("/one", "/two", "/bad", "/y")} == dict.fromkeys(
        ("/one", "/two", "/bad", "/y"), 1
    )
    statuses = await steps_of(service, run_id)
    assert set(statuses.values()) == {"SUCCEEDED"}


async def test_a_saga_is_done_anew(service: Service, shop: Shop) -> None:
    """All calls that were undone are made again, and the ledger does not answer with what was
    undone."""
    undo: dict[str, Any] = {"actionId": "http.request", "version": 1}
    undo["inputMapping"] = {"method": "DELETE", "url": f"{shop.url}undo"}
    saga = {
        "id": "saga",
        "type": "control.saga",
        "steps": [shop.buy("a", compensate=undo), shop.buy("bad")],
    }
    cleaned = {
        "id": "clean",
        "type": "control.tryCatch",
        "try": [saga],
        "finally": [shop.buy("tidy")],
    }
    run_id = await failed(service, shop.buy("before"), cleaned)
    assert shop.sold == {"/before": 1, "/a": 1, "/undo": 1, "/tidy": 1}
    shop.closed.clear()
    assert (await retry(service, run_id))["status"] == "SUCCEEDED"
    assert shop.sold == {"/before": 1, "/a": 2, "/undo": 1, "/bad": 1, "/tidy": 2}


async def test_a_called_run_that_failed_is_called_anew(service: Service, shop: Shop) -> None:
    """As another run, for the first one has told its end."""
    inner = named()
    await publish(service.api, definition(inner, shop.buy("bad"), give("fine")))
    run_id = await failed(service, call(inner), give(ANSWER))
    shop.closed.clear()
    run = await retry(service, run_id)
    assert (run["status"], run["result"]) == ("SUCCEEDED", "fine")
    statuses = [child["status"] for child in await children(service.api, run_id, at_least=2)]
    assert statuses == ["FAILED", "SUCCEEDED"]


async def test_a_wait_that_timed_out_waits_anew(service: Service) -> None:
    """As another wait; the run's own time is counted anew too."""
    name = named().upper().replace("-", "_")
    wait = {
        "id": "wait",
        "type": "event.wait",
        "config": {"eventName": name, "timeout": "PT1S"},
    }
    run_id = await failed(service, wait, give("paid"))
    answer = await service.api.post(f"/runs/{run_id}/retry")
    assert answer.status_code == 202
    await until(service.api, run_id, {"WAITING"})
    waits = (await service.api.get(f"/runs/{run_id}/waits")).json()["items"]
    assert [each["status"] for each in waits] == ["TIMED_OUT", "WAITING"]
    answer = await service.api.post(
        f"/waits/{waits[1]['waitId']}/resolve", json={"value": {"n": 1}}
    )
    assert answer.is_success, answer.text
    assert (await until(service.api, run_id))["status"] == "SUCCEEDED"


async def test_a_newer_version_mends_the_step(service: Service, shop: Shop) -> None:
    """One that does not have it is refused, with what it lacks."""
    name = named()
    await publish(service.api, definition(name, shop.buy("a"), shop.buy("bad"), give(1)))
    run_id = await start(service.api, name)
    assert (await until(service.api, run_id))["status"] == "FAILED"
    await publish(service.api, definition(name, shop.buy("a"), shop.buy("other"), give(2)))
    await publish(service.api, definition(name, shop.buy("new"), shop.buy("good", "bad"), give(3)))
    answer = await service.api.post(f"/runs/{run_id}/retry", json={"version": 2})
    assert check_problem(answer, 409, "VERSION_UNFIT")["steps"] == ["bad"]
    answer = await service.api.post(f"/runs/{run_id}/retry", json={"version": 9})
    assert answer.status_code == 404
    run = await retry(service, run_id, version=3)
    assert (run["status"], run["result"], run["version"]) == ("SUCCEEDED", 3, 3)
    assert shop.sold == {"/a": 1, "/good": 1}


async def test_a_run_without_a_checkpoint_is_not_retried(service: Service) -> None:
    """Somebody has ended it at once: nobody knows where it stood."""
    name = named()
    await publish(service.api, definition(name, rest()))
    run_id = await start(service.api, name)
    await until(service.api, run_id, {"WAITING"})
    check_problem(await service.api.post(f"/runs/{run_id}/retry"), 409, "RUN_NOT_FAILED")
    await service.api.post(f"/runs/{run_id}/terminate", json={"reason": "enough"})
    check_problem(await service.api.post(f"/runs/{run_id}/retry"), 409, "CHECKPOINT_MISSING")
    check_problem(await service.api.post(f"/runs/{uuid4()}/retry"), 404, "NOT_FOUND")


async def test_a_retry_waits_for_a_slot(service: Service, shop: Shop) -> None:
    """Like any new run of its definition."""
    wait = {"id": "hold", "type": "control.if", "condition": {"$expr": "payload.hold"}}
    name = named()
    limit = {"key": "all", "limit": 1}
    steps = ({**wait, "then": [rest()]}, shop.buy("bad"))
    await publish(service.api, definition(name, *steps, concurrency=limit))
    run_id = await start(service.api, name)
    assert (await until(service.api, run_id))["status"] == "FAILED"
    holder = await start(service.api, name, {"hold": True})
    await until(service.api, holder, {"WAITING"})
    shop.closed.clear()
    answer = await service.api.post(f"/runs/{run_id}/retry")
    assert answer.status_code == 202
    queued = (await service.api.get(f"/runs/{run_id}")).json()
    assert (queued["status"], queued["startedAt"]) == ("QUEUED", None)
    assert [each["kind"] for each in queued["blockedOn"]] == ["slot"]
    await service.api.post(f"/runs/{holder}/terminate", json={"reason": "room"})
    assert (await until(service.api, run_id))["status"] == "SUCCEEDED"


async def test_a_run_whose_time_was_over_gets_it_again(service: Service) -> None:
    """It goes on with what was under way then."""
    late = rest()
    late["config"]["duration"] = {"$expr": "'PT3S'"}
    run_id = await failed(service, late, give("late"), timeout="PT2S")
    run = await retry(service, run_id)
    assert (run["status"], run["result"]) == ("SUCCEEDED", "late")


async def test_a_retry_whose_starter_was_killed_is_started(service: Service, shop: Shop) -> None:
    """From the same checkpoint: what the row says is all that a starter needs."""
    run_id = await failed(service, shop.buy("a"), shop.buy("bad"))
    shop.closed.clear()
    async with service.storage.unit_of_work("default") as work:
        run = await work.runs.get(UUID(run_id))
        assert run is not None
        assert await work.open_runs.reopen(run, run.version)
    await service.execute(
        "UPDATE workflow_runs SET status = 'STARTING', start_attempts = 1,"
        " start_due_at = clock_timestamp() + interval '0.3 s' WHERE id = :id",
        id=UUID(run_id),
    )
    assert (await until(service.api, run_id))["status"] == "SUCCEEDED"
    assert shop.sold == {"/a": 1, "/bad": 1}


async def test_a_retry_waits_for_the_end_of_the_former_execution(
    make: MakeWorld, shop: Shop
) -> None:
    """Its last rows are there a moment before Temporal has its end. No reconciler has to help."""
    service = await make(WORKFLOW_RECONCILE_AFTER=NEVER, WORKFLOW_SWEEP_INTERVAL=NEVER)
    await publish(service.api, definition("slow", shop.buy("bad"), give(1)))
    run_id = await service.start("slow")
    await service.becomes(run_id, RunStatus.FAILED)
    await service.closed(run_id)
    executions = Executions(service.client)
    newest = await executions.newest(run_id)
    assert newest is not None
    former = await service.client.start_workflow(
        RUN_WORKFLOW,
        await executions.start_input(newest),
        id=workflow_id(run_id),
        task_queue="nowhere",
    )
    shop.closed.clear()
    assert (await service.api.post(f"/runs/{run_id}/retry")).status_code == 202

    async def tried() -> bool:
        return (await service.existing(run_id)).start_attempts > 1

    await eventually(tried)
    assert shop.sold == {}
    await former.terminate()
    assert (await service.becomes(run_id, RunStatus.SUCCEEDED)).epoch == 1
    assert shop.sold == {"/bad": 1}
