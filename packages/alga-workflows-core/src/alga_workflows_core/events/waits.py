"""What event waits do besides having a row: events find them, and they look back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from alga_workflows_core.definition.event_matching import Refused, Taken, offer
from alga_workflows_core.events.seen import as_seen
from alga_workflows_core.storage.event_locks import NameAndKey
from alga_workflows_core.storage.event_waits import Beginning, FoundEvent
from alga_workflows_core.storage.inbox import Refusal
from alga_workflows_core.storage.unit_of_work import UnitOfWork
from alga_workflows_core.storage.waits import WaitRow
from alga_workflows_core.temporal.wire import OpenedWait, RunIdentity
from alga_workflows_core.types.json import JsonObject
from alga_workflows_core.types.states import WaitStatus

_AT_ONCE = 100


class EventWaitRules:
    """The rules of waits of kind `event`."""

    async def lock(self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait) -> None:
        """Before anything else in the transaction: whoever accepts an event takes the same locks
        before it touches rows."""
        await work.event_waits.lock(identity.run_id, _looked_for(wait))

    async def opened(
        self, work: UnitOfWork, identity: RunIdentity, wait: OpenedWait
    ) -> JsonObject | None:
        """Have later events meet the wait, then look back; the resolution by an event that was
        there already, which is the wait's now. What has ended it, if something has since it was
        looked at."""
        # Nobody ends it before this transaction does: the event would be its and nobody's.
        row = await work.waits.get(wait.id, lock=True)
        if row is not None and row.status is not WaitStatus.WAITING:
            return row.resolution
        looked_for = _looked_for(wait)
        await work.event_waits.look_for(wait.id, looked_for)
        began = await work.event_waits.began(identity.run_id)
        since = [_earliest(began, match) for match in _matches(wait)]
        unspent = await work.event_waits.unspent(
            identity.run_id, zip(looked_for, since, strict=True), began.starter
        )
        for start in range(0, len(unspent), _AT_ONCE):
            for found in await work.event_waits.read(unspent[start : start + _AT_ONCE]):
                resolution = await _offer(work, identity.run_id, wait, began, found)
                if resolution is not None:
                    return resolution
        return None

    async def closing(self, work: UnitOfWork, identity: RunIdentity, wait: WaitRow) -> bool:  # noqa: ARG002
        """It may close whenever its run wants it to."""
        return True


async def _offer(
    work: UnitOfWork, run_id: UUID, wait: OpenedWait, began: Beginning, found: FoundEvent
) -> JsonObject | None:
    event = as_seen(found.row)
    accepted_at = found.row.accepted_at or found.row.received_at
    answer = offer(
        event,
        found.keys,
        wait.detail,
        reaches=lambda match: accepted_at >= _earliest(began, match),
    )
    if isinstance(answer, Taken):
        resolution: JsonObject = {"match": answer.match, "event": event}
        # The answer tells the run; nothing has to be delivered.
        await work.waits.resolve(wait.id, resolution, "event", event_id=found.row.id, deliver=False)
        return resolution
    if isinstance(answer, Refused):
        refusal = Refusal(
            event_id=found.row.id,
            run_id=run_id,
            wait_id=wait.id,
            match=answer.match,
            filter=answer.filter,
        )
        await work.inbox.add_refusals([refusal])
    return None


def _earliest(began: Beginning, match: JsonObject) -> datetime:
    return began.at - timedelta(seconds=match["lookback"])


def _matches(wait: OpenedWait) -> Sequence[JsonObject]:
    matches: Sequence[JsonObject] = wait.detail["matches"]
    return matches


def _looked_for(wait: OpenedWait) -> list[NameAndKey]:
    return [NameAndKey(match["eventName"], match["correlationKey"]) for match in _matches(wait)]
