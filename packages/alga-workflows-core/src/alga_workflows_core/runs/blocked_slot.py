"""What a queued run waits for: a slot that others of the same key hold."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal
from uuid import UUID

from alga_workflows_core.storage.slots import SlotKind
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.model import Model
from alga_workflows_core.types.states import SlotState

MOST_HOLDERS = 20


class BlockedOnSlot(Model):
    """A slot that the run waits for since `since`: of `of`, its definition by `concurrency`, or the
    schedule that has started it by `overlap`, with this `id`.

    `position` 1 gets the next one; `holders` are the runs that have one, the oldest 20 of them.
    """

    kind: Literal["slot"] = "slot"
    of: SlotKind
    id: str
    key: Json
    limit: int
    position: int
    holders: list[UUID]
    since: datetime


async def blocked_on_slot(work: UnitOfWork, run_id: UUID) -> BlockedOnSlot | None:
    """The slot that a run waits for, if it does."""
    for slot in await work.slots.of_run(run_id):
        if slot.state is SlotState.WAITING:
            holders = await work.slots.holders(slot.of, limit=MOST_HOLDERS)
            return BlockedOnSlot(
                of=slot.kind,
                id=slot.owner,
                key=json.loads(slot.key),
                limit=slot.at_most,
                position=await work.slots.rank(slot),
                holders=[each.run_id for each in holders],
                since=slot.asked_at,
            )
    return None
