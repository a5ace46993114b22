"""What a run is told while its last rows are being written."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx
from sqlalchemy import text
from temporalio.client import Client

from alga_workflows_core.infra.devstack.temporal_server import TemporalServer
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import EVENT_SIGNAL, workflow_id
from alga_workflows_core.types.json import JsonObject
from tests.api.calling import until
from tests.api.rebuilding import waiting
from tests.api.service import serving
from tests.services.command import eventually
from workflow_worker.base import Mode

TASK = timedelta(seconds=1.5)


async def test_an_event_that_comes_with_the_last_rows_does_not_undo_the_end(
    database_url: str,
    storage: Storage,
    temporal_client: Client,
    temporal_server: TemporalServer,
    temporal_telemetry: TemporalTelemetry,
) -> None:
    """The database keeps a run from writing its end for longer than a workflow task. The event is
    in the inbox then, and the run has ended with its result, in its row and on Temporal."""
    temporal = TemporalSettings(
        address=temporal_server.address, namespace=temporal_client.namespace
    )
    mode = Mode(open_tenant="default", task_timeout=TASK)
    async with (
        serving(database_url, temporal, temporal_telemetry, mode=mode) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=30) as api,
    ):
        document = waiting("ending")
        await api.put("/definitions/ending/draft", json=document)
        await api.post("/definitions/ending/publish")
        started = await api.post("/definitions/ending/runs", json={"payload": {"key": "k"}})
        run = UUID(started.json()["runId"])
        await until(api, str(run), ["WAITING"])
        handle = temporal_client.get_workflow_handle(workflow_id(run))

        async def completed() -> int:
            history = await handle.fetch_history()
            done = [e for e in history.events if e.HasField(COMPLETED)]
            return len(done)

        async with storage.database.engine.begin() as connection:
            await connection.execute(
                text("SELECT FROM workflow_runs WHERE id = :run FOR UPDATE"), {"run": run}
            )
            [wait] = (await api.get(f"/runs/{run}/waits")).json()["items"]
            resolution: JsonObject = {"match": 0, "event": {"payload": {}}}
            before = await completed()
            await handle.signal(EVENT_SIGNAL, {"waitId": wait["waitId"], "resolution": resolution})

            async def goes_on() -> bool:
                return await completed() > before

            await eventually(goes_on, "a workflow task ends while rows are written")
            await handle.signal(EVENT_SIGNAL, {"eventName": "LATE", "payload": {"a": 1}})
            seen = await completed()

            async def has_seen() -> bool:
                return await completed() > seen

            await eventually(has_seen, "the run has seen the event")
        async with asyncio.timeout(20):
            assert await handle.result() == "told"
        row = await until(api, str(run))
        assert (row["status"], row["result"]) == ("SUCCEEDED", "told")
        assert [e["type"] for e in (await api.get("/events")).json()["items"]] == ["LATE"]


COMPLETED = "workflow_task_completed_event_attributes"
