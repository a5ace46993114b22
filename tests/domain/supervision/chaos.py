"""Projects with waiting executions, and everything around them stopped, killed and restarted.

Judged by which processes of the rows live at the same time, by who polled when as Temporal says,
and by what became of executions.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import defaultdict
from pathlib import Path
from uuid import UUID

from temporalio.client import Client, WorkflowHandle

from alga_temporal_domain.projects.names import build_id
from alga_temporal_domain.storage.schema import SCHEMA
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.settings import DatabaseSettings, load
from tests.domain.supervision.contest import Found, kill_children, supervisors
from tests.domain.supervision.polls import Polls
from tests.domain.supervision.waiting import code
from tests.domain.supervision.world import TENANT, project
from tests.services.servers import Servers

TTL = 2.0
AWAY_SECONDS = 1.0
PATIENCE = 90.0

_ROWS = (
    "SELECT project_id::text, hash, slot, epoch, pid, state, holder FROM worker_instances"
    " WHERE pid IS NOT NULL"
)
_READY = (
    "SELECT count(*) FROM code_versions v WHERE v.told_seq = v.seq AND EXISTS (SELECT FROM"
    " worker_instances i WHERE (i.project_id, i.hash, i.state) = (v.project_id, v.hash, 'ready')"
    " AND i.holder <> ALL (%(gone)s::text[]))"
)


class Judge:
    """Looks every tenth of a second which processes live."""

    def __init__(self, storage: DomainStorage, polls: Polls, found: Found) -> None:
        self._storage = storage
        self._polls = polls
        self._found = found
        self._known: dict[int, tuple[str, int]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(UnavailableError):
                await self._read()
            for poller in self._polls.pollers:
                self._known[poller.pid] = (poller.slot, poller.epoch)
            self._look()
            await asyncio.sleep(0.1)

    async def _read(self) -> None:
        async with self._storage.transaction(TENANT) as connection:
            for row in await connection.exec_driver_sql(_ROWS):
                self._known[row.pid] = (
                    f"{row.project_id}/{build_id(row.hash)}/{row.slot}",
                    row.epoch,
                )

    def _look(self) -> None:
        alive: dict[str, set[int]] = defaultdict(set)
        for pid, (slot, epoch) in self._known.items():
            if _lives(pid):
                alive[slot].add(epoch)
        self._found.wrong += [
            f"{slot}: epochs {sorted(epochs)} at once"
            for slot, epochs in alive.items()
            if len(epochs) > 1
        ]


async def survive(
    servers: Servers,
    temporal: Client,
    folder: Path,
    chance: random.Random,
    *,
    projects: int,
    seconds: float,
) -> Found:
    """Three supervisors: one is paused past its leases and resumed, one is killed; processes are
    killed at random, PostgreSQL is restarted; all of it in `seconds`. Then all executions end."""
    found = Found(projects=projects)
    environ = {
        "DATABASE_URL": servers.database_url,
        "TEMPORAL_ADDRESS": temporal.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": temporal.namespace,
    }
    database = Database(load(DatabaseSettings, environ))
    storage = DomainStorage(database)
    await SCHEMA.migrate(database)
    wanted = [await project(storage, code("one")) for _ in range(projects)]
    polls = Polls(temporal, [f"project-{one}" for one in wanted])
    traces = folder / "supervisors"
    await asyncio.to_thread(traces.mkdir)
    parts = [
        asyncio.create_task(polls.run()),
        asyncio.create_task(Judge(storage, polls, found).run()),
    ]
    try:
        async with supervisors(3, environ, traces, TTL) as (first, second, _third):
            await _all_work(storage, projects)
            runs = [await _begin(temporal, one) for one in wanted]
            killing = asyncio.create_task(kill_children(storage, chance, found))
            parts.append(killing)
            first.send_signal(signal.SIGSTOP)
            await asyncio.sleep(max(seconds / 4, 1.5 * TTL))
            first.send_signal(signal.SIGCONT)
            await asyncio.sleep(seconds / 4)
            second.kill()
            killed = time.monotonic()
            await _all_work(storage, projects, gone=second.pid)
            found.longest_take_over = time.monotonic() - killed
            await servers.stop_postgres()
            await asyncio.sleep(AWAY_SECONDS)
            await servers.start_postgres()
            await asyncio.sleep(seconds / 4)
            killing.cancel()
            await _all_work(storage, projects)
            for run in runs:
                await run.signal("let")
            async with asyncio.timeout(PATIENCE):
                results = await asyncio.gather(*(run.result() for run in runs))
            found.tenures = await _epochs(storage)
            if results != ["one"] * projects:
                found.wrong.append(f"results: {results}")
        await polls.end()
        found.successions = polls.successions
        found.wrong += polls.overlaps()
    finally:
        for part in parts:
            part.cancel()
        ends = await asyncio.gather(*parts, return_exceptions=True)
        found.wrong += [repr(end) for end in ends if isinstance(end, Exception)]
        polls.close()
        await database.close()
    return found


async def _begin(temporal: Client, project_id: UUID) -> WorkflowHandle[object, str]:
    return await temporal.start_workflow(
        "Waits",
        id=f"run-{project_id}",
        task_queue=f"project-{project_id}",
        result_type=str,
    )


async def _all_work(storage: DomainStorage, projects: int, gone: int | None = None) -> None:
    """Until each project has a process, and none of the supervisor that is gone."""
    async with asyncio.timeout(PATIENCE):
        while not await _do_all_work(storage, projects, gone):  # noqa: ASYNC110 - rows tell nobody
            await asyncio.sleep(0.1)


async def _do_all_work(storage: DomainStorage, projects: int, gone: int | None) -> bool:
    with contextlib.suppress(UnavailableError):
        async with storage.transaction(TENANT) as connection:
            rows = await connection.exec_driver_sql(_ROWS)
            holders = {row.holder for row in rows if f":{gone}:" in row.holder}
            ready = await connection.exec_driver_sql(_READY, {"gone": list(holders)})
            return ready.scalar_one() == projects
    return False


async def _epochs(storage: DomainStorage) -> int:
    async with storage.transaction(TENANT) as connection:
        found = await connection.exec_driver_sql("SELECT sum(epoch) FROM worker_slots")
        return int(found.scalar_one())


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
