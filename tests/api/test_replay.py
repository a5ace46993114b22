"""Histories can be replayed: the interpreter decides the same again."""

from __future__ import annotations

from time import perf_counter
from uuid import UUID

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from alga_workflows_core.actions.builtin.catalogue import builtin_actions
from alga_workflows_core.actions.builtin.rows import NoRows
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.temporal.names import workflow_id
from alga_workflows_core.temporal.pure import Externals, ExternalsInterceptor
from alga_workflows_core.temporal.workflow import RunWorkflow
from tests.api.test_runs import publish

CHANCE = {
    "id": "chance",
    "name": "Time and chance",
    "steps": [
        {
            "id": "draw",
            "type": "transform.assign",
            "config": {
                "assign": {
                    "vars.number": {"$expr": "$random()"},
                    "vars.at": {"$expr": "$now()"},
                    "vars.order": {"$expr": "$shuffle([1..20])"},
                }
            },
        },
        {
            "id": "log",
            "type": "action.call",
            "config": {
                "actionId": "log.write",
                "version": 1,
                "inputMapping": {"message": {"$expr": "'drew ' & vars.number"}},
            },
        },
        {
            "id": "side",
            "type": "control.if",
            "condition": {"$expr": "vars.number < 0.5"},
            "then": [{"id": "low", "type": "control.return", "value": {"$expr": "vars"}}],
        },
        {"id": "high", "type": "control.return", "value": {"$expr": "vars"}},
    ],
}


async def test_a_run_that_used_time_and_chance_replays(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Clock and chance come from the run, so that a replay takes the same branch and result."""
    await publish(api, CHANCE)
    async with httpx.AsyncClient() as http:
        replayer = Replayer(
            workflows=[RunWorkflow],
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=[
                ExternalsInterceptor(
                    Externals(Registry(builtin_actions(http, NoRows())), perf_counter)
                )
            ],
            data_converter=pydantic_data_converter,
        )
        for _ in range(5):
            started = (await api.post("/definitions/chance/runs", json={"wait": 20})).json()
            assert started["status"] == "SUCCEEDED", started
            handle = temporal_client.get_workflow_handle(workflow_id(UUID(started["runId"])))
            await handle.result()
            replayed = await replayer.replay_workflow(await handle.fetch_history())
            assert replayed.replay_failure is None


async def test_a_short_run_costs_few_events(
    api: httpx.AsyncClient, temporal_client: Client
) -> None:
    """Control steps cost no event, a local action one, a run at most eight besides."""
    await publish(api, CHANCE)
    started = (await api.post("/definitions/chance/runs", json={"wait": 20})).json()
    handle = temporal_client.get_workflow_handle(workflow_id(UUID(started["runId"])))
    await handle.result()
    history = await handle.fetch_history()
    assert len(history.events) <= 8 + 1, [event.event_type for event in history.events]
