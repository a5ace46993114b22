"""The activities of runs: perform one action, write facts as rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from temporalio import activity

from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.errors import AlgaError
from alga_workflows_core.interpreter.effects import StepError
from alga_workflows_core.interpreter.working_time import OWN_CALENDAR, working_time_due
from alga_workflows_core.runs.calendars import Calendars
from alga_workflows_core.runs.perform_activity import PerformActivity
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.signalled import stage_signalled
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.temporal.names import (
    CHECK_RESULT_ACTIVITY,
    FLUSH_ACTIVITY,
    WORKING_TIME_ACTIVITY,
)
from alga_workflows_core.temporal.wire import (
    CheckAnswer,
    CheckRequest,
    FlushRequest,
    FlushResult,
    PerformRequest,
    WorkingTimeRequest,
    WorkingTimeResult,
)
from alga_workflows_core.validation.result import result_error

log = structlog.get_logger()

# Before an action, rows are written if that is quick; a slow database must not hold up actions.
RIDE_TIMEOUT_SECONDS = 0.5


class RunActivities:
    """Activities of the authored queue, over one process's storage and actions."""

    def __init__(
        self,
        *,
        performer: Performer,
        rows: RowWriter,
        waits: WaitDesk,
        calendars: Calendars,
        repeats: bool = True,
    ) -> None:
        self._perform = PerformActivity(
            performer, write_facts=self._write_if_quick, repeats=repeats
        )
        self._rows = rows
        self._waits = waits
        self._calendars = calendars

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self._perform.perform, self.flush, self.check_result, self.working_time]

    @activity.defn(name=FLUSH_ACTIVITY)
    async def flush(self, request: FlushRequest) -> FlushResult:
        """Write facts as rows; repeated by Temporal until it works."""
        identity, resolution, still_open = request.run, None, False
        ends = [] if request.closes is None else [request.closes.id]
        async with self._rows.unit_of_work(identity) as work:
            if request.opens is not None:
                await self._waits.lock(work, identity, request.opens)
            rows, newer = await self._rows.apply(
                work, identity, request.temporal_run_id, request.batch, ends=ends
            )
            # Also for a run that was ended from outside: what it was told is on record.
            await stage_signalled(work, identity, request.temporal_run_id, request.events)
            if not newer and await self._rows.is_over(work, identity):
                return FlushResult(work=request.work)
            if request.opens is not None:
                resolution = await self._waits.open(work, identity, request.opens)
            if request.closes is not None:
                closed = await self._waits.close(work, identity, request.closes)
                resolution, still_open = closed.resolution, closed.still_open
            if request.detaches is not None:
                resolution = await self._waits.detach(work, identity, request.detaches)
        await self._rows.committed(identity, rows, newer=newer)
        return FlushResult(resolution=resolution, still_open=still_open, work=request.work)

    @activity.defn(name=WORKING_TIME_ACTIVITY)
    async def working_time(self, request: WorkingTimeRequest) -> WorkingTimeResult:
        """Count working time by the tenant's calendars."""
        calendar = await self._calendars.named(request.run, request.calendar or OWN_CALENDAR)
        try:
            due = working_time_due(calendar, request.calendar, request.duration, request.now)
        except StepError as error:
            return WorkingTimeResult(error=error.info.as_json())
        return WorkingTimeResult(due=due)

    @activity.defn(name=CHECK_RESULT_ACTIVITY)
    async def check_result(self, request: CheckRequest) -> CheckAnswer:
        """Hold a result against its schema, besides whatever else goes on."""
        error = await asyncio.to_thread(result_error, request.result_schema, request.result)
        return CheckAnswer(error=None if error is None else error.as_json())

    async def _write_if_quick(self, request: PerformRequest) -> bool:
        if request.batch is None:
            return True
        try:
            async with asyncio.timeout(RIDE_TIMEOUT_SECONDS):
                await self._rows.write(request.run, request.temporal_run_id, request.batch)
        except (AlgaError, TimeoutError) as error:
            # A failed write of the view never fails a run: the workflow keeps the facts.
            log.warning(
                f"Rows were not written before an action, which goes on: {error}",
                action="rows.postponed",
                step=request.step,
            )
            return False
        return True
