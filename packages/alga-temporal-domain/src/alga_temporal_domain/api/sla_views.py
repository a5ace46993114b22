"""SLA clocks in the terms of HTTP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alga_temporal_domain.sla.contracts import (
    AS_TUPLE,
    MOST_CLOCKS,
    CalendarDocument,
    ClockSpec,
    ClockView,
    Escalations,
    ItemView,
    Name,
    Reason,
    Target,
    Thresholds,
)
from alga_temporal_domain.sla.spans import Moment
from alga_temporal_domain.storage.sla import ChangeRow
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.model import Model

_At = Annotated[
    Moment | None,
    Field(description="When it was so; absent: now. Not before the item's last change."),
]
_Clocks = Annotated[
    tuple[Name, ...],
    AS_TUPLE,
    Field(max_length=MOST_CLOCKS, description="Absent: all that it fits."),
]
_Specs = Annotated[tuple[ClockSpec, ...], AS_TUPLE, Field(min_length=1, max_length=MOST_CLOCKS)]


class StartItem(Model):
    """Clocks of a new item, without a calendar always open."""

    clocks: _Specs
    calendar: CalendarDocument | None = None
    started_at: Annotated[
        Moment | None, Field(description="Since when they have run; absent: now.")
    ] = None


class MoreClocks(Model):
    """Clocks to be started, which the item has not, or not any more."""

    clocks: _Specs
    at: _At = None


class PauseItem(Model):
    """Why clocks stand still."""

    reason: Reason
    clocks: _Clocks = ()
    at: _At = None


class ChosenClocks(Model):
    """Clocks by their names."""

    clocks: _Clocks = ()
    at: _At = None


class CancelItem(Model):
    """Clocks by their names, and why they are not wanted any more."""

    clocks: _Clocks = ()
    reason: Reason | None = None
    at: _At = None


class RetargetClock(Model):
    """Another target of a clock; what is absent stays."""

    clock: Name
    target: Target | None = None
    thresholds: Thresholds | None = None
    escalations: Escalations | None = None
    reason: Reason | None = None
    at: _At = None


class NewCalendar(Model):
    """The calendar from now on; null: always open."""

    calendar: CalendarDocument | None
    at: _At = None


class KeptView(Model):
    """A change that no worker has judged yet. It will be made as of the moment when it was asked
    for; the item's changes will tell."""

    item: str
    judged: bool = False


class ItemSummary(Model):
    """An item in a list."""

    item: str
    is_open: bool
    level: int
    started_at: Moment
    next_due: Moment | None
    next_clock: str | None
    next_percent: int | None
    clocks: tuple[ClockView, ...]


class ChangeView(Model):
    """Something that has happened to an item."""

    seq: int
    kind: str
    clock: str | None
    at: Moment
    actor: str | None
    data: JsonObject
    recorded_at: Moment


class ChangesView(Model):
    """Changes in order; `next`: the last number, to go on behind it."""

    items: list[ChangeView]
    next: int


def summary(view: ItemView) -> ItemSummary:
    """The same in a list."""
    following = next(
        (clock for clock in view.clocks if clock.next_due and clock.next_due == view.next_due),
        None,
    )
    return ItemSummary(
        item=view.item,
        is_open=view.is_open,
        level=view.level,
        started_at=view.started_at,
        next_due=view.next_due,
        next_clock=None if following is None else following.name,
        next_percent=None if following is None else following.next_percent,
        clocks=view.clocks,
    )


def change_view(row: ChangeRow) -> ChangeView:
    """The same for callers."""
    return ChangeView(
        seq=row.seq,
        kind=row.kind,
        clock=row.clock,
        at=row.at,
        actor=row.actor,
        data=row.data,
        recorded_at=row.recorded_at,
    )
