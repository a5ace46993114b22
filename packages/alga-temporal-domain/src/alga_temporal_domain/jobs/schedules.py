"""Schedules of recurring jobs in Temporal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.jobs import names
from alga_temporal_domain.jobs.contracts import JobInput
from alga_temporal_domain.jobs.finding import job_memo
from alga_temporal_domain.jobs.outages import RPC_TIMEOUT, temporal_outage
from alga_temporal_domain.queues.spec import JOBS
from alga_workflows_core.errors import InputError

_NOTE = "Kept by temporal-worker; changes made here are undone. "


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSchedule:
    """What should be there, by `cron` in `zone` or `every`. `mark` differs wherever anything of it
    but `paused` does."""

    tenant: str
    key: str
    job: JobInput
    cron: str | None
    every: timedelta | None
    zone: str
    catch_up: timedelta
    paused: bool
    mark: str


class TemporalSchedules:
    """The schedules in the client's namespace. UnavailableError when Temporal is away."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address

    async def converge(self, wanted: WantedSchedule) -> None:
        """Make it as it should be; nothing happens if it is. InputError if Temporal refuses it."""
        with temporal_outage(self._address):
            try:
                if not await self._change(wanted) and not await self._create(wanted):
                    # Somebody has made it between the two.
                    await self._change(wanted)
            except RPCError as error:
                if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                    raise
                raise InputError(
                    f"Temporal refuses the times: {error.message.rstrip('.')}.",
                    code="SCHEDULE_REFUSED",
                    remedy="Correct cron or every.",
                ) from error

    async def remove(self, tenant: str, key: str) -> None:
        """Take it away, if it is there."""
        with temporal_outage(self._address):
            try:
                await self._handle(tenant, key).delete(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    async def trigger(self, tenant: str, key: str) -> None:
        """Have it start a job now, unless one is under way; RPCError if it is not there."""
        with temporal_outage(self._address):
            await self._handle(tenant, key).trigger(
                overlap=ScheduleOverlapPolicy.SKIP, rpc_timeout=RPC_TIMEOUT
            )

    async def next_times(self, tenant: str, key: str) -> list[datetime]:
        """Its next times; none if it is not there."""
        with temporal_outage(self._address):
            try:
                found = await self._handle(tenant, key).describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return []
                raise
        return list(found.info.next_action_times)

    async def _create(self, wanted: WantedSchedule) -> bool:
        identity = names.schedule_id(wanted.tenant, wanted.key)
        try:
            await self._client.create_schedule(identity, _schedule(wanted), rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            return False
        return True

    async def _change(self, wanted: WantedSchedule) -> bool:
        """Whether it is there."""

        def change(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
            state = found.description.schedule.state
            is_as_wanted = (state.note, state.paused) == (_NOTE + wanted.mark, wanted.paused)
            return None if is_as_wanted else ScheduleUpdate(_schedule(wanted))

        try:
            await self._handle(wanted.tenant, wanted.key).update(change, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    def _handle(self, tenant: str, key: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(names.schedule_id(tenant, key))


def _schedule(wanted: WantedSchedule) -> Schedule:
    job = wanted.job
    memo = job_memo(
        tenant=wanted.tenant,
        name=job.job_name,
        job_id=None,
        schedule_key=wanted.key,
        actor=job.actor,
    )
    return Schedule(
        action=ScheduleActionStartWorkflow(
            names.GENERIC_JOB_WORKFLOW,
            job,
            id=names.recurring_workflow_id(wanted.tenant, job.job_name, wanted.key),
            task_queue=JOBS,
            memo=memo,
            static_summary=job.job_name,
        ),
        spec=ScheduleSpec(
            cron_expressions=[] if wanted.cron is None else [wanted.cron],
            intervals=[] if wanted.every is None else [ScheduleIntervalSpec(every=wanted.every)],
            time_zone_name=wanted.zone,
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=wanted.catch_up),
        state=ScheduleState(note=_NOTE + wanted.mark, paused=wanted.paused),
    )
