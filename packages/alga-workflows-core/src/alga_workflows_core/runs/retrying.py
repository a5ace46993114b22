"""Retry a run that has failed: a new execution of it goes on at the step that failed."""

from __future__ import annotations

from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, NotFoundError
from alga_workflows_core.runs.admission import readmit
from alga_workflows_core.runs.checkpoints import Kept, kept_before
from alga_workflows_core.storage.definitions import VersionRow
from alga_workflows_core.storage.open_runs import LAST_SEQ
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import Storage, UnitOfWork
from alga_workflows_core.types.states import RunStatus

log = structlog.get_logger()

RETRIED = frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT})


class RunRetries:
    """Retries of runs of any tenant, named in each call."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def retry(
        self,
        tenant: str,
        run_id: UUID,
        *,
        by: str,
        reason: str = "",
        version: int | None = None,
        epoch: int | None = None,
    ) -> RunRow:
        """Queue the run anew, in the next epoch, by another `version` if one is given; only if it
        is still in `epoch`, if that is given. The run as it is then.

        NotFoundError (run, version), NoSlotError, and ConflictError: `RUN_NOT_FAILED`,
        `EPOCH_CHANGED`, `CHECKPOINT_MISSING`, `VERSION_UNFIT` (`details.steps`). Nothing has
        changed when it raises.
        """
        async with self._storage.unit_of_work(tenant) as work:
            run = await _retriable(work, run_id, epoch)
            wanted = await _version(work, run, version or run.version)
            kept = await kept_before(work, run, run.epoch + 1)
            await _check(run, kept, wanted)
            if not await work.open_runs.reopen(run, wanted.version):
                raise _changed(run, "It has changed meanwhile.")
            await readmit(work, run, wanted.parsed())
            queued = await work.runs.get(run_id)
        log.info(
            f"Run {run_id} is queued anew, by version {wanted.version}",
            action="run.retry_requested",
            run_id=str(run_id),
            tenant=tenant,
            by=by,
            reason=reason,
            epoch=run.epoch + 1,
        )
        return queued or run


async def _retriable(work: UnitOfWork, run_id: UUID, epoch: int | None) -> RunRow:
    run = await work.runs.get(run_id)
    if run is None:
        raise NotFoundError(
            f"There is no run {run_id}.", remedy="GET /api/v1/runs lists the newest."
        )
    if epoch is not None and run.epoch != epoch:
        raise _changed(run, f"Somebody has retried it: it is in epoch {run.epoch}, not {epoch}.")
    if run.status not in RETRIED:
        raise ConflictError(
            f"Run {run_id} is {run.status}; only runs that have FAILED or TIMED_OUT are retried.",
            code="RUN_NOT_FAILED",
            remedy="Start a new run.",
            details={"runStatus": run.status.value, "epoch": run.epoch},
        )
    return run


async def _version(work: UnitOfWork, run: RunRow, wanted: int) -> VersionRow:
    version = await work.definitions.version(run.definition_id, wanted)
    if version is None:
        raise NotFoundError(
            f"Definition {run.definition_id!r} has no version {wanted}.",
            remedy=f"GET /api/v1/definitions/{run.definition_id}/versions lists them.",
        )
    return version


async def _check(run: RunRow, kept: Kept | None, version: VersionRow) -> None:
    """Whether there is something to go on from. A run that nobody has started begins anew."""
    if run.temporal_run_id is None:
        may_go_on = kept is not None or run.epoch == 0
    else:
        may_go_on = kept is not None and run.seq != LAST_SEQ
    if not may_go_on:
        raise _no_checkpoint(run)
    if kept is None:
        return
    try:
        found = await kept.resumed(version, run.epoch + 1)
    except ValueError as error:
        raise _no_checkpoint(run) from error
    if found.unfit:
        raise ConflictError(
            f"Version {version.version} does not have all steps that were under way in the run: "
            f"{', '.join(found.unfit[:5])}.",
            code="VERSION_UNFIT",
            remedy="Name a version that has them where they were, with the same type.",
            details={"steps": list(found.unfit)},
        )


def _no_checkpoint(run: RunRow) -> ConflictError:
    return ConflictError(
        f"Run {run.id} has kept no place to go on from: it was ended from outside, by an engine "
        "that keeps none, or with an error that is not one step's.",
        code="CHECKPOINT_MISSING",
        remedy="Start a new run.",
        details={"runStatus": run.status.value},
    )


def _changed(run: RunRow, why: str) -> ConflictError:
    return ConflictError(
        f"Run {run.id} is not as it was. {why}",
        code="EPOCH_CHANGED",
        remedy="Look at it and decide again.",
        details={"runStatus": run.status.value, "epoch": run.epoch},
    )
