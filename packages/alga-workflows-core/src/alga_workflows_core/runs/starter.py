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
from alga_workflows_core.storage.unit_of_work import Storage
from alga_workflows_core.temporal.names import RUN_WORKFLOW, TASK_QUEUE, workflow_id
from alga_workflows_core.temporal.wire import RunInput

log = structlog.get_logger()

BATCH = 20
LEASE = timedelta(seconds=30)
RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
# A workflow task may replay pure work of about three seconds, on a slow machine several times that.
TASK_TIMEOUT = timedelta(seconds=60)
RPC_TIMEOUT = timedelta(seconds=10)
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
        task_timeout: timedelta = TASK_TIMEOUT,
    ) -> None:
        self._storage = storage
        self._client = client
        self._metrics = metrics
        self._task_timeout = task_timeout

    async def start_due(self) -> None:
        """Start every run that is due now."""
        while True:
            claimed = await self._storage.claim_run_starts(BATCH, LEASE)
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
            run = await work.runs.get(run_id)
            version = (
                None
                if run is None
                else await work.definitions.version(run.definition_id, run.version)
            )
        if run is None or version is None:
            return
        start = RunInput.model_validate(
            {
                "runId": run.id,
                "tenantId": tenant,
                "workflowId": run.definition_id,
                "workflowVersion": run.version,
                "triggerType": run.trigger_type,
                "executionKey": run.execution_key,
                "epoch": run.epoch,
                "createdBy": run.created_by,
                "engine": version.engine,
                "expressionEngine": version.expression_engine,
                "payload": run.payload,
                "definition": version.parsed(),
                "actions": version.actions,
            }
        )
        try:
            await self._client.start_workflow(
                RUN_WORKFLOW,
                start,
                id=workflow_id(run_id),
                task_queue=TASK_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=self._task_timeout,
                rpc_timeout=RPC_TIMEOUT,
                static_summary=f"{run.definition_id} {run.version}",
            )
        except WorkflowAlreadyStartedError:
            # It was started before and has ended; its own flush writes the row.
            self._metrics.run_start("repeated")
        except RPCError as error:
            await self._not_started(tenant, run_id, run.start_attempts, error)
        else:
            self._metrics.run_start("started")

    async def _not_started(self, tenant: str, run_id: UUID, attempts: int, error: RPCError) -> None:
        final = error.status in REFUSED_FOR_GOOD
        log.warning(
            f"Run {run_id} could not be started: {error.message}",
            action="run.start_failed",
            run_id=str(run_id),
            tenant=tenant,
            attempt=attempts,
            final=final,
        )
        self._metrics.run_start("refused" if final else "postponed")
        async with self._storage.unit_of_work(tenant) as work:
            if final:
                info = ErrorInfo(
                    code="START_REFUSED",
                    category=Category.VALIDATION,
                    message=f"Temporal refused to start the run: {error.message}",
                )
                await work.runs.fail_start(run_id, info.as_json())
            else:
                delay = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
                await work.runs.postpone_start(run_id, delay)
