"""Starts executions of a project's workflows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from alga_temporal_domain.projects.publishing import Publishing, found
from alga_temporal_domain.storage.projects import ProjectRow
from alga_temporal_domain.storage.unit_of_work import DomainStorage
from alga_temporal_domain.storage.versions import Versions
from alga_workflows_core.errors import NotFoundError, UnavailableError
from alga_workflows_core.infra.temporal import AWAY, REMEDY
from alga_workflows_core.types.json import Json
from alga_workflows_core.types.suggest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOrder:
    """A workflow by its name, with no argument or one. `wait`: seconds to wait for the end."""

    workflow: str
    arguments: tuple[Json, ...]
    id: str | None
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An execution. `created` is false where the id had one already. `status` is Temporal's, in
    lower case; `result` and `error` are None until it has ended."""

    workflow_id: str
    run_id: str
    created: bool
    status: str
    result: Json = None
    error: str | None = None


class ProjectRuns:
    """Executions on the queues of projects."""

    def __init__(
        self, *, storage: DomainStorage, publishing: Publishing, client: Client, address: str
    ) -> None:
        self._storage = storage
        self._publishing = publishing
        self._client = client
        self._address = address

    async def start(self, tenant: str, project_id: UUID, order: StartOrder) -> Started:
        """Start an execution, or find the one that has its id; a sleeping project is woken.

        NotFoundError if the active code has no such workflow.
        """
        project = await self._project(tenant, project_id)
        await self._refuse_unknown(tenant, project_id, order.workflow)
        workflow_id = f"{project_id}/{order.id or f'{order.workflow}-{uuid4()}'}"
        try:
            handle, created = await self._begin(project, workflow_id, order)
            await self._wake(tenant, project_id)
            ended = await _ended(handle, order.wait) if order.wait else None
            status = await _status(handle)
        except RPCError as error:
            raise self._outage(error) from error
        result, failure = ended or (None, None)
        return Started(
            workflow_id=workflow_id,
            run_id=str(handle.result_run_id or handle.run_id),
            created=created,
            status=status,
            result=result,
            error=failure,
        )

    async def _project(self, tenant: str, project_id: UUID) -> ProjectRow:
        async with self._storage.unit_of_work(tenant) as work:
            return await found(work, project_id)

    async def _refuse_unknown(self, tenant: str, project_id: UUID, name: str) -> None:
        bundle = await self._publishing.active(tenant, project_id)
        names = () if bundle is None else bundle.manifest.workflows
        if name not in names:
            there = f"Its workflows are {', '.join(names)}." if names else "Nothing is active."
            meant = did_you_mean(name, list(names))
            raise NotFoundError(
                f"The project has no workflow {name!r}.",
                code="WORKFLOW_UNKNOWN",
                remedy=f"{meant} {there}" if meant else there,
            )

    async def _begin(
        self, project: ProjectRow, workflow_id: str, order: StartOrder
    ) -> tuple[WorkflowHandle[Any, Any], bool]:
        try:
            handle = await self._client.start_workflow(
                order.workflow,
                args=list(order.arguments),
                id=workflow_id,
                task_queue=project.task_queue_name,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        except WorkflowAlreadyStartedError as error:
            return self._client.get_workflow_handle(workflow_id, run_id=error.run_id), False
        return handle, True

    async def _wake(self, tenant: str, project_id: UUID) -> None:
        async with self._storage.transaction(tenant) as connection:
            await Versions(connection, tenant).wake(project_id)

    def _outage(self, error: RPCError) -> Exception:
        if error.status not in AWAY:
            return error
        return UnavailableError("Temporal", self._address, error.message, remedy=REMEDY)


async def _ended(
    handle: WorkflowHandle[Any, Any], seconds: float
) -> tuple[Json, str | None] | None:
    """Result and failure; None if it has not ended in time."""
    try:
        async with asyncio.timeout(seconds):
            return await handle.result(), None
    except TimeoutError:
        return None
    except WorkflowFailureError as error:
        return None, _reason(error)


def _reason(error: WorkflowFailureError) -> str:
    """The innermost cause, which is what the code has raised."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return str(cause)


async def _status(handle: WorkflowHandle[Any, Any]) -> str:
    described = await handle.describe()
    status = described.status or WorkflowExecutionStatus.RUNNING
    return status.name.lower()
