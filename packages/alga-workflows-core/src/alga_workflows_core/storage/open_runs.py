"""What is done to a run from outside of it. Each change holds only for the row that was seen."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.tables import workflow_run_waits as waits
from alga_workflows_core.storage.tables import workflow_runs as runs
from alga_workflows_core.types.json import Json, JsonObject
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus, WaitStatus

_FINAL = tuple(sorted(FINAL_RUN_STATES))
_JSON = runs.c.stop_request.type

LAST_SEQ = 2**62
"""Above the seq of every fact: what is written with it is the last word of its epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnding:
    """How a run has ended. `error` is an `ErrorInfo` as JSON; `at` None: now (database clock)."""

    status: RunStatus
    result: Json = None
    error: JsonObject | None = None
    at: datetime | None = None
    temporal_run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredRun:
    """A run whose row was lost, as its execution knows it."""

    id: UUID
    definition_id: str
    version: int
    trigger_type: str
    execution_key: str
    created_by: str
    epoch: int
    payload: Json
    temporal_run_id: str
    temporal_namespace: str
    created_at: datetime
    started_at: datetime
    parent_run_id: UUID | None = None
    parent_wait_id: UUID | None = None
    root_run_id: UUID | None = None
    depth: int = 0


_RESTORED = fields(RestoredRun)


class OpenRuns:
    """The runs of one tenant that have not ended."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def begin_start(self, run_id: UUID, namespace: str) -> RunRow | None:
        """A claimed run, of which is kept where it will run; None if it is not STARTING."""
        row = (
            (
                await self._connection.execute(
                    update(runs)
                    .where(self._is(run_id), runs.c.status == RunStatus.STARTING)
                    .values(temporal_namespace=namespace)
                    .returning(*runs.c)
                )
            )
            .mappings()
            .one_or_none()
        )
        return None if row is None else read(RunRow, row)

    async def confirm_start(
        self, seen: RunRow, temporal_run_id: str | None, due_in: timedelta
    ) -> JsonObject | None:
        """Keep that Temporal has the run, and start it again after `due_in` only.

        What somebody has asked for meanwhile (`request_stop`), if so.
        """
        await self._connection.execute(
            update(runs)
            .where(self._is_as(seen))
            .values(
                temporal_run_id=temporal_run_id,
                start_due_at=func.clock_timestamp() + due_in,
                updated_at=func.clock_timestamp(),
            )
        )
        found: JsonObject | None = await self._connection.scalar(
            select(runs.c.stop_request).where(
                self._is(seen.id), runs.c.epoch == seen.epoch, runs.c.status.not_in(_FINAL)
            )
        )
        return found

    async def start_again(self, seen: RunRow) -> bool:
        """Make the start of a claimed run due now; False if it is due, or not as it was seen."""
        made_due = await self._connection.execute(
            update(runs)
            .where(self._is_as(seen), runs.c.start_due_at > func.clock_timestamp())
            .values(start_due_at=func.clock_timestamp(), updated_at=func.clock_timestamp())
            .returning(runs.c.id)
        )
        return made_due.one_or_none() is not None

    async def request_stop(self, seen: RunRow, request: JsonObject) -> bool:
        """Ask whoever starts this run to stop it then; a request that is there already stays."""
        kept = await self._connection.execute(
            update(runs)
            .where(self._is_as(seen))
            .values(stop_request=func.coalesce(runs.c.stop_request, cast(request, _JSON)))
            .returning(runs.c.id)
        )
        return kept.one_or_none() is not None

    async def forget_stop(self, run_id: UUID, epoch: int) -> None:
        """What was asked for has reached the run."""
        await self._connection.execute(
            update(runs)
            .where(self._is(run_id), runs.c.epoch == epoch, runs.c.stop_request.is_not(None))
            .values(stop_request=None)
        )

    async def close(self, seen: RunRow, ending: RunEnding) -> bool:
        """Set the final state; False if the row is not as it was seen.

        Facts of this epoch that come later change nothing any more.
        """
        closed = await self._connection.execute(
            update(runs)
            .where(self._is_as(seen))
            .values(
                status=ending.status,
                result=ending.result,
                error=ending.error,
                closed_at=func.coalesce(ending.at, func.clock_timestamp()),
                temporal_run_id=func.coalesce(ending.temporal_run_id, runs.c.temporal_run_id),
                stop_request=None,
                seq=LAST_SEQ,
                updated_at=func.clock_timestamp(),
            )
            .returning(runs.c.id)
        )
        return closed.one_or_none() is not None

    async def reopen(self, seen: RunRow, version: int) -> bool:
        """Begin the next epoch of a run that has ended: it is QUEUED and not due, as if it had
        never been started; False if the row is not as it was seen."""
        reopened = await self._connection.execute(
            update(runs)
            .where(self._is_as(seen))
            .values(
                status=RunStatus.QUEUED,
                epoch=seen.epoch + 1,
                seq=0,
                version=version,
                result=None,
                error=None,
                started_at=None,
                closed_at=None,
                temporal_run_id=None,
                stop_request=None,
                start_attempts=0,
                start_due_at=None,
                updated_at=func.clock_timestamp(),
            )
            .returning(runs.c.id)
        )
        return reopened.one_or_none() is not None

    async def make_due(self, run_id: UUID) -> None:
        """Have a queued run started now."""
        await self._connection.execute(
            update(runs)
            .where(self._is(run_id), runs.c.status == RunStatus.QUEUED)
            .values(start_due_at=func.clock_timestamp(), updated_at=func.clock_timestamp())
        )

    async def has_last_word(self, run_id: UUID, epoch: int) -> bool:
        """Whether this epoch was closed with `close`, or a later one has begun, so that its facts
        come too late."""
        over = or_(runs.c.epoch > epoch, and_(runs.c.epoch == epoch, runs.c.seq == LAST_SEQ))
        found = await self._connection.scalar(select(runs.c.id).where(self._is(run_id), over))
        return found is not None

    async def waited_for(self, run_id: UUID) -> list[tuple[UUID, UUID]]:
        """The runs that a run waits for, each with the wait."""
        rows = await self._connection.execute(
            select(runs.c.id, waits.c.id.label("wait_id"))
            .join(waits, (waits.c.tenant == runs.c.tenant) & (waits.c.id == runs.c.parent_wait_id))
            .where(
                runs.c.tenant == self._tenant,
                runs.c.parent_run_id == run_id,
                runs.c.status.not_in(_FINAL),
                waits.c.status == WaitStatus.WAITING,
            )
            .order_by(runs.c.created_at, runs.c.id)
        )
        return [(row.id, row.wait_id) for row in rows]

    async def restore(self, run: RestoredRun) -> RunRow | None:
        """Make a lost row anew, RUNNING; None if there is one by now.

        Every fact of the run is newer than this row.
        """
        row = (
            (
                await self._connection.execute(
                    insert(runs)
                    .values(
                        tenant=self._tenant,
                        status=RunStatus.RUNNING,
                        **{field.name: getattr(run, field.name) for field in _RESTORED},
                    )
                    .on_conflict_do_nothing(index_elements=["tenant", "id"])
                    .returning(*runs.c)
                )
            )
            .mappings()
            .one_or_none()
        )
        return None if row is None else read(RunRow, row)

    def _is(self, run_id: UUID) -> ColumnElement[bool]:
        return and_(runs.c.tenant == self._tenant, runs.c.id == run_id)

    def _is_as(self, seen: RunRow) -> ColumnElement[bool]:
        return and_(
            self._is(seen.id),
            runs.c.status == seen.status,
            runs.c.epoch == seen.epoch,
            runs.c.seq == seen.seq,
        )
