"""Recurring jobs: rows say what is wanted, schedules of Temporal start the jobs."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Annotated

import structlog
from pydantic import Field, model_validator
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.jobs.catalogue import JobCatalogue
from alga_temporal_domain.jobs.contracts import JobInput, Seconds
from alga_temporal_domain.jobs.schedules import TemporalSchedules, WantedSchedule
from alga_temporal_domain.jobs.values import checked_input
from alga_temporal_domain.storage.job_schedules import ScheduleRow, schedules_to_check
from alga_temporal_domain.storage.unit_of_work import DomainStorage, UnitOfWork
from alga_workflows_core.calendars.zones import is_zone
from alga_workflows_core.errors import (
    AlgaError,
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Line, Model

log = structlog.get_logger()

CHECK_SECONDS = 5.0
CHECK_AGAIN = timedelta(minutes=5)

_BATCH = 50


class RecurringDefinition(Model):
    """A job again and again: by `cron` (five fields, in `zone`) or `every` so many seconds.

    `catch_up`: how late, in seconds, a time may still be kept after an outage. A time that comes
    while the job of the last one is under way is left out.
    """

    name: str
    input: Json = None
    cron: Annotated[Line, Field(min_length=9, max_length=200)] | None = None
    every: Annotated[Seconds, Field(ge=1)] | None = None
    zone: str = "UTC"
    catch_up: Annotated[float, Field(ge=10, le=366 * 24 * 3600)] = 60.0

    @model_validator(mode="after")
    def _has_times(self) -> RecurringDefinition:
        if (self.cron is None) == (self.every is None):
            raise ValueError("It needs either cron or every")
        if self.cron is not None and len(self.cron.split()) != 5:
            raise ValueError(
                "A cron expression has five fields: minute, hour, day of the month, month, weekday"
            )
        if not is_zone(self.zone):
            raise ValueError("Its zone has to be a time zone, as in Europe/Vienna")
        return self


class Recurring:
    """Changes rows, and makes Temporal's schedules what they say: at once, or, if Temporal is away,
    in `converge_due`."""

    def __init__(
        self, *, storage: DomainStorage, schedules: TemporalSchedules, catalogue: JobCatalogue
    ) -> None:
        self._storage = storage
        self._schedules = schedules
        self._catalogue = catalogue

    async def put(
        self, tenant: str, key: str, definition: RecurringDefinition, *, paused: bool, actor: str
    ) -> tuple[ScheduleRow, bool]:
        """Have a recurring job, or change it; whether it is new. InputError for an unknown name,
        for input that does not fit and for times that Temporal does not take."""
        await self._wanted(tenant, key, definition, paused=paused, actor=actor)
        async with self._storage.unit_of_work(tenant) as work:
            before = await work.job_schedules.get(key, lock=True)
            await work.job_schedules.put(
                key,
                name=definition.name,
                definition=definition.model_dump(mode="json", by_alias=True),
                paused=paused,
                actor=actor,
            )
            row = await self._tell(work, key)
        return row, before is None or before.deleted

    async def pause(self, tenant: str, key: str, *, paused: bool) -> ScheduleRow:
        """Have it start no jobs, or start them again."""
        async with self._storage.unit_of_work(tenant) as work:
            if not await work.job_schedules.pause(key, paused=paused):
                raise _unknown(key)
            return await self._tell(work, key)

    async def delete(self, tenant: str, key: str) -> None:
        """Take it away; a job of it that is under way goes on."""
        async with self._storage.unit_of_work(tenant) as work:
            if not await work.job_schedules.mark_deleted(key):
                raise _unknown(key)
            await self._tell(work, key)

    async def trigger(self, tenant: str, key: str) -> None:
        """Have a job of it now, unless one is under way; also while it is paused."""
        row = await self.get(tenant, key)
        try:
            await self._schedules.trigger(tenant, key)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise ConflictError(
                f"Temporal does not have the recurring job {key} yet.",
                code="NOT_IN_SYNC",
                remedy=row.problem or "Try again in a moment.",
            ) from error

    async def get(self, tenant: str, key: str) -> ScheduleRow:
        """NotFoundError if there is none."""
        async with self._storage.unit_of_work(tenant) as work:
            row = await work.job_schedules.get(key)
        if row is None or row.deleted:
            raise _unknown(key)
        return row

    async def page(
        self, tenant: str, after: tuple[datetime, str] | None, at_most: int
    ) -> list[ScheduleRow]:
        """The newest first."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.job_schedules.page(after, at_most)

    async def next_times(self, tenant: str, key: str) -> list[datetime]:
        """When Temporal starts its next jobs; none while it does not have it."""
        return await self._schedules.next_times(tenant, key)

    async def converge_due(self) -> None:
        """Hold what is due against Temporal: what was changed while it was away, and from time to
        time everything, as somebody may have changed it there, or a handler its options."""
        while True:
            async with self._storage.transaction() as connection:
                due = await schedules_to_check(connection, _BATCH, CHECK_AGAIN)
            for tenant, key in due:
                async with self._storage.unit_of_work(tenant) as work:
                    await self._tell(work, key, is_asked=False)
            if len(due) < _BATCH:
                return

    async def _tell(self, work: UnitOfWork, key: str, *, is_asked: bool = True) -> ScheduleRow:
        """Make the schedule what the locked row says. What Temporal refuses is raised where
        somebody asks for it, and is the row's `problem` otherwise."""
        row = await work.job_schedules.get(key, lock=True)
        if row is None:
            raise _unknown(key)
        try:
            mark = await self._converge(work.tenant, row)
        except UnavailableError as error:
            log.warning(
                f"A recurring job will be told to Temporal later: {error}",
                action="job.schedule_waits",
                tenant=work.tenant,
                key=key,
            )
            await work.job_schedules.trouble(key, str(error))
        except AlgaError as error:
            if is_asked:
                raise
            await work.job_schedules.trouble(key, str(error))
        else:
            await work.job_schedules.told(key, seq=row.seq, mark=mark)
            if row.deleted:
                await work.job_schedules.remove(key, seq=row.seq)
        return await work.job_schedules.get(key) or row

    async def _converge(self, tenant: str, row: ScheduleRow) -> str:
        if row.deleted:
            await self._schedules.remove(tenant, row.key)
            return "deleted"
        definition = RecurringDefinition.model_validate(row.definition)
        wanted = await self._wanted(tenant, row.key, definition, paused=row.paused, actor=row.actor)
        await self._schedules.converge(wanted)
        return wanted.mark

    async def _wanted(
        self,
        tenant: str,
        key: str,
        definition: RecurringDefinition,
        *,
        paused: bool,
        actor: str | None,
    ) -> WantedSchedule:
        found = await self._catalogue.find(tenant, definition.name)
        value = checked_input(found, definition.input)
        job_input = JobInput(
            job_id=None,
            job_name=definition.name,
            tenant_id=tenant,
            data=definition.input,
            options=found.options_for(value),
            transport=found.transport,
            schedule_key=key,
            actor=actor,
        )
        every = None if definition.every is None else timedelta(seconds=definition.every)
        said = [definition.model_dump(mode="json"), job_input.model_dump(mode="json")]
        mark = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        return WantedSchedule(
            tenant=tenant,
            key=key,
            job=job_input,
            cron=definition.cron,
            every=every,
            zone=definition.zone,
            catch_up=timedelta(seconds=definition.catch_up),
            paused=paused,
            mark=mark,
        )


def _unknown(key: str) -> NotFoundError:
    return NotFoundError(f"There is no recurring job {key[:100]!r}.")
