"""The scenario table on Temporal and PostgreSQL: one worker, many cases at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from os import cpu_count, getloadavg
from typing import Any, TypeAlias

from pydantic import RootModel
from temporalio import activity
from temporalio.client import Client, Interceptor, WorkflowFailureError
from temporalio.service import RPCError

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.perform import Performer
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.definition.document import ENGINE
from alga_workflows_core.definition.identity import document_hash, document_text
from alga_workflows_core.errors import UnavailableError
from alga_workflows_core.infra.database import Database
from alga_workflows_core.infra.hints import Hints
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.infra.settings import DatabaseSettings
from alga_workflows_core.runs.activities import RunActivities
from alga_workflows_core.runs.closed import ClosedRuns
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.deliverer import Deliverer
from alga_workflows_core.runs.rebuild import Rebuilder, Rebuilt
from alga_workflows_core.runs.reconciler import Reconciler
from alga_workflows_core.runs.rows import RowWriter
from alga_workflows_core.runs.starter import RunStarter
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.simulation.simulate import Simulation
from alga_workflows_core.storage.definitions import NewVersion
from alga_workflows_core.storage.ledger import Ledger
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import workflow_id
from alga_workflows_core.temporal.replayed_facts import HistoryReplayer
from alga_workflows_core.temporal.worker import WorkerOptions, build_worker
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import FINAL_RUN_STATES
from tests.acceptance.cases import Case
from tests.acceptance.comparison import UNANSWERED, Seen, real_run, simulated
from tests.acceptance.held_up import where_threads_are
from tests.acceptance.scaled import VARIABLES_QUERY, ScaledRunWorkflow, Timelines
from tests.acceptance.scripted_run import TIMEOUT_SECONDS, ScriptedRun, pinned_actions
from tests.acceptance.temporal_rules import ScriptedCalendars, scripted_desk
from tests.acceptance.temporal_world import World
from tests.acceptance.timeline import timeline_of

AT_ONCE = 24
MOST_ATTEMPTS = 3
"""Each with gaps twice as long as before: a machine that is busy is late, and that is no fault."""

START_SECONDS = 60.0
PATIENCE_SECONDS = 15.0
RECONCILED_AFTER = timedelta(minutes=1)
POLL_SECONDS = 0.1


Keep: TypeAlias = Callable[[ScriptedRun, bool], Awaitable[None]]
"""Gets a run, and whether it settles."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went in its last attempt, and how it should have gone.

    `executions`: in how many its run went.
    """

    real: Seen
    expected: Seen
    attempts: int
    executions: int


class Table:
    """Runs cases. `keep` is told of each run of a case that agreed, before it is forgotten."""

    def __init__(self, world: World, rebuilder: Rebuilder, keep: Keep | None = None) -> None:
        self.world = world
        self._rebuilder = rebuilder
        self._keep = keep
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._numbers = count()

    async def run(self, case: Case, simulation: Simulation, *, settles: bool = False) -> Outcome:
        """Run a case until it agrees with its simulation, with doubled gaps each time."""
        expected = simulated(simulation)
        attempts = 0
        while True:
            attempts += 1
            async with self._turns:
                scale = _pressure() * 2.0 ** (attempts - 1 + settles)
                run = self._run_of(case, simulation, scale)
                real = await self._seen_of(run, simulation, expected, settles)
            if real == expected or attempts == MOST_ATTEMPTS:
                executions = len(self.world.timelines.executions[run.run_id])
                return Outcome(real, expected, attempts, executions)

    async def rebuilt(self, every: int = 1) -> list[tuple[str, Rebuilt]]:
        """The rows of runs that have ended held against their histories, of one in `every`; with
        the case that each belongs to."""
        found: list[tuple[str, Rebuilt]] = []
        for run in list(self.world.runs.values())[::every]:
            async with self.world.storage.unit_of_work(run.tenant) as work:
                row = await work.runs.get(run.run_id)
            if row is not None and row.status in FINAL_RUN_STATES:
                found.append((run.case.name, await self._rebuilder.compare(run.run_id)))
        return found

    def _run_of(self, case: Case, simulation: Simulation, scale: float) -> ScriptedRun:
        timeline = timeline_of(simulation, scale)
        return ScriptedRun(
            tenant=f"t{next(self._numbers)}-{case.name.replace('/', '-')}",
            definition_id=case.definition.id,
            trigger="api",
            key="case",
            case=case,
            script=case.script,
            timeline=timeline,
            zone=case.definition.zone,
            began=timeline.moments[0],
        )

    async def _seen_of(
        self, run: ScriptedRun, simulation: Simulation, expected: Seen, settles: bool
    ) -> Seen:
        try:
            return await self._once(run, simulation, expected, settles)
        except (RPCError, TimeoutError) as error:
            # A machine that stands still for a while answers late: like gaps that were too short.
            return {UNANSWERED: f"{error!r}\n{where_threads_are()}"}

    async def _once(
        self, run: ScriptedRun, simulation: Simulation, expected: Seen, settles: bool
    ) -> Seen:
        tenant = run.tenant
        async with self.world.storage.unit_of_work(tenant) as work:
            await _publish(work, run.case)
        self.world.begin(run, settles=settles)
        self.world.play_script(run)
        await self.world.launch(run)
        try:
            async with asyncio.timeout(START_SECONDS):
                await run.timeline.begun()
            if simulation.status in FINAL_RUN_STATES:
                await self._ended(run)
            else:
                await asyncio.sleep(max(0, run.timeline.seconds_left()))
            real = await self._seen(run)
            if real == expected and self._keep is not None:
                for each in self._runs(tenant):
                    await self._keep(each, settles)
            return real
        finally:
            await self.world.end(tenant)
            await self._terminate(tenant)

    async def _ended(self, run: ScriptedRun) -> None:
        handle = self.world.client.get_workflow_handle(workflow_id(run.run_id))
        longest = max(0, run.timeline.seconds_left()) + PATIENCE_SECONDS
        with suppress(TimeoutError, WorkflowFailureError):
            async with asyncio.timeout(longest):
                await handle.result()

    async def _seen(self, run: ScriptedRun) -> Seen:
        handle = self.world.client.get_workflow_handle(workflow_id(run.run_id))
        variables: JsonObject = await handle.query(VARIABLES_QUERY, result_type=dict[str, Any])
        async with self.world.storage.unit_of_work(run.tenant) as work:
            row = await work.runs.get(run.run_id)
            steps = await work.steps.list(run.run_id, after=None, limit=10_000)
            waits = await work.waits.list(run.run_id, limit=10_000)
        if row is None:
            raise RuntimeError(f"run {run.run_id} has no row")
        return real_run(row, steps, waits, run.all_calls, variables)

    async def _terminate(self, tenant: str) -> None:
        """End what would never end."""
        for run in self._runs(tenant):
            with suppress(RPCError):
                await self.world.client.get_workflow_handle(workflow_id(run.run_id)).terminate()

    def _runs(self, tenant: str) -> list[ScriptedRun]:
        return [run for run in self.world.runs.values() if run.tenant == tenant]


def _pressure() -> float:
    """How many times longer than on an idle machine things may take."""
    return max(1.0, getloadavg()[0] / (cpu_count() or 1) / 2)


async def _publish(work: UnitOfWork, case: Case) -> None:
    actions = [each.model_dump(mode="json", by_alias=True) for each in pinned_actions(case)]
    for identity, document in case.documents.items():
        await work.definitions.reserve(identity, by="test")
        new = NewVersion(
            hash=document_hash(document),
            document=document_text(document),
            actions=actions,
            engine=ENGINE,
            expression_engine="test",
            note=None,
        )
        version = await work.definitions.add_version(identity, new, by="test")
        await work.definitions.activate(identity, version.version, by="test")


class AnySecret:
    """Whatever secret somebody asks for."""

    async def open(self, tenant: str, name: str) -> str:
        return f"the {name} of {tenant}"


class AnyInput(RootModel[dict[str, Any]]):
    """Whatever a definition gives."""


class AnyOutput(RootModel[Any]):
    """Whatever a script says."""


def scripted_registry(cases: Iterable[Case], runs: Callable[[Invocation], ScriptedRun]) -> Registry:
    """All actions of the cases; each asks the script of the run that calls it."""
    pinned = {(each.id, each.version): each for case in cases for each in pinned_actions(case)}
    return Registry([_scripted(*each, runs) for each in sorted(pinned)])


def _scripted(action_id: str, version: int, runs: Callable[[Invocation], ScriptedRun]) -> Action:
    def kind_of(_request: AnyInput, invocation: Invocation) -> ActionKind:
        return runs(invocation).kinds[(action_id, version)]

    @action(
        action_id,
        version=version,
        kind=ActionKind.UNSAFE,
        timeout=TIMEOUT_SECONDS,
        kind_of=kind_of,
    )
    async def perform(request: AnyInput, invocation: Invocation) -> AnyOutput:
        run = runs(invocation)
        if activity.in_activity():
            return AnyOutput(await run.perform(action_id, invocation))
        return AnyOutput(run.performed_inside(action_id, version, invocation))

    return perform


@asynccontextmanager
async def serving_table(
    database: Database,
    settings: DatabaseSettings,
    client: Client,
    cases: list[Case],
    *,
    interceptors: Sequence[Interceptor] = (),
    keep: Keep | None = None,
) -> AsyncGenerator[Table]:
    """A table with everything around it: worker, starter, deliverer."""
    timelines = Timelines()
    config = client.config()
    config["interceptors"] = [timelines, *interceptors]
    client = Client(**config)
    storage, metrics = Storage(database), Metrics()
    closed, poke = ClosedRuns(Hints(database, settings)), asyncio.Event()
    world = World(storage=storage, client=client, timelines=timelines, closed=closed, poke=poke)
    registry = scripted_registry(cases, lambda invocation: world.runs[invocation.run_id])
    activities = RunActivities(
        performer=Performer(registry, ledger=Ledger(storage), secrets=AnySecret()),
        rows=RowWriter(storage=storage, closed=closed, metrics=metrics),
        waits=scripted_desk(world),
        calendars=ScriptedCalendars(world),
        # They would be made in real time.
        repeats=False,
    )
    worker = build_worker(
        client,
        registry=registry,
        activities=activities.all(),
        build_id="test",
        graceful_shutdown=timedelta(0),
        options=WorkerOptions(
            workflow=ScaledRunWorkflow, heartbeat_throttle=timedelta(milliseconds=100)
        ),
    )
    executions = Executions(client)
    closer = RunCloser(storage=storage, closed=closed, metrics=metrics)
    starter = RunStarter(
        storage=storage,
        client=client,
        metrics=metrics,
        executions=executions,
        closer=closer,
        reconciler=Reconciler(
            storage=storage,
            executions=executions,
            closer=closer,
            metrics=metrics,
            after=RECONCILED_AFTER,
        ),
    )
    rebuilder = Rebuilder(
        storage=storage,
        executions=executions,
        histories=HistoryReplayer(
            client, registry, workflow=ScaledRunWorkflow, interceptors=[timelines]
        ),
        waits=WaitDesk(storage),
    )
    deliverer = Deliverer(storage=storage, client=client)

    async def serve() -> None:
        while True:
            poke.clear()
            with suppress(UnavailableError):
                await asyncio.gather(starter.start_due(), deliverer.deliver_due())
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await poke.wait()

    async with worker:
        serving = asyncio.create_task(serve())
        try:
            yield Table(world, rebuilder, keep)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    if world.failures:
        raise ExceptionGroup(
            "the world failed", [e for e in world.failures if isinstance(e, Exception)]
        )
