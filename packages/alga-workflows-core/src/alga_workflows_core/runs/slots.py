"""Slots of runs go from one to the next; see `storage.slots` for who may lock what."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from alga_workflows_core.runs.queueing import admit_next, later_slot
from alga_workflows_core.storage.slots import SlotKind, SlotRow
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.types.states import FINAL_RUN_STATES, SlotState

log = structlog.get_logger()

BATCH = 200


async def release(work: UnitOfWork, run_id: UUID) -> None:
    """In the transaction in which a run ends: what it held goes to the next."""
    held = await work.slots.of_run(run_id)
    await _lock(work, held)
    for slot in held:
        await work.slots.remove(slot)
    for slot in held:
        await admit_next(work, slot.of)


async def may_leave_queue(work: UnitOfWork, run_id: UUID) -> bool:
    """Before the row of a queued run is locked to close it. False if it has just got a slot, or has
    been closed: look at it anew, in another transaction."""
    seen = await work.slots.of_run(run_id)
    if all(slot.state is SlotState.HELD for slot in seen):
        return True
    await _lock(work, seen)
    now = await work.slots.of_run(run_id)
    return [slot.state for slot in now] == [slot.state for slot in seen]


async def _lock(work: UnitOfWork, slots: Sequence[SlotRow]) -> None:
    """The keys of a run's slots, and of all that change when it gives them away, in one order."""
    later = {slot.of for slot in slots if slot.kind is SlotKind.DEFINITION}
    for slot in slots:
        if slot.kind is SlotKind.SCHEDULE:
            await work.slots.lock(slot.of)
            # Whoever gets this one needs that of its definition, which may be another.
            for heir in await work.slots.waiting(slot.of):
                next_one = await later_slot(work, heir)
                later |= set() if next_one is None else {next_one.of}
    for key in sorted(later):
        await work.slots.lock(key)


class SlotKeeper:
    """Mends what nobody but a change of rows by hand leaves: a slot whose run has ended or is gone,
    and a queue for whose first there is room."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def mend(self) -> None:
        """Look once at all slots."""
        for tenant, run_id in await self._storage.across.forgotten_slots(BATCH):
            async with self._storage.unit_of_work(tenant) as work:
                mended = await _mend(work, run_id)
            if mended:
                log.warning(
                    f"The slot of run {run_id} was forgotten and is free for the next",
                    action="slot.mended",
                    run_id=str(run_id),
                    tenant=tenant,
                )


async def _mend(work: UnitOfWork, run_id: UUID) -> bool:
    slots = await work.slots.of_run(run_id)
    if not slots:
        return False
    await _lock(work, slots)
    run = await work.runs.get(run_id)
    if run is None or run.status in FINAL_RUN_STATES:
        for slot in slots:
            await work.slots.remove(slot)
        for slot in slots:
            await admit_next(work, slot.of)
        return True
    return any([await admit_next(work, slot.of) for slot in slots])
