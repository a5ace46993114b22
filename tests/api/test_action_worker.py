"""Actions of other services: advertised, called, refused, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import BaseModel
from sqlalchemy import text
from structlog.testing import capture_logs
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
)
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import DatabaseSettings, TemporalSettings, load
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.runs.blocked import Blocked
from alga_workflows_core.storage.ledger_schema import install_ledger
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import ADVERTISE_WORKFLOW, TASK_QUEUE, workflow_id
from alga_workflows_core.testing.databases import TestDatabases
from alga_workflows_core.types.states import RunStatus
from alga_workflows_core.worker.action_worker import ActionWorker
from tests.api.service import check_problem, published, ran, serving
from tests.services.command import PATIENCE, eventually

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

QUEUE = "billing"


class Order(BaseModel):
    """What is charged."""

    net: int


class Vat(BaseModel):
    """What it costs besides."""

    cents: int


def vat(
    rate: int = 20, *, request: type[BaseModel] = Order, action_id: str = "billing.vat"
) -> Action:
    """An action that reads a rate."""

    async def look(order: Any) -> Vat:
        """The tax of an order."""
        return Vat(cents=order.net * rate // 100)

    look.__annotations__["order"] = request
    return action(action_id, version=1, kind=ActionKind.READ)(look)


def calling(identity: str, action_id: str = "billing.vat", version: int = 1) -> dict[str, Any]:
    """A definition that answers what the action says, called in a loop."""
    call = {
        "id": "tax",
        "type": "action.call",
        "config": {
            "actionId": action_id,
            "version": version,
            "inputMapping": {"net": {"$expr": "payload.net"}},
            "saveAs": "vars.tax",
        },
    }
    each = {"id": "each", "type": "control.if", "condition": {"$expr": "true"}, "then": [call]}
    end = {"id": "end", "type": "control.return", "value": {"$expr": "vars.tax.cents"}}
    return {"id": identity, "name": identity, "steps": [each, end]}


async def listed(api: httpx.AsyncClient, action_id: str = "billing.vat") -> dict[str, Any] | None:
    """The action in the catalogue, as the API tells it."""
    items = (await api.get("/actions")).json()["items"]
    return next((item for item in items if item["id"] == action_id), None)


async def codes(api: httpx.AsyncClient, document: dict[str, Any]) -> list[str]:
    """What validation has against a document."""
    answer = await api.post("/validate", json=document)
    return [finding["code"] for finding in answer.json()["findings"]]


@pytest_asyncio.fixture
async def serve(
    database_url: str,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> Serve:
    """Starts a workflow-worker for a tenant, and gives a client of its API."""
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=temporal_client.namespace
    )

    @asynccontextmanager
    async def started(tenant: str = "default") -> AsyncGenerator[httpx.AsyncClient]:
        async with (
            serving(
                database_url,
                temporal,
                temporal_telemetry,
                open_tenant=tenant,
                WORKFLOW_BLOCKED_AFTER="0.5",
            ) as url,
            httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=40) as client,
        ):
            yield client

    return started


async def test_a_definition_calls_an_action_of_another_service(
    serve: Serve, temporal_client: Client
) -> None:
    """It is unknown until the service is there; then it is listed, checked, pinned and called."""
    async with serve() as api:
        assert await codes(api, calling("tax")) == ["ACTION_UNKNOWN"]
        async with ActionWorker(temporal_client, queue=QUEUE, actions=[vat()], build_id="b7"):
            found = await eventually(lambda: listed(api), "billing.vat is listed")
            assert (found["queue"], found["kind"], found["version"]) == (QUEUE, "read", 1)
            assert found["inputSchema"]["required"] == ["net"]
            assert found["description"] == "The tax of an order."
            assert found["seenAt"] < found["servedUntil"]
            assert "@" in found["servedBy"]
            assert await codes(api, calling("tax")) == []
            assert await codes(api, calling("tax", version=2)) == ["ACTION_VERSION_UNKNOWN"]
            near = await api.post("/validate", json=calling("tax", "biling.vat"))
            assert "'billing.vat'" in near.json()["findings"][0]["suggestion"]
            await published(api, calling("tax"))
            run = await ran(api, "tax", {"net": 1000})
            assert (run["status"], run["result"]) == ("SUCCEEDED", 200)
            seen = (await api.get(f"/runs/{run['runId']}")).json()
            assert seen["blockedOn"] == []
            assert await queues_of(temporal_client, UUID(run["runId"])) == {("1:each/tax", QUEUE)}


async def queues_of(client: Client, run: UUID) -> set[tuple[str, str]]:
    """Activity ids and queues that the history of a run names."""
    history = await client.get_workflow_handle(workflow_id(run)).fetch_history()
    return {
        (scheduled.activity_id, scheduled.task_queue.name)
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
        for scheduled in [event.activity_task_scheduled_event_attributes]
    }


async def test_the_engines_own_actions_have_nobody_who_tells_of_them(serve: Serve) -> None:
    """They are there on the authored queue, without a worker's name."""
    async with serve() as api:
        own = await listed(api, "text.slug")
    assert own is not None
    assert own["queue"] == "workflow-runtime-v2"
    assert (own["servedBy"], own["seenAt"], own["servedUntil"]) == (None, None, None)


