"""The world around real runs of the scenario table: it plays the scripts at their moments.

Rows, waits, launches and deliveries are the real ones; only what happens outside comes from the
script: what actions answer, events, people, operators, and children that the script speaks of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.launch import Launcher, LaunchRequest
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.simulation.answers import done_by, is_about
from alga_workflows_core.simulation.script import ScriptedDeed
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import CONTROL_SIGNAL, wait_id, workflow_id
from alga_workflows_core.temporal.wire import ControlSignal
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import FINAL_RUN_STATES, WaitStatus
from tests.acceptance.scaled import Timelines
from tests.acceptance.scripted_run import ScriptedRun

# How often a row is looked at that somebody is about to write.
LOOK_SECONDS = 0.05


class World:
    """Of all runs of a process. `poke` has runs started and deliveries made at once."""

    def __init__(
        self,
        *,
        storage: Storage,
        client: Client,
        timelines: Timelines,
        closed: ClosedRuns,
        poke: asyncio.Event,
    ) -> None:
        self.storage = storage
        self.client = client
        self.timelines = timelines
        self.closed = closed
        self.poke = poke
        self.runs: dict[UUID, ScriptedRun] = {}
        self.launcher = Launcher(storage)
        self._desk = WaitDesk(storage)
        self.failures: list[BaseException] = []
        self._playing: dict[str, set[asyncio.Task[None]]] = {}

    def begin(self, run: ScriptedRun, *, settles: bool = False) -> None:
        """Let a run be known before it is launched."""
        self.runs[run.run_id] = run
        self.timelines.of[run.run_id] = run.timeline
        if settles:
            self.timelines.settling.add(run.run_id)

    def play(self, run: ScriptedRun, deed: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the case ends."""
        task = asyncio.create_task(deed)
        tasks = self._playing.setdefault(run.tenant, set())
        tasks.add(task)
        task.add_done_callback(lambda _: self._played(tasks, task))

    async def end(self, tenant: str) -> None:
        """Nobody is interested in these runs any more."""
        for run in self.runs.values():
            if run.tenant == tenant:
                run.ended.set()
        tasks = list(self._playing.pop(tenant, ()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def plan(self, run: ScriptedRun, at: datetime, deed: Coroutine[Any, Any, None]) -> None:
        """Do something at a moment, if that ever comes."""
        if run.timeline.happens(at):
            self.play(run, self._at(run, at, deed))
        else:
            deed.close()

    async def resolve(self, run: ScriptedRun, key: str, resolution: JsonObject, by: str) -> None:
        """End a wait of a run, once its row is there; nothing if it has ended."""
        identity = wait_id(run.run_id, key)
        while not await self._desk.resolve(run.tenant, identity, resolution, by):
            async with self.storage.unit_of_work(run.tenant) as work:
                if await work.waits.get(identity) is not None:
                    return
            await asyncio.sleep(LOOK_SECONDS)
        self.poke.set()

    async def launch(self, run: ScriptedRun) -> None:
        """Commit the run's row and have it started."""
        await self.launcher.launch(
            LaunchRequest(
                tenant=run.tenant,
                definition_id=run.definition_id,
                trigger_type=run.trigger,
                key=run.key,
                payload=run.script.payload,
                version=None,
                by="test",
            )
        )
        self.poke.set()

    def play_script(self, run: ScriptedRun) -> None:
        """Plan what comes by itself."""
        for number, event in enumerate(run.script.events, 1):
            at = run.moment(event.at)
            happened: JsonObject = {
                "id": event.id or f"event-{number}",
                "name": event.name,
                "source": event.source,
                "correlationKey": event.correlation_key,
                "time": at.isoformat(),
                "payload": event.payload,
            }
            if at < run.began:
                run.inbox.receive(happened, at)
            else:
                self.plan(run, at, self._receive(run, happened, at))
        for deed in run.script.operator:
            self.plan(run, run.moment(deed.at), self._operate(run, deed))

    async def ended_row(self, run: ScriptedRun) -> RunRow:
        """The row of a run once it has ended."""
        with self.closed.watch(run.run_id) as ended:
            while True:
                async with self.storage.unit_of_work(run.tenant) as work:
                    row = await work.runs.get(run.run_id)
                if row is not None and row.status in FINAL_RUN_STATES:
                    return row
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await ended.wait()

    def _played(self, tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failures.append(error)

    async def _at(self, run: ScriptedRun, at: datetime, deed: Coroutine[Any, Any, None]) -> None:
        try:
            await run.timeline.begun()
            await asyncio.sleep(max(0, run.timeline.seconds_until(at)))
        except asyncio.CancelledError:
            deed.close()
            raise
        await deed

    async def _receive(self, run: ScriptedRun, event: JsonObject, at: datetime) -> None:
        async with self.storage.unit_of_work(run.tenant) as work:
            rows = await work.waits.list(run.run_id)
        for row in rows:
            if row.status is not WaitStatus.WAITING:
                run.inbox.close(row.key)
        run.inbox.receive(event, at)
        met, run.met = run.met, []
        for key, resolution in met:
            await self.resolve(run, key, resolution, "event")

    async def _operate(self, run: ScriptedRun, deed: ScriptedDeed) -> None:
        handle = self.client.get_workflow_handle(workflow_id(run.run_id))
        # The run may have ended at this moment, or before.
        with suppress(RPCError):
            match deed.do:
                case "cancel":
                    await handle.cancel()
                case "pause" | "resume":
                    await handle.signal(CONTROL_SIGNAL, ControlSignal(do=deed.do))
                case _:
                    await self._answer(run, deed)

    async def _answer(self, run: ScriptedRun, deed: ScriptedDeed) -> None:
        async with self.storage.unit_of_work(run.tenant) as work:
            rows = await work.waits.list(run.run_id, status=WaitStatus.WAITING)
        for row in rows:
            if is_about(deed, row.kind, row.path):
                await self.resolve(run, row.key, done_by(deed, row.kind, row.detail), "operator")
                return
