"""What becomes of an item: time passes, commands change it, facts come out. No clock, no I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from alga_temporal_domain.sla import changes
from alga_temporal_domain.sla.clock import Hours, due, next_mark
from alga_temporal_domain.sla.contracts import (
    BREACH,
    MOST_SEEN,
    ClockState,
    Command,
    Fact,
    FactKind,
    ItemState,
    NewItem,
    Seen,
)
from alga_temporal_domain.sla.refusals import ChangeRefusedError
from alga_temporal_domain.sla.spans import write_span

AHEAD = timedelta(minutes=1)
"""How far clocks of machines may differ: nothing is changed as of a later moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The state behind a change, and what happened, in order."""

    state: ItemState
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A clock reaches a percent of its target `at`."""

    at: datetime
    percent: int
    index: int


def origin(new: NewItem, *, is_dated: bool) -> str:
    """The same for everybody who asks for the same. `is_dated`: they have said since when."""
    left_out = set[str]() if is_dated else {"started_at"}
    return _hash(new.model_dump_json(exclude=left_out))


def start(new: NewItem, actor: str, *, is_dated: bool = False) -> Outcome:
    """An item whose clocks have been running since `started_at`, and the facts that say so.

    ChangeRefusedError if a clock of it is there twice, or would never reach its target.
    """
    empty = ItemState(
        tenant=new.tenant,
        item=new.item,
        calendar=new.calendar,
        clocks=(),
        started_at=new.started_at,
        changed_at=new.started_at,
        origin=origin(new, is_dated=is_dated),
    )
    fact = Fact(seq=1, kind=FactKind.STARTED, at=new.started_at, actor=actor)
    begun = empty.model_copy(update={"sequence": 1})
    clocks = changes.start_clocks(begun, new.clocks, new.started_at)
    state, facts = _tell(begun, clocks, new.started_at, actor)
    return Outcome(state=state, facts=(fact, *facts))


def next_due(state: ItemState) -> Due | None:
    """What happens next by itself. At one moment lower percents come first."""
    hours = Hours(state.calendar)
    found: list[Due] = []
    for index, clock in enumerate(state.clocks):
        percent = next_mark(clock) if clock.is_open else None
        at = None if percent is None else due(clock, hours, percent)
        if percent is not None and at is not None:
            found.append(Due(at=at, percent=percent, index=index))
    return min(found, key=lambda each: (each.at, each.percent, each.index), default=None)


def advance(state: ItemState, until: datetime) -> Outcome:
    """Have all happen that is due until a moment and has not: each once, in the order of when."""
    facts: list[Fact] = []
    while (next_one := next_due(state)) is not None and next_one.at <= until:
        state, told = _reach(state, next_one)
        facts += told
    return Outcome(state=state, facts=tuple(facts))


def apply(state: ItemState, command: Command, now: datetime) -> Outcome:
    """Change an item as of `command.at`, behind all that was due until then.

    A command that was seen changes nothing. ChangeRefusedError if it cannot be.
    """
    digest = _digest(command)
    known = next((each for each in state.seen if each.id == command.id), None)
    if known is not None:
        if known.digest != digest:
            raise ChangeRefusedError(
                "KEY_REUSED", "This Idempotency-Key was sent with another change before."
            )
        return Outcome(state=state)
    at = _moment(state, command, now)
    before = advance(state, at)
    done = changes.change(before.state, command.change, at)
    changed, facts = _tell(before.state, done, at, command.actor)
    seen = (*changed.seen, Seen(id=command.id, digest=digest))[-MOST_SEEN:]
    changed = changed.model_copy(update={"changed_at": at, "seen": seen})
    after = advance(changed, at)
    closed = _closed(before.state, after.state, at, command.actor)
    return Outcome(state=closed.state, facts=(*before.facts, *facts, *after.facts, *closed.facts))


def refused(
    state: ItemState, command: Command, refusal: ChangeRefusedError, now: datetime
) -> Outcome:
    """Keep in mind that nothing came of a command that nobody waits for."""
    seq = state.sequence + 1
    data = {"change": command.change.kind, "code": refusal.code, "message": refusal.message}
    fact = Fact(seq=seq, kind=FactKind.REFUSED, at=now, actor=command.actor, data=data)
    return Outcome(state=state.model_copy(update={"sequence": seq}), facts=(fact,))


def _moment(state: ItemState, command: Command, now: datetime) -> datetime:
    if command.at > now + AHEAD:
        raise ChangeRefusedError(
            "SLA_AT_IN_FUTURE", "A change cannot be as of a later moment than now."
        )
    if command.at >= state.changed_at:
        return command.at
    if command.is_dated:
        raise ChangeRefusedError(
            "SLA_AT_TOO_EARLY",
            f"The item was changed at {state.changed_at.isoformat()}, which is later than `at`.",
        )
    return state.changed_at


def _reach(state: ItemState, reached: Due) -> tuple[ItemState, list[Fact]]:
    """A clock has reached a percent."""
    clock, at = state.clocks[reached.index], reached.at
    told: list[tuple[FactKind, dict[str, Any]]] = []
    data = {"percent": reached.percent, "target": write_span(clock.target)}
    if reached.percent == BREACH or reached.percent in clock.thresholds:
        told.append((FactKind.THRESHOLD_REACHED, data))
    updates: dict[str, Any] = {"fired": (*clock.fired, reached.percent)}
    if reached.percent == BREACH:
        told.append((FactKind.BREACHED, {"target": write_span(clock.target)}))
        updates["breached_at"] = at
    level = max(
        (each.level for each in clock.escalations if each.percent == reached.percent), default=0
    )
    if level > state.level:
        told.append((FactKind.ESCALATED, {**data, "level": level, "from": state.level}))
    facts = [
        Fact(seq=state.sequence + number, kind=kind, at=at, clock=clock.name, data=more)
        for number, (kind, more) in enumerate(told, 1)
    ]
    state = state.model_copy(
        update={
            "clocks": _with(state.clocks, reached.index, clock.model_copy(update=updates)),
            "level": max(state.level, level),
            "sequence": state.sequence + len(facts),
        }
    )
    return state, facts


def _tell(
    state: ItemState, done: changes.Done, at: datetime, actor: str
) -> tuple[ItemState, list[Fact]]:
    facts = [
        Fact(
            seq=state.sequence + number,
            kind=each.kind,
            at=at,
            clock=each.clock,
            actor=actor,
            data=each.data,
        )
        for number, each in enumerate(done.told, 1)
    ]
    updates: dict[str, Any] = {"clocks": done.clocks, "sequence": state.sequence + len(facts)}
    if done.calendar is not None:
        updates["calendar"] = done.calendar.document
    return state.model_copy(update=updates), facts


def _closed(before: ItemState, after: ItemState, at: datetime, actor: str) -> Outcome:
    if not before.is_open or after.is_open:
        return Outcome(state=after)
    seq = after.sequence + 1
    fact = Fact(seq=seq, kind=FactKind.CLOSED, at=at, actor=actor)
    return Outcome(state=after.model_copy(update={"sequence": seq}), facts=(fact,))


def _with(clocks: tuple[ClockState, ...], index: int, clock: ClockState) -> tuple[ClockState, ...]:
    return (*clocks[:index], clock, *clocks[index + 1 :])


def _digest(command: Command) -> str:
    """Of what was asked for. When it was received is no part of that."""
    dated = command.at.isoformat() if command.is_dated else ""
    text = f"{dated}\x1f{command.change.model_dump_json()}"
    return _hash(text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
