"""The world around real runs of the scenario table: it plays the scripts at their moments.

Rows, waits, launches and deliveries are the real ones; only what happens outside comes from the
script: what actions answer, events, people, operators, and children that the script speaks of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.interpreter.waits import Wait, WaitKind, decided
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.launch import Launcher, LaunchRequest
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.simulation.answers import (
    answered_task,
    cancelled_child,
    ended_child,
    means,
    unknown_child,
)
from alga_workflows_core.simulation.script import ScriptedAnswer, ScriptedDeed
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.temporal.names import CONTROL_SIGNAL, wait_id, workflow_id
from alga_workflows_core.temporal.wire import ControlSignal, OpenedWait, RunIdentity
from alga_workflows_core.types.json import Json, JsonObject
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
        children = Children(self)
        self.desk = WaitDesk(
            storage,
            {"event": Events(self), "task": Tasks(self), "child": children},
            starts=children,
        )
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
        while not await self.desk.resolve(run.tenant, identity, resolution, by):
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
        parked = deed.do != "resolve"
        async with self.storage.unit_of_work(run.tenant) as work:
            rows = await work.waits.list(run.run_id, status=WaitStatus.WAITING)
        for row in rows:
            if (row.kind == "park") is parked and means(deed.step, row.path):
                await self.resolve(run, row.key, decided(row.kind, deed.do, deed.value), "operator")
                return


class Events:
    """Events come from the script, to the model of the inbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._early: dict[UUID, JsonObject | None] = {}

    async def opened(
        self,
        work: UnitOfWork,  # noqa: ARG002 - the world of the test has no rows
        identity: RunIdentity,
        wait: OpenedWait,
    ) -> JsonObject | None:
        if wait.id not in self._early:
            run = self._world.runs[identity.run_id]
            self._early[wait.id] = run.inbox.open(wait_of(wait))
        return self._early[wait.id]

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:  # noqa: ARG002
        self._world.runs[identity.run_id].inbox.close(wait.key)
        return True


class Tasks:
    """People answer by the script."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def opened(
        self,
        work: UnitOfWork,  # noqa: ARG002 - the world of the test has no rows
        identity: RunIdentity,
        wait: OpenedWait,
    ) -> JsonObject | None:
        run = self._world.runs[identity.run_id]
        answers: dict[str, Json] = {}
        for answer in run.script.tasks:
            if means(answer.step, wait.path):
                at = run.later(answer.after, wait.at)
                self._world.plan(run, at, self._answer(run, wait_of(wait), answer, answers, at))
        return None

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:  # noqa: ARG002
        return True

    async def _answer(
        self,
        run: ScriptedRun,
        wait: Wait,
        answer: ScriptedAnswer,
        answers: dict[str, Json],
        at: datetime,
    ) -> None:
        answers.setdefault(answer.by, answer.payload)
        if len(answers) >= wait.detail["quorum"]:
            resolution = answered_task(wait, answers, answer.by, at)
            await self._world.resolve(run, wait.key, resolution, answer.by)


class Children:
    """Called definitions end as the script says, or are run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun: set[UUID] = set()
        self._run_ids: dict[UUID, UUID] = {}

    async def opened(
        self,
        work: UnitOfWork,  # noqa: ARG002 - the world of the test has no rows
        identity: RunIdentity,
        wait: OpenedWait,
    ) -> JsonObject | None:
        run = self._world.runs[identity.run_id]
        if wait.id in self._begun:
            return None
        scripted = run.child(wait_of(wait))
        if scripted is not None:
            end = ended_child(wait_of(wait), scripted)
            deed = self._world.resolve(run, wait.key, end, "child")
            self._world.plan(run, run.later(scripted.takes, wait.at), deed)
        elif self._is_known(run, wait):
            child = self._begin(run, wait)
            self._run_ids[wait.id] = child.run_id
            self._world.play(run, self._run(run, child, wait_of(wait)))
        else:
            return unknown_child(wait_of(wait))
        self._begun.add(wait.id)
        return None

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:  # noqa: ARG002
        run = self._world.runs[identity.run_id]
        child = self._run_ids.get(wait.id)
        if child is None:
            end = cancelled_child(wait_of(wait))
            self._world.play(run, self._world.resolve(run, wait.key, end, "child"))
        else:
            handle = self._world.client.get_workflow_handle(workflow_id(child))
            await handle.cancel()
        return False

    async def detached(
        self,
        work: UnitOfWork,  # noqa: ARG002 - the world of the test has no rows
        identity: RunIdentity,
        wait: OpenedWait,
    ) -> JsonObject:
        run = self._world.runs[identity.run_id]
        if wait.id in self._begun:
            return {"runId": wait.key}
        if run.child(wait_of(wait)) is None:
            if not self._is_known(run, wait):
                return unknown_child(wait_of(wait))
            self._world.play(run, self._run(run, self._begin(run, wait), None))
        self._begun.add(wait.id)
        return {"runId": wait.key}

    def _is_known(self, run: ScriptedRun, wait: OpenedWait) -> bool:
        return wait.detail["workflowId"] in run.case.called

    def _begin(self, run: ScriptedRun, wait: OpenedWait) -> ScriptedRun:
        called = run.case.called[wait.detail["workflowId"]]
        child = ScriptedRun(
            trigger="child",
            tenant=run.tenant,
            definition_id=called.id,
            key=str(wait.id),
            case=run.case,
            script=run.script.model_copy(
                update={"payload": wait.detail["payload"], "operator": []}
            ),
            timeline=run.timeline,
            zone=called.zone,
            began=wait.at,
        )
        self._world.begin(child, settles=run.run_id in self._world.timelines.settling)
        self._world.play_script(child)
        return child

    async def _run(self, parent: ScriptedRun, child: ScriptedRun, wait: Wait | None) -> None:
        await self._world.launch(child)
        if wait is None:
            return
        row = await self._world.ended_row(child)
        end: JsonObject = {
            "runId": wait.key,
            "status": row.status.value,
            "result": row.result,
            "error": row.error,
        }
        await self._world.resolve(parent, wait.key, end, "child")


class ScriptedCalendars:
    """The calendars of a run are those of its script."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def of(self, identity: RunIdentity) -> Mapping[str, Calendar]:
        calendars = self._world.runs[identity.run_id].script.calendars
        return {name: parse_calendar(each) for name, each in calendars.items()}


def wait_of(wait: OpenedWait | WaitRow) -> Wait:
    """A wait as the interpreter knows it."""
    kind: WaitKind = wait.kind  # pyright: ignore[reportAssignmentType] - rows hold it as text
    due = wait.due if isinstance(wait, OpenedWait) else wait.due_at
    return Wait(kind=kind, key=wait.key, path=wait.path, due=due, detail=wait.detail)
