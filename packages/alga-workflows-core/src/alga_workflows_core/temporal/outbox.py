"""What a run has to tell the database: facts in batches, waits that open and close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from alga_workflows_core.interpreter.facts import Fact, RunFinished
from alga_workflows_core.interpreter.run import Run
from alga_workflows_core.temporal.names import FLUSH_ACTIVITY
from alga_workflows_core.temporal.pure import BatchWatch
from alga_workflows_core.temporal.stopwatch import Stopwatch
from alga_workflows_core.temporal.wire import (
    Batch,
    ClosedWait,
    FlushRequest,
    FlushResult,
    OpenedWait,
    RunIdentity,
    SignalledEvent,
)
from alga_workflows_core.types.states import RunStatus

FLUSH_TIMEOUT = timedelta(seconds=30)
# Rows wait for the database as long as it takes. A pause above the threshold is a timer, so that a
# run that waits for the database holds no slot of the worker, and few events of its history.
FLUSH_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=60)
)
LOCAL_RETRY_THRESHOLD = timedelta(seconds=10)
# Facts ride with an action only while they are small: Temporal takes 2 MiB for one input, of which
# the action's own may be 1 MiB, and 4 MiB with all that local activities answered before it.
MAX_RIDING_BYTES = 256 * 1024
# What is told by signals is small enough one by one.
MOST_EVENTS_AT_ONCE = 20


# A run may have a hundred steps under way.
MOST_LINES = 20


class Outbox:
    """One execution's. `run` is set before anything is sent."""

    def __init__(
        self, identity: RunIdentity, stopwatch: Stopwatch, watch: BatchWatch | None = None
    ) -> None:
        self._identity = identity
        self._watch = watch
        self._stopwatch = stopwatch
        self._facts: list[Fact] = []
        self._events: list[SignalledEvent] = []
        self._sending = False
        self._told: RunStatus | None = None
        self._end: RunFinished | None = None
        self._telling = False
        self.run: Run | None = None

    def add(self, fact: Fact) -> None:
        """Take note of a fact."""
        self._facts.append(fact)

    def add_event(self, event: SignalledEvent) -> None:
        """Take note of an event, which goes to the inbox with the next rows."""
        self._events.append(event)

    @property
    def has_events(self) -> bool:
        """Whether there are events that are not on their way."""
        return bool(self._events)

    @property
    def is_due(self) -> bool:
        """Whether the rows do not say what is, and nobody is telling them."""
        if self._sending or self.run is None:
            return False
        if self._facts or self._events or self._telling or self.run.checkpoints.text is not None:
            return True
        return self.run.status is not self._told

    @property
    def is_small(self) -> bool:
        """Whether the facts may ride with an action."""
        size = 0
        for fact in self._facts:
            size += len(fact.model_dump_json(by_alias=True))
            if size > MAX_RIDING_BYTES:
                return False
        return True

    def tell(self) -> None:
        """Write the run's row again, even if nothing is new."""
        self._telling = True

    def take(self) -> Batch:
        """All facts that nobody has taken yet, for whoever writes them or gives them back."""
        if self.run is None:
            raise RuntimeError("the outbox has no run")
        facts, self._facts = self._facts, []
        ends = [fact for fact in facts if isinstance(fact, RunFinished)]
        if ends:
            self._end = ends[-1]
        elif self._end is not None:
            # What is newest has the last word, also if it is only an event that came so late.
            facts.append(self._end)
        self._told = self.run.status if self._end is None else self._end.status
        self._telling = False
        workflow.set_current_details(details(self.run, self._told))
        batch = Batch(seq=self.run.number(), status=self._told, facts=facts)
        if self._watch is not None:
            self._watch.taken(workflow.info().run_id, batch)
        return batch

    def written(self, batch: Batch) -> None:
        """Somebody has confirmed that the rows of `batch` are there."""
        if self._watch is not None:
            self._watch.written(batch)

    def give_back(self, facts: Sequence[Fact]) -> None:
        """Keep facts whose writing nobody confirmed; writing them twice changes nothing."""
        self._facts = sorted([*facts, *self._facts], key=lambda fact: fact.seq)
        self._telling = True

    async def flush(
        self,
        *,
        opens: OpenedWait | None = None,
        closes: ClosedWait | None = None,
        detaches: OpenedWait | None = None,
        only_if: Callable[[], bool] | None = None,
    ) -> FlushResult:
        """Write facts, and open or close a wait or start a child, however long that takes.

        One at a time: who comes meanwhile waits, and what was noted until then goes together.
        `only_if` is asked when it is this one's turn.
        """
        while self._sending:
            await workflow.wait_condition(lambda: not self._sending)
        if only_if is not None and not only_if():
            return FlushResult()
        self._sending = True
        checkpoint = None if self.run is None else self.run.checkpoints.collect()
        events = self._events[:MOST_EVENTS_AT_ONCE]
        del self._events[:MOST_EVENTS_AT_ONCE]
        request = FlushRequest(
            run=self._identity,
            temporal_run_id=workflow.info().run_id,
            batch=self.take(),
            opens=opens,
            closes=closes,
            detaches=detaches,
            work=self._stopwatch.milliseconds(),
            checkpoint=checkpoint,
            events=events,
        )
        try:
            result = await workflow.execute_local_activity(
                FLUSH_ACTIVITY,
                request,
                result_type=FlushResult,
                start_to_close_timeout=FLUSH_TIMEOUT,
                retry_policy=FLUSH_RETRY,
                local_retry_threshold=LOCAL_RETRY_THRESHOLD,
                summary=_summary(opens or detaches, closes),
            )
        finally:
            self._sending = False
        self.written(request.batch)
        self._stopwatch.resume()
        self._stopwatch.record(result.work)
        return result

    async def drained(self) -> None:
        """Return when nothing is being sent."""
        await workflow.wait_condition(lambda: not self._sending)


def details(run: Run, status: RunStatus) -> str:
    """Where a run stands, in Markdown, as Temporal's own pages show it."""
    lines = [f"**{status.value}**"]
    lines += [f"- in step `{path}`" for path in run.steps[:MOST_LINES]]
    for wait in run.waits.open[:MOST_LINES]:
        until = "" if wait.due is None else f" until {wait.due.isoformat(timespec='seconds')}"
        lines.append(f"- `{wait.path}` waits: {wait.kind}{until}")
    return "\n".join(lines)


async def quiet(moves: Callable[[], int]) -> bool:
    """Let all go on that can; whether nobody moved, as `moves` counts it."""
    before = moves()
    for _ in range(2):
        await asyncio.sleep(0)
        await workflow.wait_condition(_at_once)
    return moves() == before


def _at_once() -> bool:
    return True


def _summary(opens: OpenedWait | None, closes: ClosedWait | None) -> str:
    if opens is not None:
        return f"{opens.path}: wait"
    return "write rows" if closes is None else "end a wait"
