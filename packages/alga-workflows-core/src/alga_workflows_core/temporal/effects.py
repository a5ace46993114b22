"""The interpreter's world on Temporal: clock, chance, actions, waits, and facts on their way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

from alga_workflows_core.errors import ErrorInfo
from alga_workflows_core.interpreter.effects import ActionCall, StepError
from alga_workflows_core.interpreter.facts import Fact
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.interpreter.waits import Closing, Wait
from alga_workflows_core.temporal.attempts import Performing, TemporalAttempt
from alga_workflows_core.temporal.clock import RunClock
from alga_workflows_core.temporal.names import WORKING_TIME_ACTIVITY, wait_id
from alga_workflows_core.temporal.outbox import (
    FLUSH_RETRY,
    FLUSH_TIMEOUT,
    LOCAL_RETRY_THRESHOLD,
    Outbox,
    quiet,
)
from alga_workflows_core.temporal.pure import Externals, PurePerformer
from alga_workflows_core.temporal.stopwatch import Stopwatch
from alga_workflows_core.temporal.wire import (
    ClosedWait,
    OpenedWait,
    RunInput,
    WorkingTimeRequest,
    WorkingTimeResult,
)
from alga_workflows_core.types.json import JsonObject

# A step that has so much data to look at counts as two.
SIMPLE_STEP_BYTES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionLimits:
    """What one execution may hold before the run goes on in a new one.

    A replay of `work_ms` takes as long again. Servers suggest a new execution at about 4,096
    events, and end one at 51,200. Actions finish before a run settles, which holds up its other
    branches: it waits for a moment without any, until there are `most_events` or twice the work.
    """

    work_ms: int = 2_000
    events: int = 3_500
    most_events: int = 4_300


class TemporalEffects:
    """One execution's. Lives in workflow code: no I/O of its own, no clock but the workflow's."""

    def __init__(
        self,
        start: RunInput,
        externals: Externals,
        clock: RunClock,
        limits: ExecutionLimits | None = None,
    ) -> None:
        self._identity = start.identity()
        self._clock = clock
        self._limits = limits or ExecutionLimits()
        self._random = workflow.new_random()
        self._stopwatch = Stopwatch(externals.clock)
        self.outbox = Outbox(self._identity, self._stopwatch, externals.watch)
        self._moves = 0
        self._performing = Performing(
            identity=self._identity,
            actions={(action.id, action.version): action for action in start.actions},
            pure=PurePerformer(start, externals.registry),
            outbox=self.outbox,
            moved=self._moved,
        )
        self._over = False
        self._run: Run | None = None

    def attach(self, run: Run) -> None:
        """The run that this is the world of; before it begins."""
        self._run = self.outbox.run = run

    # -- Effects ------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._clock.now()

    def random(self) -> float:
        return self._random.random()

    def observe(self, fact: Fact) -> None:
        self.outbox.add(fact)

    async def safe_point(self) -> bool:
        self._stopwatch.step(self._weight())
        while self._stopwatch.is_due:
            await self.outbox.flush(only_if=lambda: self._stopwatch.is_due)
        return self._wants_to_settle()

    async def wait_until(
        self,
        ready: Callable[[], bool],
        due: datetime | None,
        place: tuple[int, ...] = (),  # noqa: ARG002 - the server orders what happens
        what: str | None = None,
    ) -> None:
        left = None if due is None else self._clock.until(due)
        if left is not None and left <= timedelta():
            return
        self._stopwatch.pause()
        # If it is due, the caller looks at what is ready.
        with suppress(TimeoutError):
            await workflow.wait_condition(ready, timeout=left, timeout_summary=what)
        self._moved()

    async def business_due(self, duration: str, calendar: str | None) -> datetime:
        self._stopwatch.pause()
        found = await workflow.execute_local_activity(
            WORKING_TIME_ACTIVITY,
            WorkingTimeRequest(
                run=self._identity, calendar=calendar, duration=duration, now=self.now()
            ),
            result_type=WorkingTimeResult,
            start_to_close_timeout=FLUSH_TIMEOUT,
            retry_policy=FLUSH_RETRY,
            local_retry_threshold=LOCAL_RETRY_THRESHOLD,
            summary="count working time",
        )
        self._moved()
        if found.due is None:
            raise StepError(ErrorInfo.from_json(found.error or {}))
        return found.due

    def start(self, call: ActionCall) -> TemporalAttempt:
        return self._performing.start(call)

    async def open_wait(self, wait: Wait) -> JsonObject | None:
        return (await self.outbox.flush(opens=self._opened(wait))).resolution

    async def close_wait(self, wait: Wait, closing: Closing) -> JsonObject | None:
        if wait.kind == "time":
            # Nobody else decides about it: the fact closes its row, with the next batch.
            return None
        identity = wait_id(self._identity.run_id, wait.key)
        closed = ClosedWait(id=identity, closing=closing, at=self.now())
        answer = await self.outbox.flush(closes=closed)
        if not answer.still_open:
            return answer.resolution
        # A child was asked to cancel: its end is what ends the wait.
        run = self._attached()
        self._stopwatch.pause()
        await workflow.wait_condition(lambda: run.waits.resolution(wait.key) is not None)
        self._moved()
        return run.waits.resolution(wait.key)

    async def detach(self, wait: Wait) -> JsonObject:
        started = (await self.outbox.flush(detaches=self._opened(wait))).resolution
        if started is None:
            raise RuntimeError(f"nobody said what became of the child of {wait.path}")
        return started

    # -- what the workflow uses ---------------------------------------------------------------

    async def keep_rows(self) -> None:
        """Until `finish`: write rows whenever all wait and the rows do not say what is."""
        while True:
            await workflow.wait_condition(lambda: self._over or self.outbox.is_due)
            if self._over:
                return
            if await quiet(lambda: self._moves):
                await self.outbox.flush(only_if=lambda: self.outbox.is_due and not self._over)

    async def finish(self) -> None:
        """Write what is left, and wait for what must not outlive the execution."""
        self._over = True
        await self._performing.no_local_left()
        await self.outbox.flush(only_if=lambda: self.outbox.is_due)
        # What comes while that is written would be lost with the execution.
        while self.outbox.has_events:
            await self.outbox.flush(only_if=lambda: self.outbox.has_events)

    def _opened(self, wait: Wait) -> OpenedWait:
        return OpenedWait(
            id=wait_id(self._identity.run_id, wait.key),
            key=wait.key,
            path=wait.path,
            kind=wait.kind,
            due=wait.due,
            detail=wait.detail,
            at=self.now(),
        )

    def _attached(self) -> Run:
        if self._run is None:
            raise RuntimeError("the world has no run")
        return self._run

    def _moved(self) -> None:
        self._moves += 1
        self._stopwatch.resume()

    def _weight(self) -> float:
        """How many simple steps one is worth: expressions take longer where there is more data."""
        return 1.0 if self._run is None else 1.0 + self._run.load.size / SIMPLE_STEP_BYTES

    def _wants_to_settle(self) -> bool:
        info, limits = workflow.info(), self._limits
        events = info.get_current_history_length()
        worked = self._stopwatch.recorded_ms
        enough = worked >= limits.work_ms or events >= limits.events
        if not enough and not info.is_continue_as_new_suggested():
            return False
        acting = self._run is not None and self._run.acting > 0
        return not acting or worked > 2 * limits.work_ms or events > limits.most_events
