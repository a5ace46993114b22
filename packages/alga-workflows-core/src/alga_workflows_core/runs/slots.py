"""Slots of runs go from one to the next; see `storage.slots` for who may lock what."""

from __future__ import annotations

from uuid import UUID

import structlog

from alga_workflows_core.storage.slots import SlotKey
from alga_workflows_core.storage.unit_of_work import Due, Storage, UnitOfWork
from alga_workflows_core.types.states import FINAL_RUN_STATES, SlotState

log = structlog.get_logger()

BATCH = 200


async def release(work: UnitOfWork, run_id: UUID) -> None:
    """In the transaction in which a run ends: what it held goes to the next."""
    slot = await work.slots.of_run(run_id)
    if slot is None:
        return
    await work.slots.lock(slot.of)
    await work.slots.remove(run_id)
    await admit_next(work, slot.of)


async def admit_next(work: UnitOfWork, key: SlotKey) -> bool:
    """Give slots to those that wait, in order, as long as there is room by the limit of the one
    whose turn it is; whether somebody got one. Needs the key's lock."""
    admitted = False
    while waiting := await work.slots.waiting(key):
        (first,) = waiting
        if await work.slots.held(key) >= first.at_most:
            break
        if await work.slots.admit(first):
            admitted = True
            work.leaves(Due.STARTS)
        else:
            # It was ended or deleted by hand.
            await work.slots.remove(first.run_id)
    return admitted


async def may_leave_queue(work: UnitOfWork, run_id: UUID) -> bool:
    """Before the row of a queued run is locked to close it. False if it has just got a slot, or has
    been closed: look at it anew, in another transaction."""
    slot = await work.slots.of_run(run_id)
    if slot is None or slot.state is SlotState.HELD:
        return True
    await work.slots.lock(slot.of)
    slot = await work.slots.of_run(run_id)
    return slot is not None and slot.state is SlotState.WAITING


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
    slot = await work.slots.of_run(run_id)
    if slot is None:
        return False
    await work.slots.lock(slot.of)
    run = await work.runs.get(run_id)
    if run is not None and run.status not in FINAL_RUN_STATES:
        return await admit_next(work, slot.of)
    await work.slots.remove(run_id)
    await admit_next(work, slot.of)
    return True
