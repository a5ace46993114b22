"""Rows of runs and steps that are written over, because what they say is not what happened.

A final state is left only by a higher epoch, which a trigger sees to. What is rebuilt takes one for
the length of a statement: nobody else sees it, and everybody else stays bound to the rule.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, func, literal, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.runs import RunChange
from alga_workflows_core.storage.steps import StepRow
from alga_workflows_core.storage.tables import workflow_run_steps as steps
from alga_workflows_core.storage.tables import workflow_runs as runs


class RebuiltRows:
    """Rows of one tenant's runs. A row that knows something newer than what it is to say stays as
    it is, and so does one that is not there."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def run(self, change: RunChange) -> bool:
        """Have a run's row say all that `change` says; False if that is older than the row."""
        row = and_(runs.c.tenant == self._tenant, runs.c.id == change.id)
        return await self._write(runs, row, change, updated_at=func.clock_timestamp())

    async def step(self, run_id: UUID, step: StepRow) -> bool:
        """Have a step's row say all that `step` says; False if that is older than the row."""
        row = and_(
            steps.c.tenant == self._tenant, steps.c.run_id == run_id, steps.c.path == step.path
        )
        return await self._write(steps, row, step)

    async def _write(
        self, table: Table, row: ColumnElement[bool], wanted: RunChange | StepRow, **others: Any
    ) -> bool:
        values = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
        no_newer = tuple_(table.c.epoch, table.c.seq) <= tuple_(
            literal(wanted.epoch), literal(wanted.seq)
        )
        written = await self._connection.execute(
            update(table)
            .where(row, no_newer)
            .values({**values, **others, "epoch": wanted.epoch + 1})
            .returning(table.c.epoch)
        )
        if written.one_or_none() is None:
            return False
        await self._connection.execute(update(table).where(row).values(epoch=wanted.epoch))
        return True
