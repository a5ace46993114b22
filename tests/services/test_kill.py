"""What a killed worker leaves behind is finished by the next one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import psycopg
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import UpdateActivityOptionsRequest
from temporalio.client import Client

from alga_workflows_core.temporal.names import workflow_id
from tests.services.command import client, eventually, running
from tests.services.definitions import CALL_STEPS, closed_run, publish_call, start_call, steps_of
from tests.services.gate import ANSWER, Gate
from tests.services.servers import Servers


async def status_of(api: httpx.AsyncClient, run_id: str) -> str:
    return (await api.get(f"/api/v1/runs/{run_id}")).json()["status"]


async def end_lease(servers: Servers, run_id: str) -> None:
    """As if the time had passed in which the worker that claimed the start should have started."""
    async with await psycopg.AsyncConnection.connect(servers.database_url) as connection:
        updated = await connection.execute(
            "UPDATE workflow_runs SET start_due_at = clock_timestamp()"
            " WHERE id = %s AND status = 'STARTING' AND start_due_at > clock_timestamp()",
            [run_id],
        )
        assert updated.rowcount == 1


async def end_patience(temporal: Client, run_id: str) -> None:
    """As if the time had passed in which the worker that has the action should have answered."""
    execution = workflow_id(UUID(run_id))

    async def look() -> Any:
        described = await temporal.get_workflow_handle(execution).describe()
        return described.raw_description.pending_activities

    (pending,) = await eventually(look, "the action is pending")
    await temporal.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=temporal.namespace,
            execution=WorkflowExecution(workflow_id=execution),
            id=pending.activity_id,
            activity_options=ActivityOptions(start_to_close_timeout=Duration(seconds=1)),
            update_mask=FieldMask(paths=["start_to_close_timeout"]),
        )
    )


async def test_killed_between_the_commit_of_runs_and_their_start(
    servers: Servers, servers_environ: dict[str, str], servers_key: str, gate: Gate
) -> None:
    """Runs that nobody had claimed, and one that the killed worker had, are each started once."""
    gate.open.set()
    async with running(environ=servers_environ) as first:
        async with client(await first.url(), servers_key) as api:
            await publish_call(api)
            await servers.stop_temporal()
            claimed = await start_call(api, gate.url)

            async def is_claimed() -> bool:
                return await status_of(api, claimed) == "STARTING"

            await eventually(is_claimed, "the start is claimed")
            # Its start hangs, and the next one waits for it.
            queued = await start_call(api, gate.url)
            assert await status_of(api, queued) == "QUEUED"
        first.kill()
        await first.ended()
    await servers.start_temporal()
    await end_lease(servers, claimed)
    async with (
        running(environ=servers_environ) as second,
        client(await second.url(), servers_key) as api,
    ):
        for run_id in (queued, claimed):
            assert (await closed_run(api, run_id))["status"] == "SUCCEEDED"
            assert await steps_of(api, run_id) == CALL_STEPS
    assert gate.requests == 2


async def test_killed_in_the_middle_of_an_action(
    environ: dict[str, str], key: str, temporal_client: Client, gate: Gate
) -> None:
    """The next worker repeats the action that was lost, and walks on from there to the end."""
    async with running(environ=environ) as first:
        async with client(await first.url(), key) as api:
            await publish_call(api)
            run_id = await start_call(api, gate.url)
            await eventually(gate.was_asked, "the action runs")
        first.kill()
        await first.ended()
    gate.open.set()
    async with running(environ=environ) as second, client(await second.url(), key) as api:
        assert await status_of(api, run_id) == "RUNNING"
        await end_patience(temporal_client, run_id)
        closed = await closed_run(api, run_id)
        assert (closed["status"], closed["result"]) == ("SUCCEEDED", ANSWER)
        assert await steps_of(api, run_id) == CALL_STEPS
    assert gate.requests == 2
