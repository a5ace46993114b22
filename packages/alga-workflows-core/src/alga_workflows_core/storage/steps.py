"""Rows of the steps that runs have executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, column, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.tables import workflow_run_steps as steps
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import StepStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One execution of one step. `path` holds loop indices; (`epoch`, `position`) orders them."""

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


_COLUMNS = tuple(field.name for field in fields(StepRow))
# A value that is a list itself is one member, not a further dimension.
_LISTS = {name: ARRAY(steps.c[name].type, dimensions=1) for name in _COLUMNS}


class Steps:
    """The steps of one tenant's runs."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def apply(self, run_id: UUID, rows: Sequence[StepRow]) -> None:
        """Write rows, each unless the table knows something as new or newer. One per path at most.

        Rows end the same in whatever order, and however often, batches of them are written.
        """
        if not rows:
            return
        # Sorted, so that two writers of one run lock rows in the same order.
        ordered = sorted(rows, key=lambda row: row.path)
        # A column is one parameter: a row costs a fraction of what a statement of its own would.
        given = (
            func.unnest(
                *(
                    bindparam(name, [getattr(row, name) for row in ordered], kind)
                    for name, kind in _LISTS.items()
                )
            )
            .table_valued(*(column(name, steps.c[name].type) for name in _COLUMNS))
            .render_derived()
        )
        statement = insert(steps).from_select(
            ["tenant", "run_id", *_COLUMNS],
            select(literal(self._tenant), literal(run_id), *given.c),
        )
        new = statement.excluded
        await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "run_id", "path"],
                set_={name: new[name] for name in _COLUMNS if name != "path"},
                where=tuple_(steps.c.epoch, steps.c.seq) < tuple_(new.epoch, new.seq),
            )
        )

    async def close_open(self, run_id: UUID, error: JsonObject, *, seq: int) -> int:
        """End what is RUNNING as CANCELED with `error` (an `ErrorInfo` as JSON); their number.

        Facts below `seq` that come later change nothing any more.
        """
        closed = await self._connection.execute(
            update(steps)
            .where(
                steps.c.tenant == self._tenant,
                steps.c.run_id == run_id,
                steps.c.status == StepStatus.RUNNING,
            )
            .values(
                status=StepStatus.CANCELED,
                error=error,
                seq=seq,
                finished_at=func.clock_timestamp(),
            )
            .returning(steps.c.path)
        )
        return len(closed.all())

    async def list(
        self, run_id: UUID, *, after: tuple[int, int] | None, limit: int
    ) -> list[StepRow]:
        """In the order in which they began, beginning behind `after` (epoch and position).

        Positions begin anew with each epoch, so what a retry executed again stands at the end.
        """
        query = select(steps).where(steps.c.tenant == self._tenant, steps.c.run_id == run_id)
        order = tuple_(steps.c.epoch, steps.c.position)
        if after is not None:
            query = query.where(order > tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(steps.c.epoch, steps.c.position).limit(limit)
        )
        return [read(StepRow, row) for row in rows.mappings()]
