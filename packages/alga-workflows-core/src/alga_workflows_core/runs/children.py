"""Runs that runs start: a called definition is a launched run and, if it is waited for, a wait.

Its own end resolves the wait (`runs.aftermath`); here it begins, and is told that its caller has
been cancelled.
"""

from __future__ import annotations

from alga_workflows_core.errors import (
    AlgaError,
    Category,
    ConflictError,
    ErrorInfo,
    InputError,
    NoSlotError,
    NotFoundError,
    TooLargeError,
)
from alga_workflows_core.runs.aftermath import EndedRun, child_resolution
from alga_workflows_core.runs.called import TRIGGER_CHILD, called_run
from alga_workflows_core.runs.launch import Launcher, LaunchRequest, Origin
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Due, UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.temporal.names import cancel_id
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import FINAL_RUN_STATES, RunStatus

DEPTH_LIMIT = "CHILD_DEPTH_LIMIT"
MAX_DEPTH = 20
"""So many runs may be above a run, each started by the one above it."""


class Children:
    """The rules of waits of kind `child`, and the children that nobody waits for."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        """Nothing: what has to be locked is known when the child's version is."""

    async def opened(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject | None:
        """Launch the child. None: it runs; else how it ended, or why it cannot be started."""
        try:
            child = await self._launch(work, identity, wait, waits=True)
        except _REFUSALS as error:
            return await _refused(work, wait, error)
        return _end_of(child) if child.status in FINAL_RUN_STATES else None

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:
        """Have the child asked to cancel: its end is what ends the wait. One that is not there, or
        has ended, does not keep the wait open."""
        child = called_run(identity.tenant_id, wait)
        run = await work.runs.get(child)
        if run is None or run.status in FINAL_RUN_STATES:
            return True
        await work.deliveries.add_cancel(cancel_id(wait.id), child)
        work.leaves(Due.DELIVERIES)
        return False

    async def detached(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject:
        """Launch a child that nobody waits for: its `runId`, or why it cannot be started."""
        try:
            child = await self._launch(work, identity, wait, waits=False)
        except _REFUSALS as error:
            return await _refused(work, wait, error)
        return {"runId": str(child.id)}

    async def _launch(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait, *, waits: bool
    ) -> RunRow:
        lineage = identity.lineage
        depth = 1 if lineage is None else lineage.depth + 1
        if depth > MAX_DEPTH:
            raise InputError(
                f"{MAX_DEPTH} runs are above this one, each called by another; that is the limit.",
                code=DEPTH_LIMIT,
            )
        request = LaunchRequest(
            tenant=identity.tenant_id,
            definition_id=wait.detail["workflowId"],
            trigger_type=TRIGGER_CHILD,
            key=str(wait.id),
            payload=wait.detail["payload"],
            version=wait.detail["workflowVersion"],
            by=f"run:{identity.run_id}",
            origin=Origin(
                parent_run_id=identity.run_id,
                parent_wait_id=wait.id if waits else None,
                root_run_id=identity.run_id if lineage is None else lineage.root_run_id,
                depth=depth,
            ),
        )
        return (await self._launcher.launch_in(work, request)).run


_REFUSALS = (InputError, NotFoundError, ConflictError)


async def _refused(work: UnitOfWork, wait: OpenedWait, error: AlgaError) -> JsonObject:
    """The end of a child that never began."""
    info = ErrorInfo(
        code=await _code_of(work, wait, error),
        category=_category_of(error),
        message=error.message,
        details=error.details,
    )
    return {
        "runId": None,
        "status": RunStatus.FAILED.value,
        "result": None,
        "error": info.as_json(),
    }


async def _code_of(work: UnitOfWork, wait: OpenedWait, error: AlgaError) -> str:
    if not isinstance(error, NotFoundError):
        return error.error_code
    known = await work.definitions.get(wait.detail["workflowId"]) is not None
    return "WORKFLOW_VERSION_UNKNOWN" if known else "WORKFLOW_UNKNOWN"


def _category_of(error: AlgaError) -> Category:
    limits = isinstance(error, TooLargeError | NoSlotError) or error.error_code == DEPTH_LIMIT
    return Category.LIMIT if limits else Category.VALIDATION


def _end_of(child: RunRow) -> JsonObject:
    return child_resolution(
        EndedRun(
            id=child.id,
            parent_wait_id=child.parent_wait_id,
            status=child.status,
            result=child.result,
            error=child.error,
        )
    )
