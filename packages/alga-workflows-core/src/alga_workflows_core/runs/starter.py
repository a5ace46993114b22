"""Start queued runs on Temporal. Works through the table, so nothing that was committed is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from alga_workflows_core.errors import Category, ErrorInfo
from alga_workflows_core.infra.metrics import Metrics
from alga_workflows_core.runs.checkpoints import kept_before
from alga_workflows_core.runs.closing import RunCloser
from alga_workflows_core.runs.reconciler import Reconciler
from alga_workflows_core.runs.stopping import stop_execution
from alga_workflows_core.storage.definitions import VersionRow
from alga_workflows_core.storage.open_runs import RunEnding
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.executions import Executions
from alga_workflows_core.temporal.names import RUN_WORKFLOW, TASK_QUEUE, workflow_id
from alga_workflows_core.temporal.wire import Lineage, RunInput
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import RunStatus

log = structlog.get_logger()

BATCH = 20
LEASE = timedelta(seconds=30)
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
# A workflow task may replay pure work of about three seconds, on a slow machine several times that.
TASK_TIMEOUT = timedelta(seconds=60)
SOON_SECONDS = 0.2
RPC_TIMEOUT = timedelta(seconds=10)
# A run that was started is asked about, not started again, unless its execution is gone.
CONFIRMED = timedelta(hours=1)
REFUSED_FOR_GOOD = frozenset({RPCStatusCode.INVALID_ARGUMENT})


class RunStarter:
    """Claims due runs in small batches and starts each, idempotently, on its own.

    After `task_timeout` a workflow task that a killed worker was busy with goes to another one.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        client: Client,
        metrics: Metrics,
        executions: Executions,
        reconciler: Reconciler,
        closer: RunCloser,
        task_timeout: timedelta = TASK_TIMEOUT,
    ) -> None:
        self._storage = storage
        self._client = client
        self._metrics = metrics
        self._executions = executions
        self._reconciler = reconciler
        self._closer = closer
        self._task_timeout = task_timeout

    async def start_due(self) -> None:
        """Start every run that is due now."""
        while True:
            claimed = await self._storage.across.claim_run_starts(BATCH, LEASE)
            await asyncio.gather(*(self._start_one(tenant, run) for tenant, run in claimed))
            if len(claimed) < BATCH:
                return

    async def _start_one(self, tenant: str, run_id: UUID) -> None:
        try:
            await self._start(tenant, run_id)
        except Exception:
            # One run that cannot be started must not hold up the others; its lease brings it back.
            self._metrics.run_start("failed")
            log.exception(
                f"Starting run {run_id} failed; it will be tried again",
                action="run.start_failed",
                run_id=str(run_id),
                tenant=tenant,
            )

    async def _start(self, tenant: str, run_id: UUID) -> None:
        async with self._storage.unit_of_work(tenant) as work:
            run = await work.open_runs.begin_start(run_id, self._client.namespace)
            if run is None:
                return
            version = await work.definitions.version(run.definition_id, run.version)
            kept = await kept_before(work, run, run.epoch) if run.epoch else None
        if version is None:
            await self._refuse(
                tenant,
                run,
                "VERSION_LOST",
                f"Version {run.version} of definition {run.definition_id!r} is not there.",
            )
            return
        if run.epoch and not await self._may_follow(tenant, run):
            return
        state = None if kept is None else (await kept.resumed(version, run.epoch)).state
        try:
            handle = await self._client.start_workflow(
                RUN_WORKFLOW,
                _start_input(tenant, run, version, state),
                id=workflow_id(run_id),
                task_queue=TASK_QUEUE,
                id_reuse_policy=_reuse(run),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=self._task_timeout,
                rpc_timeout=RPC_TIMEOUT,
                static_summary=f"{run.definition_id} {run.version}",
            )
        except WorkflowAlreadyStartedError:
            # It was started before and has ended: by itself, then its own flush has written the
            # row; or from outside, then nobody has.
            self._metrics.run_start("repeated")
            await self._reconciler.heal(tenant, run_id)
        except RPCError as error:
            await self._not_started(tenant, run, error)
        else:
            self._metrics.run_start("started")
            await self._started(tenant, run, handle.first_execution_run_id)

    async def _may_follow(self, tenant: str, run: RunRow) -> bool:
        """Whether this epoch may be started behind those that Temporal has had. What it has of this
        one is told by the start if it is open, else it is not begun again."""
        newest = await self._executions.newest(run.id)
        if newest is None:
            return True
        begun = (await self._executions.start_input(newest)).epoch >= run.epoch
        if newest.is_open == begun:
            return True
        if begun:
            self._metrics.run_start("repeated")
            await self._reconciler.heal(tenant, run.id)
            return False
        # Its last rows are written, and it is about to end.
        async with self._storage.unit_of_work(tenant) as work:
            await work.runs.postpone_start(run.id, SOON_SECONDS)
        return False

    async def _started(self, tenant: str, run: RunRow, temporal_run_id: str | None) -> None:
        """From here on the reconciler asks Temporal about the run, until its first rows come."""
        async with self._storage.unit_of_work(tenant) as work:
            stop = await work.open_runs.confirm_start(run, temporal_run_id, CONFIRMED)
        if stop is None:
            return
        await stop_execution(self._executions, run.id, stop)
        async with self._storage.unit_of_work(tenant) as work:
            await work.open_runs.forget_stop(run.id, run.epoch)
        # A run that was terminated writes no rows.
        await self._reconciler.heal(tenant, run.id)

    async def _not_started(self, tenant: str, run: RunRow, error: RPCError) -> None:
        if error.status in REFUSED_FOR_GOOD:
            why = f"Temporal refused to start the run: {error.message}"
            await self._refuse(tenant, run, "START_REFUSED", why)
            return
        log.warning(
            f"Run {run.id} could not be started: {error.message}",
            action="run.start_failed",
            run_id=str(run.id),
            tenant=tenant,
            attempt=run.start_attempts,
            final=False,
        )
        self._metrics.run_start("postponed")
        delay = RETRY_SECONDS[min(run.start_attempts, len(RETRY_SECONDS)) - 1]
        async with self._storage.unit_of_work(tenant) as work:
            await work.runs.postpone_start(run.id, delay)

    async def _refuse(self, tenant: str, run: RunRow, code: str, why: str) -> None:
        """Close a run that can never be started."""
        self._metrics.run_start("refused")
        info = ErrorInfo(code=code, category=Category.VALIDATION, message=why)
        ending = RunEnding(status=RunStatus.FAILED, error=info.as_json())
        await self._closer.close(tenant, run, ending)


def _lineage(run: RunRow) -> Lineage | None:
    if run.parent_run_id is None:
        return None
    return Lineage(
        parent_run_id=run.parent_run_id,
        parent_wait_id=run.parent_wait_id,
        root_run_id=run.root_run_id or run.parent_run_id,
        depth=run.depth,
    )


def _reuse(run: RunRow) -> WorkflowIDReusePolicy:
    """A retry comes after an execution that has failed; nothing else does."""
    if run.epoch:
        return WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
    return WorkflowIDReusePolicy.REJECT_DUPLICATE


def _start_input(
    tenant: str, run: RunRow, version: VersionRow, state: JsonObject | None
) -> RunInput:
    return RunInput.model_validate(
        {
            "runId": run.id,
            "tenantId": tenant,
            "workflowId": run.definition_id,
            "workflowVersion": run.version,
            "triggerType": run.trigger_type,
            "executionKey": run.execution_key,
            "epoch": run.epoch,
            "createdBy": run.created_by,
            "lineage": _lineage(run),
            "engine": version.engine,
            "expressionEngine": version.expression_engine,
            "payload": run.payload,
            "definition": version.parsed(),
            "actions": version.actions,
            "state": state,
        }
    )
