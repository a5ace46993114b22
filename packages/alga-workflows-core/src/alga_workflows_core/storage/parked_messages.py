"""Rows of messages that could not be taken as events, whole, until somebody has looked at them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid5

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from alga_workflows_core.infra.streams import Fields
from alga_workflows_core.storage.parked_message_tables import parked_messages
from alga_workflows_core.storage.rows import read
from alga_workflows_core.types.json import Json, JsonObject

# The root of the ids of rows: uuid5(NAMESPACE_DNS, "parked.alga-workflows").
_ROOT = UUID("c0d4cfbe-b4ca-5a0f-8cba-8fdc7be4a3cb")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewParkedMessage:
    """A message with all its fields as they were. `code`, `reason`: why it could not be taken."""

    stream: str
    message_id: str
    fields: Fields
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedMessageRow:
    """A parked message without its fields. `retried_at`: since when it is an event after all."""

    id: UUID
    stream: str
    message_id: str
    code: str
    reason: str
    parked_at: datetime
    retried_at: datetime | None
    retried_by: str | None


@dataclass(frozen=True, slots=True)
class WholeMessage:
    """A parked message with its fields."""

    row: ParkedMessageRow
    fields: Fields


class ParkedMessages:
    """The parked messages that the people of one tenant look after."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant

    async def park(self, new: NewParkedMessage) -> bool:
        """Keep a message; False if it is kept already, which stays as it is."""
        rows = await self._connection.execute(
            insert(parked_messages)
            .values(
                tenant=self._tenant,
                id=uuid5(_ROOT, f"{new.stream}\x1f{new.message_id}"),
                stream=new.stream,
                message_id=new.message_id,
                fields=[{"name": _written(name), "value": _written(v)} for name, v in new.fields],
                code=new.code,
                reason=new.reason,
            )
            .on_conflict_do_nothing(index_elements=["tenant", "id"])
            .returning(parked_messages.c.id)
        )
        return rows.one_or_none() is not None

    async def get(self, row_id: UUID) -> WholeMessage | None:
        rows = await self._connection.execute(
            select(parked_messages).where(
                parked_messages.c.tenant == self._tenant, parked_messages.c.id == row_id
            )
        )
        row = rows.mappings().one_or_none()
        return None if row is None else WholeMessage(read(ParkedMessageRow, row), _read(row))

    async def list(
        self, *, retried: bool, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[ParkedMessageRow]:
        """Those that became events, or those that did not; the newest first, beginning behind
        `after` (`parked_at` and id of a row)."""
        columns = [column for column in parked_messages.c if column.name != "fields"]
        query = select(*columns).where(
            parked_messages.c.tenant == self._tenant,
            parked_messages.c.retried_at.is_not(None)
            if retried
            else parked_messages.c.retried_at.is_(None),
        )
        if after is not None:
            place = tuple_(parked_messages.c.parked_at, parked_messages.c.id)
            query = query.where(place < tuple_(*after))
        rows = await self._connection.execute(
            query.order_by(parked_messages.c.parked_at.desc(), parked_messages.c.id.desc()).limit(
                limit
            )
        )
        return [read(ParkedMessageRow, row) for row in rows.mappings()]

    async def explain(self, row_id: UUID, *, code: str, reason: str) -> None:
        """Say why a message still could not be taken."""
        await self._set(row_id, {"code": code, "reason": reason})

    async def retried(self, row_id: UUID, *, by: str) -> None:
        """Take note that a message is an event now; who was first stays."""
        await self._set(
            row_id,
            {
                "retried_at": func.coalesce(parked_messages.c.retried_at, func.clock_timestamp()),
                "retried_by": func.coalesce(parked_messages.c.retried_by, by),
            },
        )

    async def _set(self, row_id: UUID, values: dict[str, Any]) -> None:
        await self._connection.execute(
            update(parked_messages)
            .where(parked_messages.c.tenant == self._tenant, parked_messages.c.id == row_id)
            .values(**values)
        )


def readable(raw: bytes) -> str | None:
    """The text that these bytes are; None if they are none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _written(raw: bytes) -> Json:
    text = readable(raw)
    return {"base64": base64.b64encode(raw).decode()} if text is None else text


def _read(row: Any) -> Fields:
    fields = cast("list[JsonObject]", row["fields"])
    return tuple((_bytes(field["name"]), _bytes(field["value"])) for field in fields)


def _bytes(written: Json) -> bytes:
    return written.encode() if isinstance(written, str) else base64.b64decode(written["base64"])