async def test_an_advertised_action_is_simulated(serve: Serve, temporal_client: Client) -> None:
    """Its calls are checked against the catalogue, and the script answers them."""
    request = {
        "definition": calling("tax"),
        "payload": {"net": 1},
        "actions": [{"action": "billing.vat", "result": {"cents": 7}}],
    }
    async with serve() as api:
        check_problem(
            await api.post("/simulate", json=request), 422, "DEFINITION_INVALID", path="/definition"
        )
        async with ActionWorker(temporal_client, queue=QUEUE, actions=[vat()]):
            await eventually(lambda: listed(api), "billing.vat is listed")
            answer = await api.post("/simulate", json=request)
    assert answer.json()["result"] == 7


async def test_an_action_of_one_tenant_is_unknown_to_others(
    serve: Serve, temporal_client: Client
) -> None:
    """In the list, in validation and in publishing."""
    worker = ActionWorker(temporal_client, queue=QUEUE, actions=[vat()], tenant="acme")
    async with serve("acme") as acme, serve("globex") as globex, worker:
        assert (await eventually(lambda: listed(acme), "acme sees it"))["queue"] == QUEUE
        assert await listed(globex) is None
        assert await codes(acme, calling("tax")) == []
        assert await codes(globex, calling("tax")) == ["ACTION_UNKNOWN"]


async def test_a_contract_that_breaks_callers_is_refused_while_the_other_is_served(
    serve: Serve, temporal_client: Client
) -> None:
    """The service is told which queues are at odds and serves what was accepted; once nobody has
    advertised the other for a while, the queue may change."""
    other = [vat(10), vat(50, action_id="billing.duty"), vat(1, action_id="text.slug")]
    first = ActionWorker(temporal_client, queue=QUEUE, actions=[vat()], advertise_every=1)
    second = ActionWorker(temporal_client, queue="other", actions=other, advertise_every=0.2)

    async def refused() -> dict[str, str] | None:
        told = {line["code"]: line["event"] for line in logs if line["action"] == "action.refused"}
        return told if len(told) == 2 else None

    async with serve() as api:
        async with first:
            await eventually(lambda: listed(api), "the first is listed")
            with capture_logs() as logs:
                async with second:
                    told = await eventually(refused, "the second service logs what was refused")
            assert "on queue 'billing'; this is queue 'other'" in told["ACTION_CHANGED"]
            assert told["ACTION_TAKEN"].startswith("text.slug 1 was refused")
            async with second:
                assert (await listed(api) or {})["queue"] == QUEUE
                await published(api, calling("duty", "billing.duty"))
                assert (await ran(api, "duty", {"net": 10}))["result"] == 5
        async with second:

            async def moved() -> bool:
                return (await listed(api) or {})["queue"] == "other"

            await eventually(moved, "the lease of the first has ended")
            await published(api, calling("tax"))
            assert (await ran(api, "tax", {"net": 100}))["result"] == 10


