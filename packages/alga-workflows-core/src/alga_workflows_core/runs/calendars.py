"""The calendars by which runs count working time."""

from __future__ import annotations

from typing import Protocol

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.wire import RunIdentity


class Calendars(Protocol):
    """Where the calendars of runs are."""

    async def named(self, run: RunIdentity, name: str) -> Calendar | None:
        """The calendar that `name` stands for in a run, as it is now; None if there is none."""
        ...


class StoredCalendars:
    """Those of the run's tenant. UnavailableError while they cannot be read."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def named(self, run: RunIdentity, name: str) -> Calendar | None:
        async with self._storage.unit_of_work(run.tenant_id) as work:
            row = await work.calendars.get(name)
        return None if row is None else row.calendar()
