"""The workflow of runs, cut into more executions than it would be."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from alga_workflows_core.temporal.clock import WorkflowClock
from alga_workflows_core.temporal.effects import ExecutionLimits, TemporalEffects
from alga_workflows_core.temporal.names import RUN_WORKFLOW
from alga_workflows_core.temporal.pure import externals
from alga_workflows_core.temporal.wire import RunInput
from alga_workflows_core.temporal.workflow import RunWorkflow


@workflow.defn(name=RUN_WORKFLOW)
class ShortRunWorkflow(RunWorkflow):
    """Goes on in a new execution after a tenth of the work, and of the events, of any other."""

    @workflow.init
    def __init__(self, start: RunInput) -> None:
        super().__init__(start)

    def effects(self, start: RunInput) -> TemporalEffects:
        limits = ExecutionLimits(work_ms=200, events=100, most_events=130)
        return TemporalEffects(start, externals(), WorkflowClock(), limits)

    @workflow.run
    async def run(self, start: RunInput) -> Any:
        return await super().run(start)


class _CutEffects(TemporalEffects):
    """Settles at every few steps that begin, by the run's own chance."""

    def cut(self, least: int, most: int) -> None:
        """Settle once, when between `least` and `most` further steps have begun."""
        self._left = workflow.random().randint(least, most)

    async def safe_point(self) -> bool:
        settles = await super().safe_point()
        self._left -= 1
        return settles or self._left <= 0


@workflow.defn(name=RUN_WORKFLOW)
class CutRunWorkflow(RunWorkflow):
    """Goes on in a new execution after every 3 to 20 steps, in the middle of whatever that is."""

    @workflow.init
    def __init__(self, start: RunInput) -> None:
        super().__init__(start)

    def effects(self, start: RunInput) -> TemporalEffects:
        made = _CutEffects(start, externals(), WorkflowClock())
        made.cut(3, 20)
        return made

    @workflow.run
    async def run(self, start: RunInput) -> Any:
        return await super().run(start)
