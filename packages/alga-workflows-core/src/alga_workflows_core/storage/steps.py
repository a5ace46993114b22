"""Rows of the steps that runs have executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_run_steps as steps
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One execution of one step. `path` holds loop indices; `position` orders them."""

    path: str
    step_id: str
    type: str
    name: str | None
    status: StepStatus
    position: int
    output: Json
    error: JsonObject | None
    epoch: int
    seq: int
    started_at: datetime
    finished_at: datetime | None


class Steps:
    """The steps of one tenant's runs."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def apply(self, run_id: UUID, rows: Sequence[StepRow]) -> None:
        """Write rows, each unless the table knows something newer. One row per path at most."""
        if not rows:
            return
        # Sorted, so that two writers of one run lock rows in the same order.
        values = [
            {"tenant": self._tenant, "run_id": run_id, **asdict(row)}
            for row in sorted(rows, key=lambda row: row.path)
        ]
        statement = insert(steps).values(values)
        new = statement.excluded
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "run_id", "path"],
                set_={
                    "status": new.status,
                    "position": new.position,
                    "output": new.output,
                    "error": new.error,
                    "epoch": new.epoch,
                    "seq": new.seq,
                    "started_at": new.started_at,
                    "finished_at": new.finished_at,
                },
                where=tuple_(steps.c.epoch, steps.c.seq) < tuple_(new.epoch, new.seq),
            )
        )

    async def list(self, run_id: UUID, *, after: int, limit: int) -> list[StepRow]:
        """In the order in which they began, beginning behind position `after`."""
        rows = await self._connection.execute(
            select(steps)
            .where(
                steps.c.tenant == self._tenant,
                steps.c.run_id == run_id,
                steps.c.position > after,
            )
            .order_by(steps.c.position)
            .limit(limit)
        )
        return [read(StepRow, row) for row in rows.mappings()]
