"""The workflow that keeps the clocks of one item: one timer, for what is due next."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from alga_temporal_domain.sla.contracts import (
    Command,
    Fact,
    ItemView,
    Recorded,
    SlaInput,
)
from alga_temporal_domain.sla.machine import Outcome, advance, apply, next_due, refused
from alga_temporal_domain.sla.names import CHANGE, RECORD_ACTIVITY, STATE_QUERY, WORKFLOW
from alga_temporal_domain.sla.refusals import ChangeRefusedError
from alga_temporal_domain.sla.views import item_view

# For ever: what has happened has to be written, however long PostgreSQL is away.
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
)
_RECORD_TIMEOUT = timedelta(seconds=30)
# So many facts are written at once at most.
_BATCH = 200


@workflow.defn(name=WORKFLOW)
class SlaTicketWorkflow:
    """Runs until all clocks have ended and all that happened is written.

    Commands are judged and answered at once, also while rows cannot be written. What is due is
    told in order, each once, at the moment when it was due, however late a worker gets to it.
    """

    @workflow.init
    def __init__(self, start: SlaInput) -> None:
        self._state = start.state
        self._pending: list[Fact] = list(start.pending)
        self._most_changes = start.most_changes
        self._changes = 0
        self._changed = False
        if start.first is not None:
            self.change_later(start.first)

    @workflow.run
    async def run(self, start: SlaInput) -> None:
        """Ends when nothing is open any more."""
        while True:
            self._take(advance(self._state, self.now()))
            self._changed = False
            if self._is_long() and (self._pending or self._state.is_open):
                # Before what is pending is recorded: changes without a pause leave no later moment.
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._carried(start))
            elif self._pending:
                await self._record()
            elif not self._state.is_open:
                break
            else:
                await self._wait()
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update(name=CHANGE)
    def change(self, command: Command) -> ItemView:
        """The item behind a change; see `Command`."""
        self._take(apply(self._state, command, self.now()))
        self._changes += 1
        return item_view(self._state, max(self.now(), self._state.changed_at))

    @change.validator
    def _judge(self, command: Command) -> None:
        """A refusal, whose type is its code, leaves nothing in the history."""
        try:
            apply(self._state, command, self.now())
        except ChangeRefusedError as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=True) from error

    @workflow.signal(name=CHANGE)
    def change_later(self, command: Command) -> None:
        """The same for somebody who does not wait; a refusal becomes a fact."""
        now = self.now()
        try:
            self._take(apply(self._state, command, now))
        except ChangeRefusedError as error:
            self._take(refused(self._state, command, error, now))
        self._changes += 1

    @workflow.query(name=STATE_QUERY)
    def state(self) -> ItemView:
        """The item as of the last time that something happened here."""
        return item_view(self._state, max(self.now(), self._state.changed_at))

    def now(self) -> datetime:
        """The time. A subclass may have another one."""
        return workflow.now()

    def left(self, due: datetime) -> timedelta:
        """How long to wait until `due`."""
        return max(due - self.now(), timedelta(milliseconds=1))

    def _take(self, outcome: Outcome) -> None:
        self._changed = True
        self._state = outcome.state
        self._pending += outcome.facts

    async def _record(self) -> None:
        batch = tuple(self._pending[:_BATCH])
        following = next_due(self._state)
        recorded = Recorded(
            state=self._state, facts=batch, next_due=None if following is None else following.at
        )
        await workflow.execute_activity(
            RECORD_ACTIVITY,
            recorded,
            start_to_close_timeout=_RECORD_TIMEOUT,
            retry_policy=_RETRY,
        )
        del self._pending[: len(batch)]

    async def _wait(self) -> None:
        following = next_due(self._state)
        timeout = None if following is None else self.left(following.at)
        try:
            await workflow.wait_condition(lambda: self._changed, timeout=timeout)
        except TimeoutError:
            return

    def _carried(self, start: SlaInput) -> SlaInput:
        more = {"state": self._state, "first": None, "pending": tuple(self._pending)}
        return start.model_copy(update=more)

    def _is_long(self) -> bool:
        suggested = workflow.info().is_continue_as_new_suggested()
        return suggested or self._changes >= self._most_changes
