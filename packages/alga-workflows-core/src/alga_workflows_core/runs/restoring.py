"""A lost row of a run, as far as what started the run tells."""

from __future__ import annotations

from datetime import datetime

from alga_workflows_core.storage.open_runs import RestoredRun
from alga_workflows_core.temporal.executions import Execution
from alga_workflows_core.temporal.wire import RunInput


def restored_run(
    start: RunInput, execution: Execution, *, namespace: str, began_at: datetime
) -> RestoredRun:
    """The row of a run that `execution` is of, and that began at `began_at`."""
    return RestoredRun(
        id=start.run_id,
        definition_id=start.workflow_id,
        version=start.workflow_version,
        trigger_type=start.trigger_type,
        execution_key=start.execution_key,
        created_by=start.created_by,
        epoch=start.epoch,
        payload=start.payload,
        temporal_run_id=execution.temporal_run_id,
        temporal_namespace=namespace,
        created_at=began_at,
        started_at=began_at,
        **start.row_lineage(),
    )
