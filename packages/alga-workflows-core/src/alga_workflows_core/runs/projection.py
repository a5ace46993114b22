"""Facts to rows: the one place where that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from alga_workflows_core.interpreter.facts import (
    RunFinished,
    RunLabelled,
    RunStarted,
    StepFinished,
    StepStarted,
    WaitClosed,
    WaitOpened,
)
from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.waits import NewWait
from alga_workflows_core.temporal.names import wait_id
from alga_workflows_core.temporal.wire import Batch, RunIdentity
from alga_workflows_core.types.states import FINAL_RUN_STATES, StepStatus, WaitStatus


@dataclass(frozen=True, slots=True)
class Projection:
    """The rows that a batch of facts amounts to, at most one per path."""

    run: RunChange
    steps: Sequence[StepRow]
    opened: Sequence[NewWait] = ()
    closed: Sequence[tuple[UUID, WaitStatus, datetime]] = ()

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
        **identity.row_lineage(),
    )
    steps: dict[str, StepRow] = {}
    opened: list[NewWait] = []
    closed: list[tuple[UUID, WaitStatus, datetime]] = []
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
            case RunLabelled():
                run = replace(run, label=fact.label)
            case WaitOpened():
                opened.append(_wait(fact, identity))
            case WaitClosed():
                status = WaitStatus(fact.outcome)
                closed.append((wait_id(identity.run_id, fact.key), status, fact.at))
            case _:
                # Attempts and undos are part of a step's story, which its row does not tell.
                pass
    return Projection(run=run, steps=list(steps.values()), opened=opened, closed=closed)


def _wait(fact: WaitOpened, identity: RunIdentity) -> NewWait:
    return NewWait(
        id=wait_id(identity.run_id, fact.key),
        run_id=identity.run_id,
        key=fact.key,
        path=fact.path,
        kind=fact.wait,
        due_at=fact.due,
        detail=fact.detail,
        epoch=identity.epoch,
        opened_at=fact.at,
    )


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
