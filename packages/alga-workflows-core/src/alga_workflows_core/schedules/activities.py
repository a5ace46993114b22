"""The activity of schedules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from temporalio import activity

from alga_workflows_core.schedules.firing import BY, Firing, Occurrences
from alga_workflows_core.storage.schedule_fires import Cause
from alga_workflows_core.temporal.names import SCHEDULE_FIRE_ACTIVITY
from alga_workflows_core.temporal.schedule_fire import Fired, Occurrence


class ScheduleActivities:
    """Decides the occurrences that Temporal tells of."""

    def __init__(self, occurrences: Occurrences) -> None:
        self._occurrences = occurrences

    def all(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self.fire]

    @activity.defn(name=SCHEDULE_FIRE_ACTIVITY)
    async def fire(self, occurrence: Occurrence) -> Fired:
        """Start the run of an occurrence, or write why not; repeated by Temporal until it works."""
        row = await self._occurrences.fire(
            Firing(
                tenant=occurrence.tenant,
                schedule_id=occurrence.schedule,
                nominal=occurrence.nominal,
                cause=Cause.TIME,
                by=BY,
            )
        )
        if row is None:
            return Fired(outcome="gone")
        run = None if row.run_id is None else str(row.run_id)
        return Fired(outcome=row.outcome, reason=row.code, run_id=run)
