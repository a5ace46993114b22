"""Keeps the histories of runs that have just been made."""

from __future__ import annotations

from typing import Any

import temporalio.client
import temporalio.worker
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from alga_workflows_core.temporal.names import workflow_id
from tests.acceptance.scripted_run import ScriptedRun
from tests.replay.commands import hash_of_arguments
from tests.replay.corpus import Recorded


class Recorder(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """As an interceptor it takes note of what local activities are given."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self.local: dict[str, dict[str, str]] = {}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Local(next, self)

    async def keep(self, client: Client, run: ScriptedRun, settles: bool) -> None:
        """Record all executions of a run, the last first."""
        execution: str | None = None
        while True:
            handle = client.get_workflow_handle(workflow_id(run.run_id), run_id=execution)
            history = await handle.fetch_history()
            started = history.events[0].workflow_execution_started_event_attributes
            execution = started.original_execution_run_id
            self.recorded.append(
                Recorded(
                    case=run.case.name,
                    run_id=str(run.run_id),
                    execution=execution,
                    settles=settles,
                    timeline=run.timeline.as_json(),
                    pure=[[*key, answer] for key, answer in run.pure_answers.items()],
                    local=self.local.get(execution, {}),
                    events=history.to_json_dict()["events"],
                )
            )
            execution = started.continued_execution_run_id
            if not execution:
                return


class _Local(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, recorder: Recorder) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self._recorder = recorder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        if info.is_local and info.workflow_run_id is not None:
            known = self._recorder.local.setdefault(info.workflow_run_id, {})
            known[info.activity_id] = hash_of_arguments(input.args)
        return await super().execute_activity(input)
