"""Checkpoints of runs that have failed: kept by the run itself, read when it is retried."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from alga_workflows_core.definition.document import Definition
from alga_workflows_core.definition.identity import document_text
from alga_workflows_core.interpreter.resuming import Resumption, resume, waits_under_way
from alga_workflows_core.storage.checkpoints import CheckpointRow
from alga_workflows_core.storage.definitions import VersionRow
from alga_workflows_core.storage.runs import RunRow
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.temporal.names import wait_id
from alga_workflows_core.temporal.wire import RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import WaitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint with all that is needed to go on from it. `resolutions`: what the rows know of
    the waits that were open then, by key."""

    checkpoint: JsonObject
    former: VersionRow
    resolutions: dict[str, JsonObject]

    async def resumed(self, version: VersionRow, epoch: int) -> Resumption:
        """How the run goes on in `epoch` by `version`."""
        return await asyncio.to_thread(
            resume,
            self.checkpoint,
            former=_definition(self.former),
            definition=_definition(version),
            epoch=epoch,
            resolutions=self.resolutions,
        )


async def keep_checkpoint(work: UnitOfWork, identity: RunIdentity, checkpoint: str) -> None:
    """In the transaction of a batch of the run's facts."""
    row = CheckpointRow(
        run_id=identity.run_id,
        epoch=identity.epoch,
        version=identity.workflow_version,
        checkpoint=checkpoint,
    )
    await work.checkpoints.keep(row)


async def kept_before(work: UnitOfWork, run: RunRow, epoch: int) -> Kept | None:
    """The checkpoint of the run, if that is of an epoch below `epoch`."""
    row = await work.checkpoints.get(run.id)
    if row is None or row.epoch >= epoch:
        return None
    former = await work.definitions.version(run.definition_id, row.version)
    if former is None:
        return None
    checkpoint: JsonObject = json.loads(row.checkpoint)
    resolutions: dict[str, JsonObject] = {}
    for key in waits_under_way(checkpoint):
        wait = await work.waits.get(wait_id(run.id, key))
        if wait is None or wait.status is not WaitStatus.RESOLVED or wait.resolution is None:
            continue
        resolutions[key] = wait.resolution
    return Kept(checkpoint=checkpoint, former=former, resolutions=resolutions)


def _definition(version: VersionRow) -> Definition:
    document = document_text(version.parsed())
    return Definition.model_validate_json(document, by_alias=True, by_name=False)
