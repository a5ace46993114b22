"""`jobConcurrencyWorkflow`: at most N jobs of one key at a time, in the order in which they ask."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from alga_temporal_domain.jobs import names
from alga_temporal_domain.jobs.contracts import Holder, LimiterState, SlotRequest

_LOOK_TIMEOUT = timedelta(minutes=2)
_LOOK_HEARTBEAT = timedelta(seconds=5)
_LOOK_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30)
)


@workflow.defn(name=names.CONCURRENCY_WORKFLOW)
class JobConcurrencyWorkflow:
    """Lives while somebody has a slot or waits for one. A job that was terminated, and gave nothing
    back, is found out by looking."""

    @workflow.init
    def __init__(self, state: LimiterState) -> None:
        self._state = state
        self._limit = state.limit
        self._holders = list(state.holders)
        self._waiting = list(state.waiting)
        self._signals = 0

    @workflow.run
    async def run(self, state: LimiterState) -> None:
        """Return when nobody has asked for a while."""
        check = timedelta(seconds=state.check_seconds)
        linger = timedelta(seconds=state.linger_seconds)
        while True:
            while self._can_grant():
                await self._grant(self._waiting.pop(0))
            if self._is_long():
                workflow.continue_as_new(self._carried())
            is_idle = not self._holders
            try:
                await workflow.wait_condition(
                    lambda: self._can_grant() or self._is_long(),
                    timeout=linger if is_idle else check,
                )
            except TimeoutError:
                if is_idle and not self._holders and not self._waiting:
                    return
                await self._forget_closed()

    @workflow.signal(name=names.ACQUIRE_SIGNAL)
    def acquire(self, request: SlotRequest) -> None:
        """Give a slot to a job when there is one; asking twice is the same as asking once."""
        self._signals += 1
        self._limit = request.limit
        if request.holder in self._holders:
            # It asks again, so it has not heard of the slot that it has.
            self._holders.remove(request.holder)
            self._waiting.insert(0, request.holder)
        elif request.holder not in self._waiting:
            self._waiting.append(request.holder)

    @workflow.signal(name=names.RELEASE_SIGNAL)
    def release(self, holder: Holder) -> None:
        """Take the slot back, or the wish for one."""
        self._signals += 1
        self._holders = [each for each in self._holders if each != holder]
        self._waiting = [each for each in self._waiting if each != holder]

    def _can_grant(self) -> bool:
        return bool(self._waiting) and len(self._holders) < self._limit

    def _is_long(self) -> bool:
        is_suggested = workflow.info().is_continue_as_new_suggested()
        return is_suggested or self._signals >= self._state.most_signals

    def _carried(self) -> LimiterState:
        return self._state.model_copy(
            update={
                "limit": self._limit,
                "holders": tuple(self._holders),
                "waiting": tuple(self._waiting),
            }
        )

    async def _grant(self, holder: Holder) -> None:
        self._holders.append(holder)
        job = workflow.get_external_workflow_handle(holder.workflow_id, run_id=holder.run_id)
        try:
            await job.signal(names.GRANTED_SIGNAL)
        except FailureError:
            # The job has ended while it was waiting.
            self.release(holder)

    async def _forget_closed(self) -> None:
        closed: list[Holder] = await workflow.execute_activity(
            names.CLOSED_JOBS,
            list(self._holders),
            result_type=list[Holder],
            start_to_close_timeout=_LOOK_TIMEOUT,
            heartbeat_timeout=_LOOK_HEARTBEAT,
            retry_policy=_LOOK_RETRY,
        )
        for holder in closed:
            self.release(holder)