async def advertise(client: Client, told: Any) -> Any:
    """What the workflow answers to whatever is advertised."""
    return await client.execute_workflow(
        ADVERTISE_WORKFLOW, told, id=f"test-{uuid4()}", task_queue=TASK_QUEUE
    )


async def test_what_is_wrong_with_an_advertisement_is_its_answer(
    serve: Serve, temporal_client: Client
) -> None:
    """One that cannot be read fails at once; of one that can, what is wrong is refused alone."""
    good = vat().spec.model_copy(update={"queue": QUEUE}).model_dump(mode="json", by_alias=True)
    wrong: dict[str, dict[str, Any]] = {
        "unknown field": {**good, "lane": "fast"},
        "another queue": {**good, "queue": "other"},
        "pure": {**good, "kind": "pure"},
        "id": {**good, "id": "Billing vat"},
        "version": {**good, "version": 0},
        "schema": {**good, "inputSchema": {"type": "whole"}},
        "description": {**good, "description": "a\x00b"},
        "number": {**good, "inputSchema": {"const": 2**60}},
    }
    told = {"queue": QUEUE, "servedBy": "me", "buildId": "b", "lease": 60}
    async with serve() as api:
        junks: list[Any] = [None, [], {**told}, {**told, "actions": [], "tenant": "*"}]
        for junk in junks:
            with pytest.raises(WorkflowFailureError) as caught:
                await advertise(temporal_client, junk)
            assert isinstance(caught.value.cause, ActivityError)
            assert isinstance(caught.value.cause.cause, ApplicationError)
            assert caught.value.cause.cause.type == "ADVERTISEMENT_INVALID"
        for contract in wrong.values():
            answer = await advertise(temporal_client, {**told, "actions": [contract]})
            assert answer["accepted"] == 0
            assert answer["refused"][0]["code"] == "ACTION_INVALID", answer
        assert await listed(api) is None
        both = await advertise(temporal_client, {**told, "actions": [wrong["pure"], good]})
        assert (both["accepted"], len(both["refused"])) == (1, 1)
        assert (await listed(api) or {})["servedBy"] == "me"
        engine = {**told, "queue": TASK_QUEUE, "actions": [{**good, "queue": TASK_QUEUE}]}
        assert (await advertise(temporal_client, engine))["accepted"] == 0


async def test_what_is_advertised_waits_for_a_worker_of_the_engine(
    serve: Serve, temporal_client: Client
) -> None:
    """A service that came and went while none was there is in the catalogue afterwards."""
    async with ActionWorker(temporal_client, queue=QUEUE, actions=[vat()]):

        async def told() -> bool:
            return [run async for run in temporal_client.list_workflows()] != []

        await eventually(told, "the advertisement waits in Temporal")
    async with serve() as api:
        await eventually(lambda: listed(api), "billing.vat is listed")


async def test_a_worker_that_stops_lets_its_actions_finish(
    serve: Serve, temporal_client: Client
) -> None:
    """It takes no more calls, and the one that it has is answered in its first attempt."""
    begun, stop = asyncio.Event(), asyncio.Event()
    attempts: list[int] = []

    @action("billing.slow", version=1, kind=ActionKind.READ)
    async def slow(order: Order, invocation: Invocation) -> Vat:
        attempts.append(invocation.attempt)
        begun.set()
        await activity.wait_for_worker_shutdown()
        return Vat(cents=order.net)

    worker = ActionWorker(temporal_client, queue=QUEUE, actions=[slow])
    async with serve() as api:
        serving_it = asyncio.create_task(worker.run(stop))
        await eventually(lambda: listed(api, "billing.slow"), "billing.slow is listed")
        await published(api, calling("slow", "billing.slow"))
        running = asyncio.create_task(ran(api, "slow", {"net": 3}))
        await asyncio.wait_for(begun.wait(), PATIENCE)
        stop.set()
        await asyncio.wait_for(serving_it, PATIENCE)
        assert (await running)["result"] == 3
    assert attempts == [1]


