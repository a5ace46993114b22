"""Joins schedules: with the launch of runs, with Temporal, and with each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from temporalio.client import Client

from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.supervisor import Backoff, PeriodicService, Service
from alga_workflows_core.runs.admission import OfSchedule
from alga_workflows_core.runs.launch import Launcher, LaunchRequest
from alga_workflows_core.schedules.activities import ScheduleActivities
from alga_workflows_core.schedules.firing import Occurrences
from alga_workflows_core.schedules.keeper import ScheduleKeeper
from alga_workflows_core.schedules.keeping import Keeping
from alga_workflows_core.schedules.orphans import ScheduleOrphans
from alga_workflows_core.schedules.ports import RunOrder, StartsRun
from alga_workflows_core.schedules.requests import ScheduleRequests
from alga_workflows_core.schedules.service import ScheduleService
from alga_workflows_core.schedules.settings import ScheduleSettings
from alga_workflows_core.storage.schedule_fires import SCHEDULE_TRIGGER
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.temporal.schedules import TemporalSchedules


class ScheduledRuns:
    """Launches what schedules order."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    async def start(self, work: UnitOfWork, order: RunOrder) -> UUID:
        """The id of the run; see `StartsRun`."""
        request = LaunchRequest(
            tenant=work.tenant,
            definition_id=order.definition_id,
            trigger_type=SCHEDULE_TRIGGER,
            key=order.key,
            payload=order.payload,
            version=order.version,
            by=order.by,
            # With `skip` it is not asked to start one while another is open.
            schedule=OfSchedule(
                id=order.schedule_id,
                overlap="allow" if order.overlap == "skip" else order.overlap,
            ),
        )
        return (await self._launcher.launch_in(work, request)).run.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """What starts runs at their times."""

    schedules: ScheduleService
    requests: ScheduleRequests
    activities: ScheduleActivities
    services: tuple[Service, ...]

    @classmethod
    def of(
        cls,
        settings: ScheduleSettings,
        storage: Storage,
        client: Client,
        metrics: Metrics,
        starts: StartsRun,
    ) -> Scheduling:
        """Everything of one process."""
        temporal = TemporalSchedules(client)
        occurrences = Occurrences(storage=storage, starts=starts, metrics=metrics)
        keeping = Keeping(
            storage=storage,
            temporal=temporal,
            occurrences=occurrences,
            settings=settings,
        )
        keeper = ScheduleKeeper(storage=storage, keeping=keeping)
        keep = PeriodicService(
            "schedule-keeper", 1.0, keeper.keep_due, backoff=Backoff(longest=2.0)
        )
        storage.when_left(Due.SCHEDULES, keep.poke)
        every = timedelta(seconds=settings.check)
        orphans = ScheduleOrphans(storage=storage, temporal=temporal, every=every)
        return cls(
            schedules=ScheduleService(storage=storage),
            requests=ScheduleRequests(
                storage=storage, starts=starts, occurrences=occurrences, metrics=metrics
            ),
            activities=ScheduleActivities(occurrences),
            # It is some process's turn each interval; this asks whether it is ours.
            services=(keep, PeriodicService("schedule-orphans", settings.check / 2, orphans.sweep)),
        )
