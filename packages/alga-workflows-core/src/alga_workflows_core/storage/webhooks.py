"""Rows of webhooks: who may tell events by a signature, and what becomes of what they send."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.storage.rows import read
from alga_workflows_core.storage.webhook_tables import webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """What a webhook is set to. `secret` and `previous_secret` are names of secrets of the tenant,
    never the secrets; the previous one counts until `previous_until`. `tolerance`: seconds between
    a message's timestamp and now. Paths lead to the event's id and key in what is sent."""

    event_name: str
    secret: str
    tolerance: int
    enabled: bool = True
    id_path: str | None = None
    key_path: str | None = None
    previous_secret: str | None = None
    previous_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow(NewWebhook):
    """A webhook. `id`, which nobody can guess, is its address; it stays when it is set anew."""

    name: str
    id: UUID
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class Webhooks:
    """The webhooks of one tenant."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def save(
        self, name: str, new: NewWebhook, *, new_id: UUID, by: str
    ) -> tuple[WebhookRow, bool]:
        """Set the webhook of that name; whether it was not there, and has got `new_id`."""
        values = asdict(new)
        statement = insert(webhooks).values(
            tenant=self._tenant, name=name, id=new_id, created_by=by, updated_by=by, **values
        )
        rows = await self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant", "name"],
                set_={**values, "updated_by": by, "updated_at": func.clock_timestamp()},
            ).returning(webhooks, literal_column("xmax = 0", Boolean).label("created"))
        )
        row = rows.mappings().one()
        return read(WebhookRow, row), bool(row["created"])

    async def get(self, name: str) -> WebhookRow | None:
        rows = await self._connection.execute(
            select(webhooks).where(webhooks.c.tenant == self._tenant, webhooks.c.name == name)
        )
        row = rows.mappings().one_or_none()
        return None if row is None else read(WebhookRow, row)

    async def at(self, webhook_id: UUID) -> tuple[WebhookRow, datetime] | None:
        """The webhook with that address, and the time by the database's clock."""
        rows = await self._connection.execute(
            select(webhooks, func.clock_timestamp().label("now")).where(
                webhooks.c.tenant == self._tenant, webhooks.c.id == webhook_id
            )
        )
        row = rows.mappings().one_or_none()
        return None if row is None else (read(WebhookRow, row), row["now"])

    async def list(self, *, after: str | None, limit: int) -> list[WebhookRow]:
        """By name, beginning behind `after`."""
        query = select(webhooks).where(webhooks.c.tenant == self._tenant)
        if after is not None:
            query = query.where(webhooks.c.name > after)
        rows = await self._connection.execute(query.order_by(webhooks.c.name).limit(limit))
        return [read(WebhookRow, row) for row in rows.mappings()]

    async def remove(self, name: str) -> bool:
        """Whether there was such a webhook."""
        rows = await self._connection.execute(
            delete(webhooks)
            .where(webhooks.c.tenant == self._tenant, webhooks.c.name == name)
            .returning(webhooks.c.id)
        )
        return rows.one_or_none() is not None
