"""How runs stood when the error came up that they ended with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.checkpoint_tables import run_checkpoints as checkpoints
from alga_workflows_core.storage.rows import read


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """`checkpoint` is JSON as `interpreter.checkpoints` describes it; (`epoch`, `version`) are
    those of the execution that kept it."""

    run_id: UUID
    epoch: int
    version: int
    checkpoint: str


class RunCheckpoints:
    """The checkpoints of one tenant's runs, one for each run."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def keep(self, row: CheckpointRow) -> None:
        """Keep it instead of one of a former epoch; that of a later one stays."""
        values = {
            "epoch": row.epoch,
            "version": row.version,
            "checkpoint": row.checkpoint,
            "taken_at": func.clock_timestamp(),
        }
        await self._connection.execute(
            insert(checkpoints)
            .values(tenant=self._tenant, run_id=row.run_id, **values)
            .on_conflict_do_update(
                index_elements=["tenant", "run_id"],
                set_=values,
                where=checkpoints.c.epoch <= row.epoch,
            )
        )

    async def get(self, run_id: UUID) -> CheckpointRow | None:
        """The newest of a run."""
        found = await self._connection.execute(
            select(checkpoints).where(
                checkpoints.c.tenant == self._tenant, checkpoints.c.run_id == run_id
            )
        )
        row = found.mappings().one_or_none()
        return None if row is None else read(CheckpointRow, row)

    async def forget(self, run_id: UUID) -> None:
        """The run does not need one any more."""
        await self._connection.execute(
            delete(checkpoints).where(
                checkpoints.c.tenant == self._tenant, checkpoints.c.run_id == run_id
            )
        )
