"""Schedules of ours in Temporal: what is there, and how it becomes what is desired."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.schedules.desired import (
    DesiredSchedule,
    Overlap,
    schedule_id,
    source_of,
)
from alga_workflows_core.errors import ConflictError

OWNER = "alga-temporal-domain"
OWNER_MEMO = "algaOwner"
MARK_MEMO = "algaContent"
NOTE = "Kept by temporal-worker: a pause stays, other changes may be undone."

RPC_TIMEOUT = timedelta(seconds=10)
_PAGE = 100

_OVERLAPS: dict[Overlap, ScheduleOverlapPolicy] = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer-one": ScheduleOverlapPolicy.BUFFER_ONE,
    "allow-all": ScheduleOverlapPolicy.ALLOW_ALL,
}


class NotOursError(ConflictError):
    """A schedule has an id of ours, and somebody else has made it."""

    code = "SCHEDULE_NOT_OURS"


class TemporalSchedules:
    """The schedules of ours in the namespace of `client`. RPCError when Temporal is away.

    Ours is what has an id of ours and a memo that says so. `key_id`: of the key that `client`
    encrypts with.
    """

    def __init__(self, client: Client, *, key_id: str | None) -> None:
        self._client = client
        self._key_id = key_id

    async def converge(self, source: str, desired: DesiredSchedule) -> str | None:
        """Have it as desired: `created`, `updated`, or None if it was so. NotOursError.

        A pause, whoever's it is, stays.
        """
        changed = await self._change(source, desired)
        if changed is not None:
            return "updated" if changed else None
        return await self._create(source, desired)

    async def mine(self) -> AsyncGenerator[str]:
        """The ids of ours that the server's index lists, which may lag behind."""
        listing = await self._client.list_schedules(page_size=_PAGE, rpc_timeout=RPC_TIMEOUT)
        async for each in listing:
            if source_of(each.id) is not None and (await each.memo()).get(OWNER_MEMO) == OWNER:
                yield each.id

    async def remove(self, identity: str) -> None:
        """Take it away, if it is there."""
        handle = self._client.get_schedule_handle(identity)
        try:
            await handle.delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _create(self, source: str, desired: DesiredSchedule) -> str | None:
        schedule = self._schedule(source, desired, ScheduleState(note=NOTE))
        identity = schedule_id(source, desired.id)
        try:
            await self._client.create_schedule(
                identity, schedule, memo={OWNER_MEMO: OWNER}, rpc_timeout=RPC_TIMEOUT
            )
        except ScheduleAlreadyRunningError:
            # Somebody was faster; the next round looks at what that is.
            return None
        return "created"

    async def _change(self, source: str, desired: DesiredSchedule) -> bool | None:
        """Whether it had to be changed; None if it is not there."""
        identity = schedule_id(source, desired.id)
        handle = self._client.get_schedule_handle(identity)
        try:
            found = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            if (await found.memo()).get(OWNER_MEMO) != OWNER:
                raise _not_ours(identity)
            if await self._mark_of(found.schedule) == desired.mark(self._key_id):
                return False

            def change(present: ScheduleUpdateInput) -> ScheduleUpdate:
                state = present.description.schedule.state
                return ScheduleUpdate(self._schedule(source, desired, state))

            await handle.update(change, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        return True

    async def _mark_of(self, schedule: Schedule) -> str | None:
        """The mark that is written in what the schedule starts: of its own memo the SDK lets only
        its creation decide."""
        memo: dict[str, Any] = dict(getattr(schedule.action, "memo", None) or {})
        if MARK_MEMO not in memo:
            return None
        (mark,) = await self._client.data_converter.decode([memo[MARK_MEMO]], [str])
        return mark

    def _schedule(self, source: str, desired: DesiredSchedule, state: ScheduleState) -> Schedule:
        return Schedule(
            action=ScheduleActionStartWorkflow(
                desired.workflow,
                args=[] if desired.input is None else [desired.input],
                id=schedule_id(source, desired.id),
                task_queue=desired.queue,
                execution_timeout=desired.execution_timeout,
                memo={MARK_MEMO: desired.mark(self._key_id)},
            ),
            spec=ScheduleSpec(
                cron_expressions=list(desired.cron),
                intervals=[]
                if desired.every is None
                else [ScheduleIntervalSpec(every=desired.every, offset=desired.offset)],
                jitter=desired.jitter or None,
                time_zone_name=desired.time_zone,
            ),
            policy=SchedulePolicy(
                overlap=_OVERLAPS[desired.overlap], catchup_window=desired.catch_up
            ),
            state=state,
        )


def _not_ours(identity: str) -> NotOursError:
    return NotOursError(
        f"Temporal has a schedule {identity!r} that somebody else has made.",
        remedy="Delete it there.",
    )
