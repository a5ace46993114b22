"""What each kind of change does to an item's clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alga_temporal_domain.sla.clock import Hours, retargeted, settled
from alga_temporal_domain.sla.contracts import (
    BREACH,
    MOST_CLOCKS,
    CancelClocks,
    Change,
    ChangeCalendar,
    ClockSpec,
    ClockState,
    CompleteClocks,
    FactKind,
    ItemState,
    Pause,
    PauseClocks,
    Phase,
    ResumeClocks,
    Retarget,
)
from alga_temporal_domain.sla.refusals import ChangeRefusedError
from alga_temporal_domain.sla.spans import write_span
from alga_workflows_core.types.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A fact that has no number yet."""

    kind: FactKind
    clock: str | None = None
    data: JsonObject = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class NewCalendar:
    """The calendar from now on."""

    document: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """All clocks as they are behind a change, and what it was."""

    clocks: tuple[ClockState, ...]
    told: tuple[Told, ...]
    calendar: NewCalendar | None = None


def change(state: ItemState, change: Change, at: datetime) -> Done:
    """Do it. ChangeRefusedError if the clocks are not as they have to be."""
    if isinstance(change, PauseClocks):
        return _pause(state, change, at)
    if isinstance(change, ResumeClocks):
        return _resume(state, change, at)
    if isinstance(change, CompleteClocks):
        return _complete(state, change, at)
    if isinstance(change, CancelClocks):
        return _cancel(state, change, at)
    if isinstance(change, Retarget):
        return _retarget(state, change, at)
    if isinstance(change, ChangeCalendar):
        return _calendar(state, change, at)
    return start_clocks(state, change.clocks, at)


def start_clocks(state: ItemState, specs: Iterable[ClockSpec], at: datetime) -> Done:
    """Add clocks, or begin ended ones anew."""
    clocks = {clock.name: clock for clock in state.clocks}
    told: list[Told] = []
    for spec in specs:
        known = clocks.get(spec.name)
        if known is not None and known.is_open:
            raise ChangeRefusedError(
                "SLA_CLOCK_OPEN", f"The clock {spec.name!r} is {known.phase} already."
            )
        clocks[spec.name] = clock = _new(spec, at)
        _refuse_endless(clock, Hours(state.calendar))
        data = {"target": write_span(spec.target), "again": known is not None}
        told.append(Told(kind=FactKind.CLOCK_STARTED, clock=spec.name, data=data))
    if len(clocks) > MOST_CLOCKS:
        raise ChangeRefusedError(
            "SLA_TOO_MANY_CLOCKS", f"An item has {MOST_CLOCKS} clocks at most."
        )
    return Done(clocks=tuple(clocks.values()), told=tuple(told))


def _new(spec: ClockSpec, at: datetime) -> ClockState:
    return ClockState(
        name=spec.name,
        target=spec.target,
        thresholds=spec.thresholds,
        escalations=spec.escalations,
        round_the_clock=spec.round_the_clock,
        at=at,
        started_at=at,
    )


def _refuse_endless(clock: ClockState, hours: Hours) -> None:
    if hours.after(clock, clock.at, clock.target) is None:
        raise ChangeRefusedError(
            "SLA_NEVER_DUE",
            f"The calendar has not so much open time as the target of {clock.name!r} in the next "
            "twenty years.",
        )


def _pause(state: ItemState, change: PauseClocks, at: datetime) -> Done:
    def stop(clock: ClockState) -> ClockState:
        pause = Pause(reason=change.reason, since=at)
        return clock.model_copy(update={"phase": Phase.PAUSED, "pause": pause})

    chosen = _chosen(state, change.clocks, (Phase.RUNNING,), "SLA_NOT_RUNNING", "paused")
    return _each(state, chosen, at, stop, FactKind.PAUSED, reason=change.reason)


def _resume(state: ItemState, change: ResumeClocks, at: datetime) -> Done:
    def go_on(clock: ClockState) -> ClockState:
        stood = at - clock.pause.since if clock.pause else at - at
        update = {"phase": Phase.RUNNING, "pause": None, "paused_for": clock.paused_for + stood}
        return clock.model_copy(update=update)

    chosen = _chosen(state, change.clocks, (Phase.PAUSED,), "SLA_NOT_PAUSED", "resumed")
    return _each(state, chosen, at, go_on, FactKind.RESUMED)


def _complete(state: ItemState, change: CompleteClocks, at: datetime) -> Done:
    chosen = _chosen(state, change.clocks, _OPEN, "SLA_ENDED", "completed")
    return _each(state, chosen, at, _ended(Phase.COMPLETED, at), FactKind.COMPLETED)


