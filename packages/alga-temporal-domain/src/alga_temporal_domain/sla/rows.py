"""Items and facts as rows, and facts as events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alga_temporal_domain.outgoing.events import cloud_event
from alga_temporal_domain.sla.clock import Hours, due
from alga_temporal_domain.sla.contracts import BREACH, ClockState, Fact, FactKind, ItemState
from alga_temporal_domain.storage.outgoing import NewOutgoing
from alga_temporal_domain.storage.sla import ClockRow, NewChangeRow, NewItemRow
from alga_temporal_domain.storage.unit_of_work import UnitOfWork

SOURCE = "/alga/sla"


async def write_facts(work: UnitOfWork, state: ItemState, facts: Iterable[Fact]) -> None:
    """What has happened, and the events that tell it; what is there already stays as it is."""
    facts = list(facts)
    await work.sla.add_changes(state.item, [_change(fact) for fact in facts])
    await work.outgoing.add(
        [_event(state, fact) for fact in facts if fact.kind is not FactKind.REFUSED]
    )


def item_row(state: ItemState, next_due: datetime | None) -> NewItemRow:
    """An item as it is."""
    return NewItemRow(
        item=state.item,
        is_open=state.is_open,
        state=state.model_dump(mode="json", by_alias=True),
        sequence=state.sequence,
        level=state.level,
        started_at=state.started_at,
        changed_at=state.changed_at,
        next_due=next_due,
    )


def clock_rows(state: ItemState) -> list[ClockRow]:
    """Its clocks."""
    hours = Hours(state.calendar)
    return [_clock(clock, hours) for clock in state.clocks]


def _clock(clock: ClockState, hours: Hours) -> ClockRow:
    waits = BREACH not in clock.fired
    return ClockRow(
        name=clock.name,
        phase=clock.phase.value,
        target=clock.target,
        spent=clock.spent,
        at=clock.at,
        deadline=due(clock, hours, BREACH) if waits else None,
        pause_reason=None if clock.pause is None else clock.pause.reason,
        breached_at=clock.breached_at,
        ended_at=clock.ended_at,
    )


def _change(fact: Fact) -> NewChangeRow:
    return NewChangeRow(
        seq=fact.seq,
        kind=fact.kind.value,
        clock=fact.clock,
        at=fact.at,
        actor=fact.actor,
        data=fact.data,
    )


def _event(state: ItemState, fact: Fact) -> NewOutgoing:
    clock = {} if fact.clock is None else {"clock": fact.clock}
    return cloud_event(
        tenant=state.tenant,
        source=SOURCE,
        key=f"{state.item}/{fact.seq}",
        type=f"sla.{fact.kind}",
        subject=state.item,
        time=fact.at,
        data={"item": state.item, "seq": fact.seq, **clock, **fact.data},
    )
