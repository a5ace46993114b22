"""A batch of rows that was on its way while its run was terminated comes too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.interpreter.facts import RunStarted, StepStarted
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.calendars import StoredCalendars
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.wire import Batch, FlushRequest, RunIdentity
from alga_workflows_core.types.states import RunStatus

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def test_a_step_that_is_told_after_the_end_gets_no_row(
    storage: Storage, database_url: str
) -> None:
    """Nobody would ever end it; a batch that is late in an open run still counts."""
    hints = Hints(storage.database, load(DatabaseSettings, {"DATABASE_URL": database_url}))
    closed, metrics = ClosedRuns(hints), Metrics()
    activities = RunActivities(
        performer=Performer(Registry([])),
        rows=RowWriter(storage=storage, closed=closed, metrics=metrics),
        waits=WaitDesk(storage),
        calendars=StoredCalendars(storage),
    )
    run = RunIdentity(
        run_id=uuid4(),
        tenant_id="acme",
        workflow_id="late",
        workflow_version=1,
        trigger_type="api",
        execution_key="key",
    )

    def told(seq: int, *paths: str) -> FlushRequest:
        steps = [
            StepStarted(seq=seq, at=NOW, path=path, step_id=path, type="state.set", name=None)
            for path in paths
        ]
        began = [RunStarted(seq=seq, at=NOW, payload={})]
        batch = Batch(seq=seq, status=RunStatus.RUNNING, facts=[*began, *steps])
        return FlushRequest(run=run, temporal_run_id="execution", batch=batch)

    async def paths() -> list[str]:
        async with storage.unit_of_work("acme") as work:
            return [step.path for step in await work.steps.list(run.run_id, after=None, limit=9)]

    await activities.flush(told(5, "second"))
    await activities.flush(told(3, "first"))
    assert await paths() == ["first", "second"]
    async with storage.unit_of_work("acme") as work:
        seen = await work.runs.get(run.run_id)
    assert seen is not None
    closer = RunCloser(storage=storage, closed=closed, metrics=metrics)
    ending = RunEnding(status=RunStatus.FAILED, error={"code": "TERMINATED"})
    assert not await closer.close("acme", replace(seen, seq=4), ending)
    assert await closer.close("acme", seen, ending)
    await activities.flush(told(7, "third"))
    assert await paths() == ["first", "second"]
    async with storage.unit_of_work("acme") as work:
        ended = await work.runs.get(run.run_id)
        assert ended is not None
        assert await work.open_runs.reopen(ended, version=2)
    # A later epoch has begun, so this one is over all the same.
    await activities.flush(told(9, "fourth"))
    assert await paths() == ["first", "second"]
