"""Runs of a definition with a limit, without Temporal: rows alone decide who begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import DatabaseSettings, load
from alga_workflows_core.interpreter.facts import RunFinished, RunStarted
from alga_workflows_core.runs.admission import OfSchedule
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.launch import Launcher, LaunchRequest, Origin
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.storage.definitions import NewVersion
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.slots import SlotRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.wire import Batch, RunIdentity
from alga_workflows_core.types.states import RunStatus

TENANT = "acme"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = {"$expr": "payload.key"}


def limited(identity: str, **concurrency: Any) -> dict[str, Any]:
    """A definition that counts its runs by `payload.key`."""
    return {
        "id": identity,
        "name": identity,
        "concurrency": {"key": KEY, **concurrency},
        "steps": [{"id": "end", "type": "control.return"}],
    }


@dataclass(frozen=True, slots=True)
class World:
    """What starts and ends runs, without executions."""

    storage: Storage
    launcher: Launcher
    rows: RowWriter
    closer: RunCloser

    @classmethod
    def of(cls, storage: Storage, database_url: str) -> World:
        hints = Hints(storage.database, load(DatabaseSettings, {"DATABASE_URL": database_url}))
        closed, metrics = ClosedRuns(hints), Metrics()
        return cls(
            storage=storage,
            launcher=Launcher(storage),
            rows=RowWriter(storage=storage, closed=closed, metrics=metrics),
            closer=RunCloser(storage=storage, closed=closed, metrics=metrics),
        )

    async def publish(self, document: dict[str, Any]) -> None:
        identity = document["id"]
        async with self.storage.unit_of_work(TENANT) as work:
            await work.definitions.reserve(identity, by="test")
            new = NewVersion(
                hash=document_hash(document),
                document=document_text(document),
                actions=[],
                engine=ENGINE,
                expression_engine="test",
                note=None,
            )
            version = await work.definitions.add_version(identity, new, by="test")
            await work.definitions.activate(identity, version.version, by="test")

    async def launch(
        self,
        identity: str,
        key: Any = "a",
        *,
        name: str = "",
        under: RunRow | None = None,
        waits: bool = True,
        schedule: OfSchedule | None = None,
    ) -> RunRow:
        """A run, as a child if `under` is given, or of a schedule."""
        origin = None
        if under is not None:
            origin = Origin(
                parent_run_id=under.id,
                parent_wait_id=uuid4() if waits else None,
                root_run_id=under.root_run_id or under.id,
                depth=under.depth + 1,
            )
        launched = await self.launcher.launch(
            LaunchRequest(
                tenant=TENANT,
                definition_id=identity,
                trigger_type="api",
                key=name or str(uuid4()),
                payload={"key": key},
                version=None,
                by="test",
                origin=origin,
                schedule=schedule,
            )
        )
        return launched.run

    async def begin(self, at_most: int = 100) -> list[RunRow]:
        """Claim what may be started, in order."""
        claimed = await self.storage.across.claim_run_starts(at_most, timedelta(hours=1))
        return [await self.row(run_id) for _, run_id in claimed]

    async def row(self, run_id: UUID) -> RunRow:
        async with self.storage.unit_of_work(TENANT) as work:
            run = await work.runs.get(run_id)
        assert run is not None
        return run

    async def slots(self, run_id: UUID) -> Sequence[SlotRow]:
        async with self.storage.unit_of_work(TENANT) as work:
            return await work.slots.of_run(run_id)

    async def finish(self, run: RunRow) -> None:
        """The run ends by itself."""
        facts = [
            RunStarted(seq=1, at=NOW, payload=run.payload),
            RunFinished(seq=2, at=NOW, status=RunStatus.SUCCEEDED, result=None, error=None),
        ]
        batch = Batch(seq=3, status=RunStatus.SUCCEEDED, facts=[*facts])
        identity = RunIdentity(
            run_id=run.id,
            tenant_id=TENANT,
            workflow_id=run.definition_id,
            workflow_version=run.version,
            trigger_type=run.trigger_type,
            execution_key=run.execution_key,
        )
        await self.rows.write(identity, "execution", batch)

    async def close(self, run: RunRow, status: RunStatus = RunStatus.CANCELED) -> bool:
        """Somebody ends it from outside."""
        return await self.closer.close(TENANT, run, RunEnding(status=status))

    async def leave(self) -> None:
        """Those that were asked to cancel before they have begun do so."""
        for run_id in await self.asked_to_cancel():
            run = await self.row(run_id)
            if run.status is RunStatus.QUEUED:
                await self.close(run)

    async def states(self) -> dict[UUID, str]:
        """The slots of all runs."""
        async with self.storage.database.connect() as connection:
            rows = await connection.execute(text("SELECT run_id, state FROM alga_run_slots"))
            return {row.run_id: row.state for row in rows}

    async def execute(self, statement: str, **parameters: Any) -> None:
        """Change rows behind everybody's back."""
        async with self.storage.database.engine.begin() as connection:
            await connection.execute(text(statement), parameters)

    async def asked_to_cancel(self) -> set[UUID]:
        async with self.storage.database.connect() as connection:
            rows = await connection.execute(
                text("SELECT run_id FROM workflow_event_deliveries WHERE kind = 'cancel'")
            )
            return {row.run_id for row in rows}
