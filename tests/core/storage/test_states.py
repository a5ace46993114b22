"""Legal changes of state: one table in Python, the same in SQL, and nobody gets past it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from alga_workflows_core.errors import ConflictError
from alga_workflows_core.infra.database import Database, sqlstate
from alga_workflows_core.storage.definitions import NewVersion
from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.types.states import (
    DEFINITION_TRANSITIONS,
    DELIVERY_TRANSITIONS,
    EVENT_TRANSITIONS,
    FINAL_RUN_STATES,
    RUN_TRANSITIONS,
    SCHEDULE_TRANSITIONS,
    SLOT_TRANSITIONS,
    STEP_TRANSITIONS,
    TASK_TRANSITIONS,
    WAIT_TRANSITIONS,
    RunStatus,
    StepStatus,
)
from tests.core.storage.rows import CLOSED, NEW_RUN

TENANT = "acme"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TABLES: dict[str, Mapping[StrEnum, frozenset[StrEnum]]] = {
    "run": {**RUN_TRANSITIONS},
    "step": {**STEP_TRANSITIONS},
    "definition": {**DEFINITION_TRANSITIONS},
    "wait": {**WAIT_TRANSITIONS},
    "delivery": {**DELIVERY_TRANSITIONS},
    "event": {**EVENT_TRANSITIONS},
    "task": {**TASK_TRANSITIONS},
    "slot": {**SLOT_TRANSITIONS},
    "schedule": {**SCHEDULE_TRANSITIONS},
}


def change(run_id: UUID, status: RunStatus, *, seq: int, epoch: int = 0) -> RunChange:
    """What facts up to `seq` say of a run."""
    closed_at = NOW if status in FINAL_RUN_STATES else None
    return replace(
        CLOSED,
        id=run_id,
        status=status,
        epoch=epoch,
        seq=seq,
        started_at=None,
        closed_at=closed_at,
    )


def step(status: StepStatus, *, seq: int, epoch: int = 0) -> StepRow:
    """The row of a step after fact `seq`."""
    return StepRow(
        path="call",
        step_id="call",
        type="action.call",
        name=None,
        status=status,
        position=1,
        output=None,
        error=None,
        epoch=epoch,
        seq=seq,
        started_at=NOW,
        finished_at=None if status is StepStatus.RUNNING else NOW,
    )


async def apply_runs(storage: Storage, *changes: RunChange) -> None:
    """All of `changes` in one transaction."""
    async with storage.unit_of_work(TENANT) as work:
        for one in changes:
            await work.runs.apply(one)


@pytest.mark.parametrize("machine", sorted(TABLES))
async def test_python_and_sql_allow_the_same_changes(database: Database, machine: str) -> None:
    """What services ask of `may_become` is exactly what the trigger lets through."""
    async with database.connect() as connection:
        rows = await connection.execute(
            text("""
                SELECT from_state, to_state FROM alga_state_transitions
                WHERE machine = :machine AND NOT by_new_epoch
            """),
            {"machine": machine},
        )
        in_sql = {(row.from_state, row.to_state) for row in rows}
    in_python = {
        (old.value, new.value) for old, following in TABLES[machine].items() for new in following
    }
    assert in_sql == in_python


async def test_a_new_epoch_may_leave_final_states_only(database: Database) -> None:
    """Changes that take a higher epoch lead from a final state to any other state."""
    async with database.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT machine, from_state, to_state FROM alga_state_transitions "
                "WHERE by_new_epoch"
            )
        )
        in_sql = {(row.machine, row.from_state, row.to_state) for row in rows}
    expected = {
        (machine, old.value, new.value)
        for machine in ("run", "step")
        for old, following in TABLES[machine].items()
        for new in TABLES[machine]
        if not following and new != old
    }
    assert in_sql == expected


async def test_an_illegal_change_is_a_conflict_and_writes_nothing(storage: Storage) -> None:
    """The error names both states; what else the transaction wrote is gone too."""
    run_id, other = uuid4(), uuid4()
    async with storage.unit_of_work(TENANT) as work:
        await work.runs.apply(change(run_id, RunStatus.SUCCEEDED, seq=5))
        before = await work.runs.get(run_id)
    with pytest.raises(ConflictError) as caught:
        await apply_runs(
            storage,
            change(other, RunStatus.RUNNING, seq=1),
            change(run_id, RunStatus.RUNNING, seq=6),
        )
    assert caught.value.error_code == "ILLEGAL_STATE_CHANGE"
    assert caught.value.message == "A run may not change from SUCCEEDED to RUNNING."
    assert caught.value.remedy
    async with storage.unit_of_work(TENANT) as work:
        assert await work.runs.get(run_id) == before
        assert await work.runs.get(other) is None


@pytest.mark.parametrize("final", sorted(FINAL_RUN_STATES))
async def test_a_final_run_is_reopened_by_a_higher_epoch_only(
    storage: Storage, final: RunStatus
) -> None:
    """A later fact of the same epoch is refused, a retry's first fact is written."""
    run_id = uuid4()
    async with storage.unit_of_work(TENANT) as work:
        await work.runs.apply(change(run_id, final, seq=5))
    with pytest.raises(ConflictError):
        async with storage.unit_of_work(TENANT) as work:
            await work.runs.apply(change(run_id, RunStatus.RUNNING, seq=6))
    async with storage.unit_of_work(TENANT) as work:
        assert await work.runs.apply(change(run_id, RunStatus.RUNNING, seq=1, epoch=1))
        run = await work.runs.get(run_id)
    assert run is not None
    assert (run.status, run.epoch, run.closed_at) == (RunStatus.RUNNING, 1, None)


