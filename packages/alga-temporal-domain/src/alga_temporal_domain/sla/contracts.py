"""What an item's clocks are, what can be asked of them, and what they tell."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field

from alga_temporal_domain.sla.names import CLOCK, ITEM
from alga_temporal_domain.sla.spans import Moment, Span
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.types.identifiers import TENANT
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import BY_KIND, Line, Model

DEFAULT_THRESHOLDS = (50, 75, 90)
BREACH = 100
MOST_CLOCKS = 20
MOST_SEEN = 100


class Phase(StrEnum):
    """What a clock does. The last two are ends."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class FactKind(StrEnum):
    """What can have happened. The event of a fact is named `sla.<kind>`."""

    STARTED = "started"
    CLOCK_STARTED = "clock_started"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETARGETED = "retargeted"
    CALENDAR_CHANGED = "calendar_changed"
    THRESHOLD_REACHED = "threshold_reached"
    BREACHED = "breached"
    ESCALATED = "escalated"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    REFUSED = "refused"


def _tuple(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


AS_TUPLE = BeforeValidator(_tuple)
"""Reads a list as a tuple where nothing else is converted."""


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("A target is longer than nothing")
    return value


def _calendar(value: JsonObject) -> JsonObject:
    parse_calendar(value)
    return value


Name = Annotated[str, Field(pattern=CLOCK, examples=["response"])]
Item = Annotated[str, Field(pattern=ITEM, examples=["ticket-4711"])]
Percent = Annotated[int, Field(ge=1, le=1000)]
Target = Annotated[Span, AfterValidator(_positive)]
CalendarDocument = Annotated[JsonObject, AfterValidator(_calendar)]
Reason = Annotated[Line, Field(min_length=1, max_length=200)]


class Escalation(Model):
    """Reaching `percent` of a target raises the item to `level`, if it is not there already."""

    percent: Percent
    level: Annotated[int, Field(ge=1, le=100)]


Thresholds = Annotated[tuple[Percent, ...], AS_TUPLE, Field(max_length=50)]
Escalations = Annotated[tuple[Escalation, ...], AS_TUPLE, Field(max_length=50)]


class ClockSpec(Model):
    """A clock to be started. `thresholds`: percents of the target that are told when they are
    reached, 100 always too. `round_the_clock`: the item's calendar is not for this one."""

    name: Name
    target: Target
    thresholds: Annotated[tuple[Percent, ...], AS_TUPLE, Field(max_length=50)] = DEFAULT_THRESHOLDS
    escalations: Annotated[tuple[Escalation, ...], AS_TUPLE, Field(max_length=50)] = ()
    round_the_clock: bool = False


class Pause(Model):
    """Since when a clock stands still, and why."""

    reason: str
    since: Moment


class ClockState(Model):
    """A clock as far as it is known at `at`: `spent` is the open time of all that it has run until
    then. `fired`: percents of the present target that were told."""

    name: str
    target: Span
    thresholds: tuple[int, ...]
    escalations: tuple[Escalation, ...] = ()
    round_the_clock: bool = False
    phase: Phase = Phase.RUNNING
    spent: Span = timedelta()
    at: Moment
    started_at: Moment
    pause: Pause | None = None
    paused_for: Span = timedelta()
    fired: tuple[int, ...] = ()
    breached_at: Moment | None = None
    targets: int = 1
    ended_at: Moment | None = None

    @property
    def is_open(self) -> bool:
        """Whether it runs or may run again."""
        return self.phase in (Phase.RUNNING, Phase.PAUSED)


class Seen(Model):
    """A change that was asked for already."""

    id: str
    digest: str


class ItemState(Model):
    """All that is known of an item; nothing else is needed to go on. Without a `calendar` it is
    always open. `sequence`: how many facts there were. `origin`: a digest of what it was started
    with."""

    tenant: str
    item: str
    calendar: JsonObject | None = None
    clocks: tuple[ClockState, ...]
    started_at: Moment
    changed_at: Moment
    level: int = 0
    sequence: int = 0
    seen: tuple[Seen, ...] = ()
    origin: str = ""

    @property
    def is_open(self) -> bool:
        """Whether one of its clocks is."""
        return any(clock.is_open for clock in self.clocks)


class PauseClocks(Model):
    """Stop clocks; without names those that run."""

    kind: Literal["pause"] = "pause"
    clocks: Annotated[tuple[Name, ...], AS_TUPLE, Field(max_length=MOST_CLOCKS)] = ()
    reason: Reason


class ResumeClocks(Model):
    """Have clocks go on; without names those that are paused."""

    kind: Literal["resume"] = "resume"
    clocks: Annotated[tuple[Name, ...], AS_TUPLE, Field(max_length=MOST_CLOCKS)] = ()


class CompleteClocks(Model):
    """What they were for is done; without names those that are open."""

    kind: Literal["complete"] = "complete"
    clocks: Annotated[tuple[Name, ...], AS_TUPLE, Field(max_length=MOST_CLOCKS)] = ()


class CancelClocks(Model):
    """They are not wanted any more; without names those that are open."""

    kind: Literal["cancel"] = "cancel"
    clocks: Annotated[tuple[Name, ...], AS_TUPLE, Field(max_length=MOST_CLOCKS)] = ()
    reason: Reason | None = None


class Retarget(Model):
    """Another target for an open clock; what is absent stays."""

    kind: Literal["retarget"] = "retarget"
    clock: Name
    target: Target | None = None
    thresholds: Thresholds | None = None
    escalations: Escalations | None = None
    reason: Reason | None = None


class ChangeCalendar(Model):
    """Count by another calendar from now on; null: always open."""

    kind: Literal["calendar"] = "calendar"
    calendar: CalendarDocument | None


class StartClocks(Model):
    """Start further clocks, or again ones that have ended."""

    kind: Literal["clocks"] = "clocks"
    clocks: Annotated[tuple[ClockSpec, ...], AS_TUPLE, Field(min_length=1, max_length=MOST_CLOCKS)]


Change: TypeAlias = Annotated[
    PauseClocks
    | ResumeClocks
    | CompleteClocks
    | CancelClocks
    | Retarget
    | ChangeCalendar
    | StartClocks,
    BY_KIND,
]


class Command(Model):
    """A change, as of `at`. The same `id` changes once. `is_dated`: the caller has said when; else
    `at` is when it was received, and moves behind what was before it."""

    id: str
    at: Moment
    is_dated: bool = False
    actor: str
    change: Change


class Fact(Model):
    """Something that happened at `at`, the `seq`-th of its item."""

    seq: int
    kind: FactKind
    at: Moment
    clock: str | None = None
    actor: str | None = None
    data: JsonObject = Field(default_factory=dict)


class NewItem(Model):
    """An item whose clocks are to be started, as of `started_at`."""

    tenant: Annotated[str, Field(pattern=TENANT)]
    item: Item
    calendar: CalendarDocument | None = None
    clocks: Annotated[tuple[ClockSpec, ...], AS_TUPLE, Field(min_length=1, max_length=MOST_CLOCKS)]
    started_at: Moment


class SlaInput(Model):
    """What an execution begins with, or goes on with. `most_changes`: after so many it goes on in
    a new execution, if the server has not asked for that before. `first` is what has an ended item
    go on. `pending`: facts that are not recorded yet, in their order."""

    state: ItemState
    first: Command | None = None
    most_changes: int = 250
    pending: tuple[Fact, ...] = ()


class Recorded(Model):
    """What is written at once: facts, and the state behind them. `next_due`: when there will be
    another one by itself."""

    state: ItemState
    facts: tuple[Fact, ...]
    next_due: Moment | None


class ClockView(Model):
    """A clock at a moment. `deadline`: when it breaches if nothing changes; None while it is
    paused, when it has, or if its calendar never opens for so long."""

    name: str
    phase: Phase
    target: Span
    elapsed: Span
    remaining: Span
    percent: float
    deadline: Moment | None
    next_percent: int | None
    next_due: Moment | None
    pause: Pause | None
    paused_for: Span
    fired: tuple[int, ...]
    breached_at: Moment | None
    ended_at: Moment | None
    met: bool | None


class ItemView(Model):
    """An item at a moment."""

    item: str
    is_open: bool
    as_of: Moment
    started_at: Moment
    changed_at: Moment
    level: int
    sequence: int
    calendar: JsonObject | None
    clocks: tuple[ClockView, ...]
    next_due: Moment | None
