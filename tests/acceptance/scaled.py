"""The run workflow with virtual time, as `timeline` has it, and nothing else that differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast
from uuid import UUID

import temporalio.client
import temporalio.worker
from temporalio import workflow
from temporalio.worker import WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from alga_workflows_core.temporal.effects import TemporalEffects
from alga_workflows_core.temporal.names import RUN_WORKFLOW
from alga_workflows_core.temporal.pure import externals
from alga_workflows_core.temporal.wire import RunInput
from alga_workflows_core.temporal.workflow import RunWorkflow
from alga_workflows_core.types.json import JsonObject
from tests.acceptance.timeline import Timeline

_EXTERN = "acceptance_timelines"
VARIABLES_QUERY = "variables"

# A run that settles wherever chance says goes on at most so far without.
MOST_SAFE_POINTS = 3


class Timelines(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Lets workflow code reach the timelines of this process's runs, by run id.

    `settling`: the runs that go on in a new execution at random safe points; `executions`: those
    that there were of each run.
    """

    def __init__(self) -> None:
        self.of: dict[UUID, Timeline] = {}
        self.settling: set[UUID] = set()
        self.executions: dict[UUID, set[str]] = {}

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        # The SDK leaves out the type arguments of these functions.
        input.unsafe_extern_functions[_EXTERN] = lambda: self  # pyright: ignore[reportUnknownMemberType]
        return None


def _timelines() -> Timelines:
    functions = cast(
        "Mapping[str, Any]",
        workflow.extern_functions(),  # pyright: ignore[reportUnknownMemberType]
    )
    return functions[_EXTERN]()


class _ScaledClock:
    """The time of a timeline. `turn` is that of whoever waits next."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.turn = 0

    def now(self) -> datetime:
        return self._timeline.now(workflow.now())

    def until(self, due: datetime) -> timedelta:
        return self._timeline.left(due, workflow.now(), self.turn)


class ScaledEffects(TemporalEffects):
    """With the simulator's chance, and at one moment with its order of those who wake."""

    def __init__(self, start: RunInput, clock: _ScaledClock, *, settles: bool) -> None:
        super().__init__(start, externals(), clock)
        self._scaled = clock
        self._chance = Random(1)  # noqa: S311 - the simulator's
        chosen = Random(workflow.info().run_id)  # noqa: S311 - where it settles
        self._points = chosen.randint(1, MOST_SAFE_POINTS) if settles else None

    def random(self) -> float:
        return self._chance.random()

    async def wait_until(
        self,
        ready: Callable[[], bool],
        due: datetime | None,
        place: tuple[int, ...] = (),
        what: str | None = None,
    ) -> None:
        # Of those who wait for one moment the least place is first.
        self._scaled.turn = sum(place[1:]) + 1 if place else 0
        await super().wait_until(ready, due, place, what)

    def _wants_to_settle(self) -> bool:
        if self._points is None:
            return super()._wants_to_settle()
        self._points -= 1
        return self._points <= 0 and self._attached().acting == 0


@workflow.defn(name=RUN_WORKFLOW)
class ScaledRunWorkflow(RunWorkflow):
    """A run whose time is that of its timeline."""

    @workflow.init
    def __init__(self, start: RunInput) -> None:
        super().__init__(start)

    def effects(self, start: RunInput) -> TemporalEffects:
        timelines = _timelines()
        timeline = timelines.of[start.run_id]
        timeline.begin(start.started_at or workflow.info().workflow_start_time)
        timelines.executions.setdefault(start.run_id, set()).add(workflow.info().run_id)
        settles = start.run_id in timelines.settling
        return ScaledEffects(start, _ScaledClock(timeline), settles=settles)

    @workflow.run
    async def run(self, start: RunInput) -> Any:
        return await super().run(start)

    @workflow.query(name=VARIABLES_QUERY)
    def variables(self) -> JsonObject:
        """Those of the run outside of its branches."""
        return self._run.scope.vars
