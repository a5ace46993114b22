"""What waits of the scenario table do besides having a row: the rules of the world's wait desk."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alga_workflows_core.calendars.business import Calendar
from alga_workflows_core.calendars.parsing import parse_calendar
from alga_workflows_core.interpreter.waits import Wait, WaitKind, answered_task
from alga_workflows_core.runs.waits import WaitDesk
from alga_workflows_core.simulation.answers import (
    cancelled_child,
    ended_child,
    means,
    unknown_child,
)
from alga_workflows_core.simulation.script import ScriptedAnswer
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.temporal.names import workflow_id
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.json import Json, JsonObject
from tests.acceptance.scripted_run import ScriptedRun
from tests.acceptance.temporal_world import World


def scripted_desk(world: World) -> WaitDesk:
    """A wait desk whose rules are the scripts'."""
    children = Children(world)
    rules = {"event": Events(world), "task": Tasks(world), "child": children}
    return WaitDesk(world.storage, rules, starts=children)


class Events:
    """Events come from the script, to the model of the inbox."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._early: dict[UUID, JsonObject | None] = {}

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        pass

    async def opened(
        self,
        work: UnitOfWork,  # noqa: ARG002
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

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        pass

    async def opened(
        self,
        work: UnitOfWork,  # noqa: ARG002
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
        quorum: int = wait.detail["quorum"]
        if len(answers) >= quorum:
            resolution = answered_task(wait.key, quorum, answers, answer.by, at)
            await self._world.resolve(run, wait.key, resolution, answer.by)


class Children:
    """Called definitions end as the script says, or are run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun: set[UUID] = set()
        self._run_ids: dict[UUID, UUID] = {}

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        pass

    async def opened(
        self,
        work: UnitOfWork,  # noqa: ARG002
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
        work: UnitOfWork,  # noqa: ARG002
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

    async def named(self, run: RunIdentity, name: str) -> Calendar | None:
        document = self._world.runs[run.run_id].script.calendars.get(name)
        return None if document is None else parse_calendar(document)


def wait_of(wait: OpenedWait | WaitRow) -> Wait:
    """A wait as the interpreter knows it."""
    kind: WaitKind = wait.kind  # pyright: ignore[reportAssignmentType] - rows hold it as text
    due = wait.due if isinstance(wait, OpenedWait) else wait.due_at
    return Wait(kind=kind, key=wait.key, path=wait.path, due=due, detail=wait.detail)
