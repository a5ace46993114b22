"""Recorded histories can be replayed, and the workflow asks for the same again."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from alga_temporal_domain.sla import workflow as module
from alga_temporal_domain.sla.workflow import SlaTicketWorkflow
from tests.domain.sla.histories import files, load
from tests.replay.commands import Inputs, changed_inputs, recorded_inputs
from tests.replay.replaying import _WatchingRunner as WatchingRunner  # pyright: ignore[reportPrivateUsage]

FILES = files()


def anywhere(inputs: Inputs) -> Inputs:
    """The same without queues: the replayer has one of its own."""
    found: Inputs = {}
    for name, value in inputs.items():
        is_object = isinstance(value, dict)
        found[name] = {**cast("Inputs", value), "queue": None} if is_object else value
    return found


async def replay(histories: list[WorkflowHistory]) -> list[str]:
    """Everything that does not go as it was recorded."""
    watching = WatchingRunner(UnsandboxedWorkflowRunner())
    replayer = Replayer(
        workflows=[SlaTicketWorkflow],
        workflow_runner=watching,
        data_converter=pydantic_data_converter,
    )
    faults: list[str] = []
    for history in histories:
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        if result.replay_failure is not None:
            faults.append(f"{history.workflow_id}: {result.replay_failure!r}")
        started = history.events[0].workflow_execution_started_event_attributes
        inputs = watching.inputs[started.original_execution_run_id]
        faults += changed_inputs(anywhere(recorded_inputs(history.events)), anywhere(inputs))
    return faults


@pytest.mark.parametrize("path", FILES, ids=[path.name.partition(".")[0] for path in FILES])
async def test_a_history_is_replayed(path: Path) -> None:
    """With the inputs of all activities and the durations of all timers."""
    histories = list(load(path))
    assert histories
    assert await replay(histories) == []


async def test_another_behaviour_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told in another order, or to another time, is a fault."""
    histories = [each for path in FILES for each in load(path)]
    assert len(histories) > 5
    monkeypatch.setattr(module, "_BATCH", 1)
    assert await replay(histories)
