"""The order in which runs get slots; see `storage.slots` for who may lock what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID, uuid5

from alga_workflows_core.definition.document import OnLimit
from alga_workflows_core.errors import NoSlotError
from alga_workflows_core.storage.slots import SlotKey, SlotKind, SlotRow
from alga_workflows_core.storage.unit_of_work import Due, UnitOfWork
from alga_workflows_core.types.states import SlotState

IfFull: TypeAlias = OnLimit | Literal["allow"]
"""What becomes of a run that is one too many; `allow`: it gets a slot all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A slot that a run needs."""

    key: SlotKey
    limit: int
    on_limit: IfFull


@dataclass(frozen=True, slots=True)
class Place:
    """HELD: it has the slot, that of `family` if it shares that. WAITING: it has to queue. LATER:
    it has to get another slot first."""

    state: SlotState
    family: UUID | None = None


async def place_of(work: UnitOfWork, demand: Demand, run_id: UUID) -> Place:
    """Where a run stands that comes now; whoever has to make room for it is asked to. Needs the
    key's lock.

    NoSlotError if there is none and it is not to wait for one; nothing was written then.
    """
    if demand.on_limit == "allow":
        return Place(SlotState.HELD)
    if await work.slots.waiting(demand.key):
        # Nobody should wait in vain.
        await admit_next(work, demand.key)
    displaces = demand.on_limit == "cancelOldest"
    queue = await work.slots.waiting(demand.key)
    first = not queue or (displaces and not queue[0].displaces)
    if first and await work.slots.held(demand.key) < demand.limit:
        return Place(SlotState.HELD)
    if demand.on_limit == "reject":
        raise NoSlotError(
            f"{demand.limit} runs of {demand.key.owner!r} with the key {demand.key.key} "
            "are there already; that is its limit.",
            remedy="Start it again when one of them has ended.",
            details={"limit": demand.limit, "key": demand.key.key},
        )
    if displaces:
        await _displace(work, demand, run_id)
    return Place(SlotState.WAITING)


async def admit_next(work: UnitOfWork, key: SlotKey) -> bool:
    """Give slots to those that wait, in order, as long as there is room by the limit of the one
    whose turn it is; whether somebody got one. Needs the key's lock."""
    admitted = False
    while waiting := await work.slots.waiting(key):
        (first,) = waiting
        if await work.slots.held(key) >= first.at_most:
            break
        if await _admit(work, first):
            admitted = True
        else:
            # It was ended or deleted by hand.
            for slot in await work.slots.of_run(first.run_id):
                await work.slots.remove(slot)
    return admitted


async def later_slot(work: UnitOfWork, slot: SlotRow) -> SlotRow | None:
    """The slot that the run of this one takes after it, if it has not asked for that yet."""
    for each in await work.slots.of_run(slot.run_id):
        if each.state is SlotState.LATER and each.kind is not slot.kind:
            return each
    return None


async def _admit(work: UnitOfWork, slot: SlotRow) -> bool:
    """Give a slot to one that waits; its run begins if that was all it needs. False if it does not
    wait any more."""
    later = await later_slot(work, slot) if slot.kind is SlotKind.SCHEDULE else None
    if later is not None:
        await work.slots.lock(later.of)
        # It has been accepted, so it is not rejected any more.
        on_limit: IfFull = "cancelOldest" if later.displaces else "queue"
        demand = Demand(key=later.of, limit=later.at_most, on_limit=on_limit)
        place = await place_of(work, demand, slot.run_id)
        if place.state is SlotState.WAITING:
            await work.slots.line_up(later)
            await work.slots.hold(slot)
            return True
        await work.slots.hold(later)
    if not await work.slots.admit(slot):
        return False
    work.leaves(Due.STARTS)
    return True


async def _displace(work: UnitOfWork, demand: Demand, run_id: UUID) -> None:
    """Have the oldest leave, so that with this one no more than the limit remain."""
    there = await work.slots.displaceable(demand.key)
    for slot in there[: max(0, len(there) + 1 - demand.limit)]:
        # Also one that has not begun: its row may be locked by nobody who holds this key's lock
        # and may need that of another.
        await work.slots.ask_to_leave(slot.family, demand.key)
        await work.deliveries.add_cancel(uuid5(run_id, f"displaces {slot.run_id}"), slot.run_id)
        work.leaves(Due.DELIVERIES)
