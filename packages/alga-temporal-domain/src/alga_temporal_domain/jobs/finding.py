"""Jobs that Temporal has and no row tells of: PostgreSQL was away when they began."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from temporalio.client import Client, WorkflowExecution

from alga_temporal_domain.jobs.names import GENERIC_JOB_WORKFLOW, job_id_of_workflow
from alga_temporal_domain.jobs.outages import RPC_TIMEOUT, temporal_outage
from alga_temporal_domain.storage.jobs import JobRef
from alga_temporal_domain.storage.unit_of_work import DomainStorage

log = structlog.get_logger()

FIND_SECONDS = 30.0
FIRST_LOOK_BACK = timedelta(hours=24)
OVERLAP = timedelta(minutes=2)
"""The server's index may be that late."""

_BATCH = 500


def job_memo(
    *, tenant: str, name: str, job_id: UUID | None, schedule_key: str | None, actor: str | None
) -> dict[str, str | None]:
    """What a job's run is marked with, so that it can be told what it is without its history."""
    return {
        "tenant": tenant,
        "job": name,
        "jobId": None if job_id is None else str(job_id),
        "schedule": schedule_key,
        "actor": actor,
    }


class Finding:
    """Looks through the jobs of the last time. Each process looks; who is second finds the row."""

    def __init__(self, *, storage: DomainStorage, client: Client, address: str) -> None:
        self._storage = storage
        self._client = client
        self._address = address
        self._since = datetime.now(UTC) - FIRST_LOOK_BACK

    async def find(self) -> None:
        """Write rows for runs that have none. What was looked through once is not again."""
        began = datetime.now(UTC)
        refs: list[JobRef] = []
        query = (
            f"WorkflowType = '{GENERIC_JOB_WORKFLOW}' AND StartTime >= '{self._since.isoformat()}'"
        )
        with temporal_outage(self._address):
            async for each in self._client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
                ref = _ref(each, await each.memo())
                if ref is not None:
                    refs.append(ref)
                if len(refs) >= _BATCH:
                    await self._write(refs)
                    refs = []
        await self._write(refs)
        self._since = began - OVERLAP

    async def _write(self, refs: list[JobRef]) -> None:
        for tenant in dict.fromkeys(ref.tenant for ref in refs):
            async with self._storage.unit_of_work(tenant) as work:
                for ref in refs:
                    if ref.tenant == tenant:
                        await work.jobs.ensure(ref)


def _ref(run: WorkflowExecution, memo: Mapping[str, Any]) -> JobRef | None:
    tenant, name = memo.get("tenant"), memo.get("job")
    if not isinstance(tenant, str) or not isinstance(name, str):
        # Somebody else has started it; it gets its row when its handler is called.
        return None
    is_delayed = run.execution_time is not None and run.execution_time > run.start_time
    return JobRef(
        tenant=tenant,
        id=UUID(memo["jobId"]) if memo.get("jobId") else job_id_of_workflow(run.id),
        name=name,
        workflow_id=run.id,
        run_id=run.run_id,
        created_at=run.start_time,
        schedule_key=memo.get("schedule"),
        actor=memo.get("actor"),
        start_at=run.execution_time if is_delayed else None,
    )
