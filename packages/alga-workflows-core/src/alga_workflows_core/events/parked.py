"""Messages that could not be taken as events, as people look at them and try them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from alga_workflows_core.errors import ConflictError, NotFoundError
from alga_workflows_core.events.stream_messages import StreamPolicy, Unfit, read_message
from alga_workflows_core.storage.parked_messages import ParkedMessageRow, WholeMessage
from alga_workflows_core.storage.unit_of_work import Due, Storage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The event that a message is after all. `duplicate`: there was such an event already."""

    tenant: str
    source: str
    event_id: str
    duplicate: bool


class ParkedMessageService:
    """Parked messages. `policy` is that of the stream; without one nothing can be tried again."""

    def __init__(self, storage: Storage, policy: StreamPolicy | None = None) -> None:
        self._storage = storage
        self._policy = policy

    async def list(
        self, tenant: str, *, retried: bool, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[ParkedMessageRow]:
        """Those that became events, or those that did not; the newest first, behind `after`."""
        async with self._storage.unit_of_work(tenant) as work:
            return await work.parked_messages.list(retried=retried, after=after, limit=limit)

    async def get(self, tenant: str, row_id: UUID) -> WholeMessage:
        """One message, whole; NotFoundError."""
        async with self._storage.unit_of_work(tenant) as work:
            found = await work.parked_messages.get(row_id)
        if found is None:
            raise NotFoundError(
                f"There is no parked message {row_id}.", remedy="GET /parked-messages lists them."
            )
        return found

    async def retry(self, tenant: str, row_id: UUID, *, by: str) -> Retried:
        """Read a message anew, by the settings of now, and stage its event. Repeating it changes
        nothing. ConflictError if it still cannot be taken, which the row then says."""
        found = await self.get(tenant, row_id)
        if self._policy is None:
            raise ConflictError(
                "This process takes messages from no stream, so nobody can say what this one may.",
                code="NO_STREAM",
                remedy="Set WORKFLOW_REDIS_URL and what belongs to it.",
            )
        row = found.row
        said = read_message(row.stream, row.message_id, found.fields, self._policy)
        if isinstance(said, Unfit):
            async with self._storage.unit_of_work(tenant) as work:
                await work.parked_messages.explain(row_id, code=said.code, reason=said.reason)
            raise ConflictError(
                f"The message still cannot be taken: {said.reason}",
                code="MESSAGE_UNFIT",
                details={"reason": said.code},
                remedy="Remove the cause, or have its publisher send another one.",
            )
        # The event first: should the row not be marked, another retry finds a duplicate.
        (staged,) = await self._storage.across.stage_events([(said.tenant, said.event)])
        async with self._storage.unit_of_work(tenant) as work:
            await work.parked_messages.retried(row_id, by=by)
            work.leaves(Due.EVENTS)
        log.info(
            "A parked message was taken.",
            action="stream.message_retried",
            tenant=tenant,
            message=row.message_id,
            by=by,
        )
        return Retried(
            tenant=said.tenant,
            source=said.event.source,
            event_id=said.event.event_id,
            duplicate=not staged,
        )
