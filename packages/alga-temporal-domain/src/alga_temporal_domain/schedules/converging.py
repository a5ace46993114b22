"""One round: all that should be there is, and nothing else of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from temporalio.service import RPCError

from alga_temporal_domain.schedules.desired import (
    DesiredSchedule,
    ScheduleSource,
    schedule_id,
    source_of,
)
from alga_temporal_domain.schedules.temporal import TemporalSchedules
from alga_workflows_core.errors import AlgaError

log = structlog.get_logger()

_SHOWN = 5


class NotConvergedError(AlgaError):
    """Some schedules are not as they should be; the message says which and why."""

    code = "SCHEDULES_NOT_CONVERGED"


@dataclass(frozen=True, slots=True)
class _Wanted:
    source: str
    schedule: DesiredSchedule


class Converging:
    """Brings the schedules in Temporal to what the sources desire. To be done by one process at a
    time, with the same sources in each."""

    def __init__(self, temporal: TemporalSchedules, sources: Sequence[ScheduleSource]) -> None:
        for source in sources:
            schedule_id(source.name, "any")
        names = [source.name for source in sources]
        if len(set(names)) != len(names):
            raise ValueError(f"two sources of schedules have the same name: {names}")
        self._temporal = temporal
        self._sources = tuple(sources)

    async def round(self) -> None:
        """Do it once. NotConvergedError after all that could be done has been done.

        What a source that cannot say what it desires has there stays as it is. What has an id of
        ours of no source is taken away.
        """
        faults: list[str] = []
        wanted: list[_Wanted] = []
        silent: set[str] = set()
        for source in self._sources:
            try:
                wanted += [_Wanted(source.name, each) for each in await source.desired()]
            except Exception as error:
                # The boundary: one family's fault must not cost the others their schedules.
                log.exception(
                    f"{source.name} cannot say which schedules there should be",
                    action="schedule.source_failed",
                    source=source.name,
                )
                silent.add(source.name)
                faults.append(f"{source.name}: {_said(error)}")
        faults += await self._converge(wanted)
        faults += await self._prune({_id(each) for each in wanted}, silent)
        if faults:
            more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
            raise NotConvergedError(
                f"Schedules are not as they should be: {'; '.join(faults[:_SHOWN])}{more}.",
                remedy="It is tried again of itself.",
            )

    async def _converge(self, wanted: Iterable[_Wanted]) -> list[str]:
        faults: list[str] = []
        for each in wanted:
            try:
                done = await self._temporal.converge(each.source, each.schedule)
            except (RPCError, AlgaError, RuntimeError) as error:
                faults.append(f"{_id(each)}: {_said(error)}")
                continue
            if done is not None:
                log.info(
                    f"Schedule {_id(each)} was {done}",
                    action=f"schedule.{done}",
                    schedule=_id(each),
                )
        return faults

    async def _prune(self, wanted: set[str], silent: set[str]) -> list[str]:
        try:
            found = [each async for each in self._temporal.mine()]
            for identity in found:
                if identity in wanted or source_of(identity) in silent:
                    continue
                await self._temporal.remove(identity)
                log.info(
                    f"Schedule {identity} is not wanted any more and was removed",
                    action="schedule.removed",
                    schedule=identity,
                )
        except (RPCError, AlgaError, RuntimeError) as error:
            return [f"what is not wanted any more: {_said(error)}"]
        return []


def _id(wanted: _Wanted) -> str:
    return schedule_id(wanted.source, wanted.schedule.id)


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")
