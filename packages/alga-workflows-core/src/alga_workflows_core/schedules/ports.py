"""What schedules need of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from alga_workflows_core.schedules.document import Overlap
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.types.json import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """The run of one occurrence. `version` None: the active one; `key` tells occurrences apart.

    `overlap`: what becomes of it while others of the schedule are open; with `skip`, none is.
    """

    schedule_id: str
    definition_id: str
    version: int | None
    key: str
    payload: Json
    overlap: Overlap
    by: str


class StartsRun(Protocol):
    """Writes the rows of runs that schedules start."""

    async def start(self, work: UnitOfWork, order: RunOrder) -> UUID:
        """Write the row of the run in the caller's transaction, and answer its id; repeating it
        changes nothing.

        Nothing is written when it raises: ConflictError if there may be no run now, NotFoundError
        or InputError if there will be none whenever this is repeated.
        """
        ...
