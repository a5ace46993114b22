"""Rows of events: the inbox of a tenant."""

from __future__ import annotations

from uuid import UUID, uuid5

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.tables import workflow_events as events
from alga_workflows_core.types.json import Json

# The root of the ids of rows: uuid5(NAMESPACE_DNS, "events.alga-workflows").
_ROOT = UUID("7761209b-a443-5f67-8b7f-eaea965e7030")


class Events:
    """The events of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def stage(
        self,
        *,
        source: str,
        event_id: str,
        event_type: str,
        subject: str | None,
        correlation_key: str | None,
        data: Json,
        published_by_run: UUID | None,
    ) -> bool:
        """Insert as STAGED: nobody is woken before it has been accepted, in a later transaction.

        The terms are those of CloudEvents; `correlation_key` is what waits find the event by. False
        if the tenant has an event of this source and id already, which stays as it is.
        """
        # A unit separator occurs in neither, so no two pairs run together.
        row_id = uuid5(_ROOT, "\x1f".join((self._tenant, source, event_id)))
        result = await self._connection.execute(
            insert(events)
            .values(
                tenant=self._tenant,
                id=row_id,
                source=source,
                event_id=event_id,
                type=event_type,
                subject=subject,
                correlation_key=correlation_key,
                data=data,
                published_by_run=published_by_run,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "source", "event_id"])
            .returning(events.c.id)
        )
        return result.one_or_none() is not None
