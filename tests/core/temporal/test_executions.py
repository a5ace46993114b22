"""What is asked of Temporal about executions: what it does not know, and when it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client

from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.devstack import temporal_cli
from alga_workflows_core.infra.devstack.temporal_server import (
    TemporalServer,
    TemporalServerOptions,
)
from alga_workflows_core.infra.metrics import TemporalTelemetry
from alga_workflows_core.infra.settings import TemporalSettings
from alga_workflows_core.infra.temporal import connect
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import RUN_WORKFLOW, run_of, workflow_id
from alga_workflows_core.temporal.wire import ControlSignal

RUN = UUID("0021bd42-e8e3-4b7e-80b9-24d1a50add2e")
ASKED: dict[str, Callable[[Executions], Awaitable[Any]]] = {
    "newest": lambda executions: executions.newest(RUN),
    "cancel": lambda executions: executions.cancel(RUN, "no reason"),
    "terminate": lambda executions: executions.terminate(RUN, "no reason", "nobody"),
    "control": lambda executions: executions.control(RUN, ControlSignal(do="pause")),
}


@pytest.mark.parametrize("what", sorted(ASKED))
async def test_a_run_that_temporal_does_not_know_is_not_there(
    temporal_client: Client, what: str
) -> None:
    """Nothing is raised; the answer says that nobody was reached."""
    assert not await ASKED[what](Executions(temporal_client))


async def test_a_server_that_is_away_is_unavailable(
    server_folder: Path, temporal_telemetry: TemporalTelemetry
) -> None:
    """For each question, with what is away and where; after some seconds, not for ever."""
    server = await TemporalServer.start(
        await temporal_cli.find(print),
        TemporalServerOptions(),
        log_file=server_folder / "leaving.log",
    )
    try:
        client = await connect(
            TemporalSettings(address=server.address), runtime=temporal_telemetry.runtime
        )
    finally:
        await server.stop()
    executions = Executions(client)
    listed = executions.pages("ExecutionStatus = 'Running'")
    answers = await asyncio.gather(
        *(question(executions) for question in ASKED.values()),
        anext(listed),
        return_exceptions=True,
    )
    for answer in answers:
        assert isinstance(answer, UnavailableError), answer
        assert (answer.dependency, answer.address) == ("Temporal", server.address)


async def test_what_is_listed_are_runs_page_by_page(temporal_client: Client) -> None:
    """Executions whose workflow id is no run's are left out."""
    runs = {uuid4() for _ in range(3)}
    names = [*map(workflow_id, runs), "somebody-elses", workflow_id(RUN) + "-2"]
    for name in names:
        await temporal_client.start_workflow(RUN_WORKFLOW, id=name, task_queue="nobody works here")
    executions = Executions(temporal_client)
    listed: set[Any] = set()
    while listed != runs:  # the server's index comes to know them one by one
        pages = [page async for page in executions.pages("ExecutionStatus = 'Running'")]
        listed = {execution.run_id for page in pages for execution in page}
        assert listed <= runs
        assert all(execution.is_open for page in pages for execution in page)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "workflow-runtime-v2:run:",
        f"x{workflow_id(RUN)}",
        f"{workflow_id(RUN)}x",
        str(RUN),
        workflow_id(RUN).upper(),
        f"workflow-runtime-v2:run:{RUN.hex}",
    ],
)
def test_only_the_workflow_id_of_a_run_names_a_run(name: str) -> None:
    """Exactly as `workflow_id` writes it."""
    assert run_of(name) is None
    assert run_of(workflow_id(RUN)) == RUN
