"""Schedules of ours in Temporal: what is there, and how it becomes what it should be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleListState,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.errors import InputError
from alga_workflows_core.temporal.executions import RPC_TIMEOUT, outage_as_unavailable
from alga_workflows_core.temporal.names import (
    SCHEDULE_FIRE_WORKFLOW,
    TASK_QUEUE,
    schedule_fire_id,
    schedule_id,
    schedule_of,
)
from alga_workflows_core.temporal.schedule_fire import ScheduleRef

_NOTE = "Kept by workflow-worker; changes made here are undone. "
# Each entry brings all its times; a thousand of them are not read within `RPC_TIMEOUT`.
PAGE = 100
_EVERY_WEEKDAY = (ScheduleRange(0, 6),)


class ScheduleRefusedError(InputError):
    """Temporal does not take the schedule, and would not take it again."""

    code = "SCHEDULE_REFUSED"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class UtcCalendar:
    """Each moment in UTC whose year, month and so on are all named. In order, without repeats."""

    years: tuple[int, ...]
    months: tuple[int, ...]
    days: tuple[int, ...]
    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTimes:
    """When it fires: by calendars, or each `every` counted from `offset` behind 1970 in UTC.

    `first` and `last` are the earliest and the latest moment, both included.
    """

    calendars: tuple[UtcCalendar, ...] = ()
    every: timedelta | None = None
    offset: timedelta = timedelta()
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSchedule:
    """What should be there. `mark` differs wherever anything of it does."""

    tenant: str
    name: str
    times: FireTimes
    catch_up: timedelta
    jitter: timedelta
    paused: bool
    mark: str


class TemporalSchedules:
    """The schedules in the namespace of `client`. UnavailableError when Temporal is away."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def namespace(self) -> str:
        return self._client.namespace

    async def converge(self, wanted: WantedSchedule, *, is_new: bool = False) -> bool:
        """Make it as it should be; whether that took a change. ScheduleRefusedError.

        One that is probably not there, as it `is_new`, is made without a look, which costs the
        server more than making it.
        """
        with outage_as_unavailable(self._client), _refusal():
            if is_new and await self._create(wanted):
                return True
            changed = await self._change(wanted)
            # It is gone, or was not there; should another process be faster, it is done as well.
            return await self._create(wanted) if changed is None else changed

    async def remove(self, tenant: str, name: str) -> bool:
        """Take it away; False if it was not there."""
        with outage_as_unavailable(self._client):
            try:
                await self._handle(tenant, name).delete(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return True

    async def pages(self) -> AsyncGenerator[list[tuple[str, str]]]:
        """Tenant and name of each schedule of ours that the server's index lists, page by page.

        Ours is what has an id of ours and starts what ours start. The index may lag behind.
        """
        with outage_as_unavailable(self._client):
            listing = await self._client.list_schedules(page_size=PAGE, rpc_timeout=RPC_TIMEOUT)
        while True:
            with outage_as_unavailable(self._client):
                await listing.fetch_next_page()
            found = [
                schedule_of(each.id)
                for each in listing.current_page or ()
                if each.schedule is not None
                and getattr(each.schedule.action, "workflow", None) == SCHEDULE_FIRE_WORKFLOW
            ]
            yield [each for each in found if each is not None]
            if not listing.next_page_token:
                return

    async def next_times(self, tenant: str, name: str) -> Sequence[datetime] | None:
        """The next moments at which Temporal fires it, without jitter; None if it is not there."""
        with outage_as_unavailable(self._client):
            try:
                found = await self._handle(tenant, name).describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise
        return found.info.next_action_times

    async def _create(self, wanted: WantedSchedule) -> bool:
        identity = schedule_id(wanted.tenant, wanted.name)
        try:
            await self._client.create_schedule(identity, _schedule(wanted), rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            return False
        return True

    async def _change(self, wanted: WantedSchedule) -> bool | None:
        """Whether it had to be changed; None if it is not there."""
        handle = self._handle(wanted.tenant, wanted.name)
        changed = False

        def change(found: ScheduleUpdateInput) -> ScheduleUpdate | None:
            nonlocal changed
            schedule = found.description.schedule
            if getattr(schedule.action, "workflow", None) != SCHEDULE_FIRE_WORKFLOW:
                raise _is_not_ours(handle.id)
            is_as_wanted = is_as(schedule.state, wanted)
            changed = not is_as_wanted
            return None if is_as_wanted else ScheduleUpdate(_schedule(wanted))

        try:
            await handle.update(change, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        return changed

    def _handle(self, tenant: str, name: str) -> ScheduleHandle:
        return self._client.get_schedule_handle(schedule_id(tenant, name))


def is_as(state: ScheduleState | ScheduleListState, wanted: WantedSchedule) -> bool:
    """Whether what Temporal has of a schedule of ours is what is wanted."""
    return (state.note, state.paused) == (_NOTE + wanted.mark, wanted.paused)


@contextmanager
def _refusal() -> Generator[None]:
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        raise ScheduleRefusedError(
            f"Temporal refuses the schedule: {error.message.rstrip('.')}.",
            remedy="Change its times, or their number.",
        ) from error


def _is_not_ours(identity: str) -> ScheduleRefusedError:
    return ScheduleRefusedError(
        f"Temporal has a schedule {identity!r} that somebody else has made.",
        remedy="Delete it there, or give this one another id.",
    )


def _schedule(wanted: WantedSchedule) -> Schedule:
    times = wanted.times
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SCHEDULE_FIRE_WORKFLOW,
            ScheduleRef(tenant=wanted.tenant, schedule=wanted.name),
            id=schedule_fire_id(wanted.tenant, wanted.name),
            task_queue=TASK_QUEUE,
            static_summary=wanted.name,
        ),
        spec=ScheduleSpec(
            calendars=[_calendar(each) for each in times.calendars],
            intervals=()
            if times.every is None
            else [ScheduleIntervalSpec(every=times.every, offset=times.offset)],
            start_at=times.first,
            end_at=times.last,
            jitter=wanted.jitter or None,
        ),
        # Whether occurrences may overlap is decided where they are launched.
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=wanted.catch_up
        ),
        state=ScheduleState(note=_NOTE + wanted.mark, paused=wanted.paused),
    )


def _calendar(calendar: UtcCalendar) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        year=_ranges(calendar.years),
        month=_ranges(calendar.months),
        day_of_month=_ranges(calendar.days),
        hour=_ranges(calendar.hours),
        minute=_ranges(calendar.minutes),
        second=_ranges(calendar.seconds),
        day_of_week=_EVERY_WEEKDAY,
    )


def _ranges(numbers: Iterable[int]) -> list[ScheduleRange]:
    found: list[ScheduleRange] = []
    for number in numbers:
        if found and found[-1].end == number - 1:
            found[-1] = ScheduleRange(found[-1].start, number)
        else:
            found.append(ScheduleRange(number, number))
    return found
