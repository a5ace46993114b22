"""A service whose runs have many executions, with nobody who mends rows; and its rebuilder."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text
from temporalio.client import Client

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.runs.launch import Launcher
from alga_workflows_core.runs.rebuild import Rebuilder
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import RUN_WORKFLOW, workflow_id
from alga_workflows_core.temporal.replayed_facts import HistoryReplayer
from alga_workflows_core.temporal.wire import RunInput
from tests.api.calling import until
from tests.durable.workflows import CutRunWorkflow
from workflow_worker.routing import wait_desk

TENANT = "default"
NOBODY = {"WORKFLOW_RECONCILE_AFTER": "3600", "WORKFLOW_SWEEP_INTERVAL": "3600"}
# What decides, and what a rebuild therefore never writes.
DECIDING = (
    "alga_action_ledger",
    "alga_data",
    "alga_run_slots",
    "alga_wait_matches",
    "workflow_event_deliveries",
    "workflow_events",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilding:
    """A running service and what its rows are held against."""

    api: httpx.AsyncClient
    client: Client
    storage: Storage
    database_url: str
    histories: HistoryReplayer
    rebuilder: Rebuilder
    of_another_release: Rebuilder

    async def start(self, identity: str, payload: Any = None) -> UUID:
        """A run of a published definition."""
        started = await self.api.post(f"/definitions/{identity}/runs", json={"payload": payload})
        assert started.status_code == 201, started.text
        return UUID(started.json()["runId"])

    async def execution(
        self, run_id: UUID, document: dict[str, Any], *, engine: int = ENGINE
    ) -> None:
        """An execution that nobody works on, of a run that has no row."""
        start = RunInput(
            run_id=run_id,
            tenant_id=TENANT,
            workflow_id=document["id"],
            workflow_version=1,
            trigger_type="api",
            execution_key=str(run_id),
            engine=engine,
            expression_engine="none",
            definition=document,
            actions=[],
        )
        await self.client.start_workflow(
            RUN_WORKFLOW, start, id=workflow_id(run_id), task_queue="nobody works here"
        )

    async def tell(self, name: str, key: str) -> None:
        """An event."""
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "tests",
            "type": name,
            "correlationkey": key,
            "data": {},
        }
        told = await self.api.post("/events", json=event)
        assert told.status_code == 202, told.text

    async def becomes(self, run_id: UUID, *statuses: str) -> dict[str, Any]:
        """The run as the API shows it, once it is in one of these states."""

        return await until(self.api, str(run_id), statuses)

    async def execute(self, *statements: str, **parameters: Any) -> None:
        """Change rows as nobody may: as a superuser, past all triggers."""
        async with self.storage.database.engine.begin() as connection:
            await connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                await connection.execute(text(statement), parameters)

    async def rows(self, run_id: UUID) -> dict[str, list[dict[str, Any]]]:
        """All that the rows of a run say, but for what nobody can know again."""
        found: dict[str, list[dict[str, Any]]] = {}
        async with self.storage.database.connect() as connection:
            for table, column in (
                ("workflow_runs", "id"),
                ("workflow_run_steps", "run_id"),
                ("workflow_run_waits", "run_id"),
            ):
                rows = await connection.execute(
                    text(f"SELECT * FROM {table} WHERE {column} = :run"),  # noqa: S608
                    {"run": run_id},
                )
                found[table] = sorted((dict(row) for row in rows.mappings()), key=str)
        return found

    async def deciding(self) -> dict[str, list[str]]:
        """All rows that decide something."""
        found: dict[str, list[str]] = {}
        async with self.storage.database.connect() as connection:
            for table in DECIDING:
                rows = await connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
                found[table] = sorted(str(row) for row in rows)
        return found


@asynccontextmanager
async def rebuilding(
    api: httpx.AsyncClient, client: Client, storage: Storage, database_url: str
) -> AsyncGenerator[Rebuilding]:
    """Over a service that is there."""
    executions = Executions(client)
    async with httpx.AsyncClient() as http:
        registry = Registry(builtin_actions(http, storage))
        histories = HistoryReplayer(client, registry, workflow=CutRunWorkflow)

        def rebuilder(histories: HistoryReplayer) -> Rebuilder:
            return Rebuilder(
                storage=storage,
                executions=executions,
                histories=histories,
                waits=wait_desk(storage, Launcher(storage)),
            )

        yield Rebuilding(
            api=api,
            client=client,
            storage=storage,
            database_url=database_url,
            histories=histories,
            rebuilder=rebuilder(histories),
            of_another_release=rebuilder(HistoryReplayer(client, registry)),
        )


def waiting(identity: str, **members: Any) -> dict[str, Any]:
    """A definition that waits for an event `REBUILT` with the key of its payload."""
    wait = {
        "id": "wait",
        "type": "event.wait",
        "config": {"eventName": "REBUILT", "correlationKey": {"$expr": "payload.key"}},
    }
    return {
        "id": identity,
        "name": identity,
        "timeout": "PT1H",
        "steps": [wait, {"id": "end", "type": "control.return", "value": "told"}],
        **members,
    }


def asking(identity: str) -> dict[str, Any]:
    """A definition that asks the `url` of its payload."""
    given = {"method": "GET", "url": {"$expr": "payload.url"}}
    config = {"actionId": "http.request", "version": 1, "inputMapping": given}
    return {
        "id": identity,
        "name": identity,
        "steps": [{"id": "ask", "type": "action.call", "config": config}],
    }


def everything(identity: str, child: str) -> dict[str, Any]:
    """A definition with loops, a parallel, waits, a child, a saga that is undone, and a label."""

    def count(step: str, key: str, **config: Any) -> dict[str, Any]:
        return {
            "id": step,
            "type": "action.call",
            "config": {**_increment(key), "saveAs": "vars.n", **config},
        }

    wait, end = waiting("x")["steps"]
    pause = {
        "id": "pause",
        "type": "time.wait",
        "config": {"mode": "duration", "durationMs": 150},
    }
    return {
        "id": identity,
        "name": identity,
        "timeout": "PT1H",
        "steps": [
            {"id": "label", "type": "state.set", "config": {"state": "counting"}},
            {
                "id": "each",
                "type": "control.forEach",
                "items": [1, 2, 3, 4],
                "itemVar": "item",
                "body": [
                    count("add", "each"),
                    {
                        "id": "keep",
                        "type": "transform.assign",
                        "config": {"assign": {"vars.sum": {"$expr": "item + 1"}}},
                    },
                ],
            },
            {
                "id": "both",
                "type": "control.parallel",
                "join": "all",
                "branches": [
                    {
                        "id": "rest",
                        "steps": [pause],
                    },
                    {"id": "event", "steps": [wait]},
                ],
            },
            {"id": "call", "type": "control.callWorkflow", "workflowId": child, "saveAs": "vars.c"},
            {
                "id": "guard",
                "type": "control.tryCatch",
                "try": [
                    {
                        "id": "trip",
                        "type": "control.saga",
                        "steps": [
                            count("book", "book", compensate=_increment("undo")),
                            {"id": "fail", "type": "control.throw", "code": "NO", "message": "No."},
                        ],
                    }
                ],
                "catch": [{"id": "over", "type": "state.set", "config": {"state": "undone"}}],
            },
            {**end, "value": {"$expr": "{'sum': vars.sum, 'child': vars.c}"}},
        ],
    }


def _increment(key: str) -> dict[str, Any]:
    given = {"namespace": "tests", "key": key}
    return {"actionId": "data.increment", "version": 1, "inputMapping": given}