async def test_a_run_tells_which_queue_nobody_serves(serve: Serve, temporal_client: Client) -> None:
    """With step and time, until the service is back and the run goes on."""
    worker = ActionWorker(temporal_client, queue=QUEUE, actions=[vat()])
    async with serve() as api:
        async with worker:
            await eventually(lambda: listed(api), "billing.vat is listed")
            await published(api, calling("tax"))
        started = await api.post("/definitions/tax/runs", json={"payload": {"net": 500}})
        run = f"/runs/{started.json()['runId']}"

        async def blocked() -> list[Any]:
            return (await api.get(run)).json()["blockedOn"]

        (entry,) = await eventually(blocked, "the run is blocked")
        assert (entry["kind"], entry["queue"], entry["step"]) == ("queue", QUEUE, "each/tax")
        since = datetime.fromisoformat(entry["since"])
        assert 0.5 <= (datetime.now(UTC) - since).total_seconds() < PATIENCE
        assert datetime.fromisoformat(entry["until"]) > since
        assert datetime.fromisoformat(entry["lastPolledAt"]) < since
        async with worker:

            async def ended() -> dict[str, Any] | None:
                now = (await api.get(run)).json()
                return now if now["status"] == "SUCCEEDED" else None

            now = await eventually(ended, "the run goes on")
            assert (now["result"], now["blockedOn"]) == (100, [])


@action("billing.book", version=1, kind=ActionKind.TRANSACTIONAL)
async def book(order: Order, invocation: Invocation) -> Vat:
    """Write an order into the service's own table."""
    statement = text("INSERT INTO booked (net, tenant) VALUES (:net, :tenant)")
    given = {"net": order.net, "tenant": invocation.tenant}
    await invocation.transaction.execute(statement, given)
    return Vat(cents=order.net)


@action("billing.remind", version=1, kind=ActionKind.UNSAFE)
async def remind(order: Order) -> Vat:
    """Something that must not happen twice."""
    return Vat(cents=order.net)


async def test_actions_that_change_something_have_their_ledger_where_they_write(
    serve: Serve, temporal_client: Client, databases: TestDatabases
) -> None:
    """In the service's own database, which has the ledger and nothing else of ours."""
    async with databases.empty() as url, serve() as api:
        settings = load(DatabaseSettings, {"DATABASE_URL": url})
        own = Database(settings)
        async with own.engine.begin() as connection:
            await install_ledger(connection)
            await connection.execute(text("CREATE TABLE booked (net integer, tenant text)"))
        worker = ActionWorker(
            temporal_client, queue=QUEUE, actions=[book, remind], database=settings
        )
        async with worker:
            await eventually(lambda: listed(api, "billing.book"), "billing.book is listed")
            for name in ("book", "remind"):
                await published(api, calling(name, f"billing.{name}"))
                assert (await ran(api, name, {"net": 7}))["result"] == 7
        async with own.connect() as connection:
            booked = (await connection.execute(text("SELECT net, tenant FROM booked"))).all()
            entries = await connection.execute(
                text("SELECT action_id, state FROM alga_action_ledger ORDER BY action_id")
            )
            assert booked == [(7, "default")]
            assert entries.all() == [("billing.book", "SUCCEEDED"), ("billing.remind", "SUCCEEDED")]
        await own.close()


async def test_a_run_is_shown_while_temporal_is_away(
    serve: Serve, storage: Storage, temporal_telemetry: TemporalTelemetry, tmp_path: Path
) -> None:
    """What it is blocked on is not known then, and nothing fails."""
    async with serve() as api:
        end = {"id": "end", "type": "control.return", "value": 1}
        await published(api, {"id": "end", "name": "End", "steps": [end]})
        run = await ran(api, "end")
    async with storage.unit_of_work("default") as work:
        row = await work.runs.get(UUID(run["runId"]))
    assert row is not None
    going = await TemporalServer.start(
        await temporal_cli.find(print), TemporalServerOptions(), log_file=tmp_path / "temporal.log"
    )
    client = await connect(
        TemporalSettings(address=going.address), runtime=temporal_telemetry.runtime
    )
    await going.stop()
    blocked = Blocked(client, after=0)
    with capture_logs() as logs:
        assert await blocked.on_temporal(replace(row, status=RunStatus.RUNNING)) == []
    assert [line["action"] for line in logs] == ["run.blocked_unknown"]
