"""Moving running executions to another version, which only happens if it can go on with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.names import build_id, deployment_name
from alga_workflows_core.errors import FindingsError, UnavailableError

log = structlog.get_logger()

MOST_RUNS = 1000
"""Executions that are moved at a time; a project with more running ones keeps them pinned."""

_BYTES_OF_A_TRIAL = 8 * 1024 * 1024
_PINNED = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED


class Replayer(Protocol):
    """Replays histories in a process that has no network."""

    async def replay(
        self, bundle: Bundle, histories: dict[str, str], *, seconds: float = 30.0
    ) -> dict[str, str | None]:
        """Per workflow id why the code does not fit its history, None where it does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A running execution."""

    workflow_id: str
    run_id: str


class RunMover:
    """Moves running executions of projects, in one namespace."""

    def __init__(self, client: Client, replayer: Replayer) -> None:
        self._client = client
        self._replayer = replayer

    async def running_elsewhere(self, project_id: UUID, bundle_hash: str) -> list[Run]:
        """Open executions of the project that go on with another version than this one."""
        name = deployment_name(project_id)
        query = (
            f"ExecutionStatus = 'Running' AND TemporalWorkerDeployment = '{name}' AND "
            f"TemporalWorkerDeploymentVersion != '{name}:{build_id(bundle_hash)}'"
        )
        with_limit = self._client.list_workflows(query, limit=MOST_RUNS + 1)
        return [Run(workflow_id=one.id, run_id=one.run_id) async for one in with_limit]

    async def replay_findings(self, bundle: Bundle, runs: list[Run]) -> list[Finding]:
        """REPLAY_FAILED for each run that would not go on with this code; none: all would.

        Replay holds what the code does against what is written. Of a run's last task it cannot
        tell that the code would have done more.
        """
        if len(runs) > MOST_RUNS:
            said = f"more than {MOST_RUNS} executions are running; they stay where they are"
            return [Finding(rule=Rule.REPLAY_FAILED, message=said)]
        histories: dict[str, str] = {}
        findings: list[Finding] = []
        size = 0
        for run in runs:
            history = await self._history(run)
            if history is None:
                continue
            if size + len(history) > _BYTES_OF_A_TRIAL and histories:
                findings += await self._replay(bundle, histories)
                histories, size = {}, 0
            histories[run.workflow_id] = history
            size += len(history)
        if histories:
            findings += await self._replay(bundle, histories)
        return findings

    async def move(self, project_id: UUID, bundle: Bundle) -> list[Finding]:
        """Have all running executions go on with this code; or none, and why.

        UnavailableError if Temporal does not answer; it may be asked again then.
        """
        try:
            runs = await self.running_elsewhere(project_id, bundle.hash)
            if not runs:
                return []
            findings = await self.replay_findings(bundle, runs)
            if not findings:
                for run in runs:
                    await self._move(project_id, bundle.hash, run)
        except RPCError as error:
            raise UnavailableError(
                "Temporal",
                self._client.service_client.config.target_host,
                str(error).rstrip("."),
                remedy="It is tried again.",
            ) from error
        log.info(
            "Running executions were moved to another version."
            if not findings
            else "Running executions stay where they are: not all would go on with the new code.",
            action="runs.moved" if not findings else "runs.not_moved",
            project_id=str(project_id),
            runs=len(runs),
        )
        return findings

    async def _history(self, run: Run) -> str | None:
        """None if the execution is no more."""
        try:
            handle = self._client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
            return (await handle.fetch_history()).to_json()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _replay(self, bundle: Bundle, histories: dict[str, str]) -> list[Finding]:
        try:
            failures = await self._replayer.replay(bundle, histories)
        except FindingsError as error:
            return [Finding(rule=Rule.REPLAY_FAILED, message=str(error))]
        return list(_findings(failures))

    async def _move(self, project_id: UUID, bundle_hash: str, run: Run) -> None:
        version = WorkerDeploymentVersion(
            deployment_name=deployment_name(project_id), build_id=build_id(bundle_hash)
        )
        override = VersioningOverride(
            pinned=VersioningOverride.PinnedOverride(version=version, behavior=_PINNED)
        )
        try:
            await self._client.workflow_service.update_workflow_execution_options(
                UpdateWorkflowExecutionOptionsRequest(
                    namespace=self._client.namespace,
                    workflow_execution=WorkflowExecution(
                        workflow_id=run.workflow_id, run_id=run.run_id
                    ),
                    workflow_execution_options=WorkflowExecutionOptions(
                        versioning_override=override
                    ),
                    update_mask=FieldMask(paths=["versioning_override"]),
                )
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended meanwhile
                raise


def _findings(failures: dict[str, str | None]) -> Iterator[Finding]:
    for workflow_id, failure in failures.items():
        if failure is not None:
            yield Finding(
                rule=Rule.REPLAY_FAILED,
                message=f"The run {workflow_id!r} would not go on with this code: {failure}",
            )
