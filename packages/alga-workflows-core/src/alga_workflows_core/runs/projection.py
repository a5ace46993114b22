"""Facts to rows: the one place where that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from alga_workflows_core.interpreter.facts import (
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.temporal.wire import Batch, RunIdentity
from alga_workflows_core.types.states import FINAL_RUN_STATES, StepStatus


@dataclass(frozen=True, slots=True)
class Projection:
    """The rows that a batch of facts amounts to, at most one per path."""

    run: RunChange
    steps: Sequence[StepRow]

    @property
    def closes_run(self) -> bool:
        return self.run.status in FINAL_RUN_STATES


def project(identity: RunIdentity, temporal_run_id: str, batch: Batch) -> Projection:
    """Rows of the facts of `batch`, which are in the order in which they were observed."""
    run = RunChange(
        id=identity.run_id,
        definition_id=identity.workflow_id,
        version=identity.workflow_version,
        trigger_type=identity.trigger_type,
        execution_key=identity.execution_key,
        created_by=identity.created_by,
        status=batch.status,
        epoch=identity.epoch,
        seq=batch.seq,
        temporal_run_id=temporal_run_id,
    )
    steps: dict[str, StepRow] = {}
    for fact in batch.facts:
        match fact:
            case RunStarted():
                run = replace(run, payload=fact.payload, started_at=fact.at)
            case RunFinished():
                run = replace(
                    run,
                    status=fact.status,
                    closed_at=fact.at,
                    result=fact.result,
                    error=fact.error,
                )
            case StepStarted() | StepFinished():
                steps[fact.path] = _step(fact, identity.epoch)
            case _:
                # Of waits, labels and undos nothing is shown yet: what makes them does not run.
                pass
    return Projection(run=run, steps=list(steps.values()))


def _step(fact: StepStarted | StepFinished, epoch: int) -> StepRow:
    common: dict[str, Any] = {
        "path": fact.path,
        "step_id": fact.step_id,
        "type": fact.type,
        "name": fact.name,
        "epoch": epoch,
        "seq": fact.seq,
    }
    if isinstance(fact, StepStarted):
        return StepRow(
            **common,
            status=StepStatus.RUNNING,
            position=fact.seq,
            output=None,
            error=None,
            started_at=fact.at,
            finished_at=None,
        )
    return StepRow(
        **common,
        status=fact.status,
        position=fact.position,
        output=fact.output,
        error=fact.error,
        started_at=fact.started_at,
        finished_at=fact.at,
    )