@pytest.mark.parametrize("final", [status for status in StepStatus if not STEP_TRANSITIONS[status]])
async def test_a_final_step_is_reopened_by_a_higher_epoch_only(
    storage: Storage, final: StepStatus
) -> None:
    """The same for steps."""
    run_id = uuid4()
    async with storage.unit_of_work(TENANT) as work:
        await work.steps.apply(run_id, [step(final, seq=5)])
    with pytest.raises(ConflictError):
        async with storage.unit_of_work(TENANT) as work:
            await work.steps.apply(run_id, [step(StepStatus.RUNNING, seq=6)])
    async with storage.unit_of_work(TENANT) as work:
        await work.steps.apply(run_id, [step(StepStatus.RUNNING, seq=1, epoch=1)])
        rows = await work.steps.list(run_id, after=None, limit=10)
    assert rows == [step(StepStatus.RUNNING, seq=1, epoch=1)]


async def test_a_queued_run_cannot_be_running_without_having_been_claimed(storage: Storage) -> None:
    """The first state that an execution can be in follows STARTING."""
    new = replace(NEW_RUN, id=uuid4())
    async with storage.unit_of_work(TENANT) as work:
        await work.runs.add(new)
    with pytest.raises(ConflictError, match="from QUEUED to RUNNING"):
        async with storage.unit_of_work(TENANT) as work:
            await work.runs.apply(change(new.id, RunStatus.RUNNING, seq=1))
    await storage.across.claim_run_starts(1, timedelta(minutes=1))
    async with storage.unit_of_work(TENANT) as work:
        assert await work.runs.apply(change(new.id, RunStatus.RUNNING, seq=1))


@pytest.mark.parametrize(
    "statement",
    [
        """INSERT INTO workflow_runs (tenant, id, definition_id, version, status, trigger_type,
           execution_key, payload, created_by)
           VALUES ('acme', gen_random_uuid(), 'd', 1, 'DONE', 'api', 'k', '{}', 'me')""",
        """INSERT INTO workflow_run_steps (tenant, run_id, path, step_id, type, status, position,
           epoch, seq) VALUES ('acme', gen_random_uuid(), 'p', 's', 't', 'WAITING', 1, 0, 1)""",
        """INSERT INTO workflow_definitions (tenant, id, name, state, created_by, updated_by)
           VALUES ('acme', 'd', 'D', 'RUNNING', 'me', 'me')""",
    ],
    ids=["run", "step", "definition"],
)
async def test_a_state_that_does_not_exist_cannot_be_inserted(
    database: Database, statement: str
) -> None:
    """A state of another machine is as unknown as a made up one, for a superuser too."""
    with pytest.raises(DBAPIError) as caught:
        async with database.engine.begin() as connection:
            await connection.execute(text(statement))
    assert sqlstate(caught.value) == "AW001"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workflow_definition_versions SET note = 'changed'",
        "UPDATE workflow_definition_versions SET document = '{}'",
        "DELETE FROM workflow_definition_versions",
        "TRUNCATE workflow_definition_versions CASCADE",
    ],
)
async def test_a_published_version_cannot_be_changed_or_removed(
    storage: Storage, statement: str
) -> None:
    """Not even by a superuser on a connection of its own."""
    new = NewVersion(
        hash="h",
        document='{"id": "triage"}',
        actions=[],
        engine=1,
        expression_engine="none",
        note="as it was",
    )
    async with storage.unit_of_work(TENANT) as work:
        await work.definitions.save_draft(
            "triage", name="Triage", draft="{}", draft_hash="h", by="test"
        )
        published = await work.definitions.add_version("triage", new, by="test")
    with pytest.raises(DBAPIError) as caught:
        async with storage.database.engine.begin() as connection:
            await connection.execute(text(statement))
    assert sqlstate(caught.value) == "AW002"
    async with storage.unit_of_work(TENANT) as work:
        assert await work.definitions.version("triage", 1) == published
