"""Items, commands and what came of them, in few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from alga_temporal_domain.sla.contracts import (
    CancelClocks,
    Change,
    ChangeCalendar,
    ClockSpec,
    Command,
    CompleteClocks,
    Escalation,
    Fact,
    ItemState,
    NewItem,
    PauseClocks,
    ResumeClocks,
    Retarget,
    StartClocks,
)
from alga_temporal_domain.sla.machine import Outcome, advance, apply, start

TENANT = "default"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 3, 23, 8, tzinfo=UTC)
OFFICE: dict[str, Any] = {
    "zone": "Europe/Vienna",
    "weekly": {
        day: ["08:00-12:00", "13:00-17:00"]
        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    },
}


def spec(name: str = "response", target: timedelta = HOUR, **more: Any) -> ClockSpec:
    """A clock with the usual thresholds."""
    return ClockSpec(name=name, target=target, **more)


def escalating(*levels: tuple[int, int]) -> tuple[Escalation, ...]:
    """Levels by percent."""
    return tuple(Escalation(percent=percent, level=level) for percent, level in levels)


def new_item(
    *clocks: ClockSpec,
    at: datetime = MONDAY,
    calendar: dict[str, Any] | None = None,
    item: str | None = None,
) -> NewItem:
    """An item with one clock of an hour, if nothing else is said."""
    return NewItem(
        tenant=TENANT,
        item=item or f"ticket-{uuid4().hex[:8]}",
        calendar=calendar,
        clocks=clocks or (spec(),),
        started_at=at,
    )


def begun(
    *clocks: ClockSpec, at: datetime = MONDAY, calendar: dict[str, Any] | None = None
) -> ItemState:
    """Its state right behind the start."""
    return start(new_item(*clocks, at=at, calendar=calendar), "test").state


def command(change: Change, at: datetime, *, key: str | None = None, dated: bool = True) -> Command:
    """A change as of a moment."""
    return Command(id=key or uuid4().hex, at=at, is_dated=dated, actor="test", change=change)


def pause(at: datetime, *clocks: str, reason: str = "awaiting_client") -> Command:
    return command(PauseClocks(clocks=clocks, reason=reason), at)


def resume(at: datetime, *clocks: str) -> Command:
    return command(ResumeClocks(clocks=clocks), at)


def complete(at: datetime, *clocks: str) -> Command:
    return command(CompleteClocks(clocks=clocks), at)


def cancel(at: datetime, *clocks: str) -> Command:
    return command(CancelClocks(clocks=clocks), at)


def retarget(at: datetime, target: timedelta, clock: str = "response") -> Command:
    return command(Retarget(clock=clock, target=target), at)


def change_calendar(at: datetime, calendar: dict[str, Any] | None) -> Command:
    return command(ChangeCalendar(calendar=calendar), at)


def start_clocks(at: datetime, *clocks: ClockSpec) -> Command:
    return command(StartClocks(clocks=clocks), at)


def played(state: ItemState, commands: Iterable[Command], until: datetime) -> Outcome:
    """All commands at their moments, then time until `until`."""
    facts: list[Fact] = []
    for each in commands:
        outcome = apply(state, each, each.at)
        state, facts = outcome.state, [*facts, *outcome.facts]
    outcome = advance(state, until)
    return Outcome(state=outcome.state, facts=(*facts, *outcome.facts))


def told(facts: Sequence[Fact]) -> list[tuple[str, Any]]:
    """Kinds, and with them percents or levels where there are some."""
    return [(fact.kind.value, fact.data.get("level") or fact.data.get("percent")) for fact in facts]


def reached(facts: Sequence[Fact], clock: str = "response") -> list[tuple[int, datetime]]:
    """The thresholds that a clock has reached, and when."""
    return [
        (fact.data["percent"], fact.at)
        for fact in facts
        if fact.kind == "threshold_reached" and fact.clock == clock
    ]
