"""A run, what facts say of it, how one was seen, and a step.

Tests vary these with `dataclasses.replace`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from alga_workflows_core.storage.runs import NewRun, RunChange, RunRow
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.types.states import RunStatus, StepStatus

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NEW_RUN = NewRun(
    id=uuid4(),
    definition_id="triage",
    version=1,
    trigger_type="api",
    execution_key="key",
    request_hash="hash",
    payload={},
    created_by="test",
)
CLOSED = RunChange(
    id=uuid4(),
    definition_id="triage",
    version=1,
    trigger_type="api",
    execution_key="key",
    created_by="test",
    status=RunStatus.SUCCEEDED,
    epoch=0,
    seq=9,
    temporal_run_id="execution",
    started_at=NOW,
    closed_at=NOW + timedelta(microseconds=1),
)
SEEN = RunRow(
    id=CLOSED.id,
    definition_id="triage",
    version=1,
    status=RunStatus.STARTING,
    trigger_type="api",
    execution_key="key",
    request_hash="hash",
    payload={},
    result=None,
    error=None,
    epoch=0,
    seq=0,
    temporal_run_id=None,
    stop_request=None,
    start_attempts=1,
    created_at=NOW,
    created_by="test",
    started_at=None,
    closed_at=None,
    label=None,
)
STEP = StepRow(
    path="call",
    step_id="call",
    type="action.call",
    name=None,
    status=StepStatus.SUCCEEDED,
    position=1,
    output=None,
    error=None,
    epoch=0,
    seq=1,
    started_at=NOW,
    finished_at=NOW,
)
