"""Replay recorded histories, and tell what the workflow asks for meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from time import perf_counter
from typing import Any
from uuid import UUID

from pydantic import RootModel
from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

from alga_workflows_core.actions.contract import Action, Invocation, action
from alga_workflows_core.actions.registry import Registry
from alga_workflows_core.definition.action_spec import ActionKind
from alga_workflows_core.temporal.pure import Externals, ExternalsInterceptor
from tests.acceptance.scaled import ScaledRunWorkflow, Timelines
from tests.acceptance.timeline import Timeline
from tests.replay.commands import Inputs, changed_inputs, recorded_inputs, replayed_inputs
from tests.replay.corpus import Recorded


class _Anything(RootModel[Any]):
    """Whatever was given or answered."""


class _WatchedInstance(WorkflowInstance):
    """Keeps the inputs of the commands of one execution."""

    def __init__(self, inner: WorkflowInstance, inputs: Inputs) -> None:
        self._inner = inner
        self._inputs = inputs

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        completion = self._inner.activate(act)
        self._inputs.update(replayed_inputs(completion.successful.commands))
        return completion

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> workflow.Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class _WatchingRunner(WorkflowRunner):
    """Runs workflows as another runner does; `inputs` by execution."""

    def __init__(self, inner: WorkflowRunner) -> None:
        self._inner = inner
        self.inputs: dict[str, Inputs] = {}

    def prepare_workflow(self, defn: Any) -> None:
        self._inner.prepare_workflow(defn)

    def set_worker_level_failure_exception_types(
        self, types: Sequence[type[BaseException]]
    ) -> None:
        self._inner.set_worker_level_failure_exception_types(types)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        inputs = self.inputs[det.info.run_id] = {}
        return _WatchedInstance(self._inner.create_instance(det), inputs)


async def replay(
    recorded: Sequence[Recorded],
    *,
    runner: WorkflowRunner | None = None,
    workflow_class: type[Any] = ScaledRunWorkflow,
) -> list[str]:
    """Everything that does not go as it was recorded; nothing, if all is well."""
    timelines = Timelines()
    for each in recorded:
        run_id = UUID(each.run_id)
        timelines.of[run_id] = Timeline.from_json(each.timeline)
        if each.settles:
            timelines.settling.add(run_id)
    watching = _WatchingRunner(runner or UnsandboxedWorkflowRunner())
    replayer = Replayer(
        workflows=[workflow_class],
        workflow_runner=watching,
        interceptors=[
            ExternalsInterceptor(Externals(_registry(recorded), perf_counter)),
            timelines,
        ],
        data_converter=pydantic_data_converter,
    )
    async with replayer.workflow_replay_iterator(_histories(recorded)) as results:
        failures = [
            f"{result.history.workflow_id}: {result.replay_failure!r}"
            async for result in results
            if result.replay_failure is not None
        ]
    for each in recorded:
        wanted = recorded_inputs(each.history.events)
        wanted |= {f"local {name}": value for name, value in each.local.items()}
        changed = changed_inputs(wanted, watching.inputs.get(each.execution, {}))
        failures += [f"{each.case}: {change}" for change in changed]
    return failures


async def _histories(recorded: Sequence[Recorded]) -> AsyncIterator[WorkflowHistory]:
    for each in recorded:
        yield each.history


def _registry(recorded: Sequence[Recorded]) -> Registry:
    """The pure actions that were performed, with the answers that they gave."""
    answers: dict[tuple[str, int], dict[tuple[str, str, int], Any]] = {}
    for each in recorded:
        for action_id, version, step, attempt, answer in each.pure:
            found = answers.setdefault((action_id, version), {})
            found[each.run_id, step, attempt] = answer
    return Registry([_answering(*key, found) for key, found in answers.items()])


def _answering(action_id: str, version: int, answers: dict[tuple[str, str, int], Any]) -> Action:
    @action(action_id, version=version, kind=ActionKind.PURE)
    async def perform(request: _Anything, invocation: Invocation) -> _Anything:
        return _Anything(answers[str(invocation.run_id), invocation.step, invocation.attempt])

    return perform