def _cancel(state: ItemState, change: CancelClocks, at: datetime) -> Done:
    chosen = _chosen(state, change.clocks, _OPEN, "SLA_ENDED", "cancelled")
    ended = _ended(Phase.CANCELLED, at)
    return _each(state, chosen, at, ended, FactKind.CANCELLED, reason=change.reason)


def _ended(phase: Phase, at: datetime) -> Callable[[ClockState], ClockState]:
    def end(clock: ClockState) -> ClockState:
        stood = at - clock.pause.since if clock.pause else at - at
        update = {"phase": phase, "pause": None, "ended_at": at}
        return clock.model_copy(update={**update, "paused_for": clock.paused_for + stood})

    return end


def _retarget(state: ItemState, change: Retarget, at: datetime) -> Done:
    given = {
        name: value
        for name, value in (
            ("target", change.target),
            ("thresholds", change.thresholds),
            ("escalations", change.escalations),
        )
        if value is not None
    }
    if not given:
        raise ChangeRefusedError(
            "SLA_NOTHING_CHANGED", "There is no target, thresholds or escalations in it."
        )
    chosen = _chosen(state, (change.clock,), _OPEN, "SLA_ENDED", "retargeted")
    hours = Hours(state.calendar)

    def aim(clock: ClockState) -> ClockState:
        other = retargeted(clock, lambda now: now.model_copy(update=given))
        _refuse_endless(other, hours)
        return other

    (before,) = (clock for clock in state.clocks if clock.name == change.clock)
    new = change.target or before.target
    data = {"from": write_span(before.target), "target": write_span(new), "reason": change.reason}
    return _each(state, chosen, at, aim, FactKind.RETARGETED, **data)


def _calendar(state: ItemState, change: ChangeCalendar, at: datetime) -> Done:
    """What has passed was counted by the calendar of then."""
    before, after = Hours(state.calendar), Hours(change.calendar)
    clocks = tuple(settled(clock, before, at) if clock.is_open else clock for clock in state.clocks)
    for clock in clocks:
        if clock.is_open:
            _refuse_endless(clock, after)
    told = (Told(kind=FactKind.CALENDAR_CHANGED),)
    return Done(clocks=clocks, told=told, calendar=NewCalendar(change.calendar))


_OPEN = (Phase.RUNNING, Phase.PAUSED)


def _chosen(
    state: ItemState, names: tuple[str, ...], phases: tuple[Phase, ...], code: str, what: str
) -> set[str]:
    """The clocks with these names, all of which have to be in one of `phases`; without names those
    that are, of which there has to be one."""
    clocks = {clock.name: clock for clock in state.clocks}
    for name in names:
        clock = clocks.get(name)
        if clock is None:
            listed = ", ".join(clocks)
            raise ChangeRefusedError(
                "SLA_CLOCK_UNKNOWN", f"There is no clock {name!r}; there are {listed}."
            )
        if clock.phase not in phases:
            raise ChangeRefusedError(
                code, f"The clock {name!r} is {_told(clock)}; it cannot be {what}."
            )
    if names:
        return set(names)
    found = {clock.name for clock in state.clocks if clock.phase in phases}
    if not found:
        each = ", ".join(f"{clock.name} is {_told(clock)}" for clock in state.clocks)
        raise ChangeRefusedError(code, f"There is no clock that could be {what}: {each}.")
    return found


def _told(clock: ClockState) -> str:
    if clock.pause is None:
        return clock.phase
    return f"paused since {clock.pause.since.isoformat()} ({clock.pause.reason})"


def _each(
    state: ItemState,
    chosen: set[str],
    at: datetime,
    change: Callable[[ClockState], ClockState],
    kind: FactKind,
    **data: Any,
) -> Done:
    """Settle and change the chosen clocks, and tell of each."""
    hours = Hours(state.calendar)
    clocks: list[ClockState] = []
    told: list[Told] = []
    for clock in state.clocks:
        if clock.name not in chosen:
            clocks.append(clock)
            continue
        counted = settled(clock, hours, at)
        clocks.append(change(counted))
        facts = {"elapsed": write_span(counted.spent), **_given(data)}
        if kind is FactKind.COMPLETED:
            facts["met"] = BREACH not in counted.fired
        told.append(Told(kind=kind, clock=clock.name, data=facts))
    return Done(clocks=tuple(clocks), told=tuple(told))


def _given(data: dict[str, Any]) -> JsonObject:
    return {name: value for name, value in data.items() if value is not None}
